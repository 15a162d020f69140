//! Odd input: one clear error in OpenAI's shape each, and the server goes on.

use super::*;
use serde_json::json;

/// Refused with this status, naming this field; afterwards the server still draws.
async fn refused(server: &Server, answer: Answer, status: u16, param: Value, what: &str) {
    let error = answer.error();
    assert_eq!((answer.status.as_u16(), &error["param"]), (status, &param), "{what}: {error}");
    assert!(server.painter.asked.lock().unwrap().is_empty(), "{what} reached the model");
}

#[tokio::test]
async fn fields_out_of_bounds_are_refused_by_name() {
    let server = server(Turn::Paints).await;
    for (param, fields) in [
        ("prompt", json!({})),
        ("prompt", json!({"prompt": ""})),
        ("prompt", json!({"prompt": " \n\u{0}"})),
        ("prompt", json!({"prompt": ["a"]})),
        ("prompt", json!({"prompt": "я".repeat(10_001)})),
        ("negative_prompt", json!({"prompt": "a", "negative_prompt": "x".repeat(10_001)})),
        ("size", json!({"prompt": "a", "size": "0x0"})),
        ("size", json!({"prompt": "a", "size": "7x7"})),
        ("size", json!({"prompt": "a", "size": "100000x100000"})),
        ("size", json!({"prompt": "a", "size": "99999999999x1"})),
        ("size", json!({"prompt": "a", "size": "512"})),
        ("size", json!({"prompt": "a", "size": "-64x64"})),
        ("size", json!({"prompt": "a", "size": 512})),
        ("seed", json!({"prompt": "a", "seed": -1})),
        ("seed", json!({"prompt": "a", "seed": 1.5})),
        ("seed", json!({"prompt": "a", "seed": 9_223_372_036_854_775_808_u64})),
        ("seed", json!({"prompt": "a", "seed": 1e300})),
        ("seed", json!({"prompt": "a", "seed": i64::MAX, "n": 2})),
        ("n", json!({"prompt": "a", "n": 0})),
        ("n", json!({"prompt": "a", "n": 9})),
        ("n", json!({"prompt": "a", "n": 4_294_967_297_u64})),
        ("n", json!({"prompt": "a", "n": "many"})),
        ("n", json!({"prompt": "a", "n": {"x": "y".repeat(100_000)}})),
        ("steps", json!({"prompt": "a", "steps": 0})),
        ("steps", json!({"prompt": "a", "steps": 51})),
        ("guidance_scale", json!({"prompt": "a", "guidance_scale": "NaN"})),
        ("guidance_scale", json!({"prompt": "a", "guidance_scale": -1})),
        ("strength", json!({"prompt": "a", "strength": 0.5})),
        ("scheduler", json!({"prompt": "a", "scheduler": "ddim"})),
        ("mode", json!({"prompt": "a", "mode": 1})),
        ("decoder", json!({"prompt": "a", "decoder": "x"})),
        ("response_format", json!({"prompt": "a", "response_format": "png"})),
        ("provider", json!({"prompt": "a", "provider": "nobody"})),
        ("stream", json!({"prompt": "a", "stream": true})),
    ] {
        let answer = server.generate(&fields).await;
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.len() < 300, "{message}");
        refused(&server, answer, 400, json!(param), &fields.to_string().chars().take(60).collect::<String>()).await;
    }
    assert_eq!(server.generate(&json!({"prompt": "a".repeat(10_000)})).await.status, 200);
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let server = server(Turn::Paints).await;
    let send = |kind: Option<&'static str>, body: Vec<u8>| {
        let mut request = request("POST", "/v1/images/generations");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        server.send(request.body(body.into()).unwrap())
    };
    let json = Some("application/json; charset=utf-8");
    for (status, kind, body) in [
        (400, json, b"".to_vec()),
        (400, json, b"{\"prompt\": ".to_vec()),
        (400, json, b"[1]".to_vec()),
        (400, json, b"\xff\xfe\x00".to_vec()),
        (400, json, vec![b'['; 500_000]),
        (415, None, b"{}".to_vec()),
        (415, Some("text/plain"), b"{\"prompt\": \"a\"}".to_vec()),
        (415, Some("multipart/form-data; boundary=x"), b"--x--".to_vec()),
        (413, json, vec![b' '; 30_000_000]),
    ] {
        let what = format!("{kind:?} {:?}", &body[..body.len().min(20)]);
        refused(&server, send(kind, body).await, status, Value::Null, &what).await;
    }
    assert_eq!(server.generate(&json!({"prompt": "a"})).await.status, 200);
}

/// A PNG whose header declares a size that its few bytes do not have.
pub fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    // An empty zlib stream.
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]).unwrap();
    drop(writer);
    bytes
}

#[tokio::test]
async fn files_that_are_no_pictures_are_refused() {
    let server = server(Turn::Paints).await;
    let good = png(64, 64, [1, 2, 3, 255]);
    let truncated = &good[..good.len() / 2];
    let large = vec![0_u8; 20_000_001];
    for path in ["/v1/images/edits", "/v1/images/variations"] {
        for (status, what, file) in [
            (422, "text", &b"this is no picture"[..]),
            (422, "nothing", b""),
            (422, "truncated", truncated),
            (422, "bomb within the limit", &bomb(4000, 4000)),
            (413, "bomb", &bomb(60_000, 60_000)),
            (413, "over 40 megapixels", &bomb(8000, 5001)),
            (413, "over 20 MB", &large),
        ] {
            let answer = server.form(path, &[Part::Text("prompt", "a hat"), Part::File("image", file)]).await;
            let param = if status == 422 { json!("image") } else { Value::Null };
            assert!(answer.error()["message"].as_str().unwrap().contains("image"), "{what}");
            refused(&server, answer, status, param, what).await;
        }
    }
    let parts = [Part::Text("prompt", "a"), Part::File("image", &good), Part::File("mask", truncated)];
    refused(&server, server.form("/v1/images/edits", &parts).await, 422, json!("mask"), "a truncated mask").await;
    let other = png(32, 64, [1, 2, 3, 0]);
    let parts = [Part::Text("prompt", "a"), Part::File("image", &good), Part::File("mask", &other)];
    refused(&server, server.form("/v1/images/edits", &parts).await, 400, json!("mask"), "a mask of another size").await;
    let parts = [Part::Text("prompt", "a"), Part::File("image", &good)];
    assert_eq!(server.form("/v1/images/edits", &parts).await.status, 200);
}

#[tokio::test]
async fn forms_that_are_wrong_as_a_whole_are_refused() {
    let server = server(Turn::Paints).await;
    let good = png(64, 64, [1, 2, 3, 255]);
    let path = "/v1/images/edits";
    let five = || (0..5).map(|_| Part::File("image[]", &good));
    for (status, param, parts) in [
        (400, json!("image"), vec![Part::Text("prompt", "a")]),
        (400, json!("image"), std::iter::once(Part::Text("prompt", "a")).chain(five()).collect()),
        (400, json!("prompt"), vec![Part::File("image", &good)]),
        (
            400,
            json!("strength"),
            vec![Part::Text("prompt", "a"), Part::Text("strength", "2"), Part::File("image", &good)],
        ),
        (400, Value::Null, (0..65).map(|_| Part::File("other", b"x")).collect()),
    ] {
        refused(&server, server.form(path, &parts).await, status, param, &status.to_string()).await;
    }
    let cut = form(path, &[Part::File("image", &good)]);
    let (head, body) = cut.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let cut = Request::from_parts(head, Body::from(bytes.slice(..bytes.len() - 30)));
    refused(&server, server.send(cut).await, 400, Value::Null, "a form that ends too early").await;
    let answer = server.post(path, &json!({"prompt": "a"})).await;
    refused(&server, answer, 415, Value::Null, "JSON where a form is expected").await;
    let large = vec![0_u8; 43_000_000];
    let answer = server.form(path, &[Part::File("image", &large)]).await;
    refused(&server, answer, 413, Value::Null, "a form over the limit").await;
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_told_in_the_same_shape() {
    let server = server(Turn::Paints).await;
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/images/generations", 405),
        ("POST", "/healthz", 405),
        ("GET", "/v1/models/nobody", 404),
        ("GET", "/v1/models/%ff", 400),
        ("GET", "/v1/jobs?limit=x", 400),
        ("GET", "/v1/jobs?before=x", 400),
        ("GET", "/v1/assets/x?expires=x", 400),
    ] {
        let answer = server.send(request(method, path).body(Body::empty()).unwrap()).await;
        answer.error();
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
    }
}
