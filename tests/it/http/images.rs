//! Pictures through OpenAI's three paths: what reaches the model and what comes back.

use super::*;
use samovar::media::{Decoder, Failure, Mode, Scheduler};
use serde_json::json;

#[tokio::test]
async fn a_prompt_becomes_a_picture_with_its_story() {
    let server = server(Turn::Paints).await;
    let answer = server.generate(&json!({"prompt": "красное яблоко", "size": "128x64", "n": 2, "seed": 41})).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let json = answer.json();
    assert!(json["created"].as_u64().unwrap() > 1_700_000_000);
    for (k, picture) in json["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!((decoded(&picture["b64_json"]).width, decoded(&picture["b64_json"]).height), (128, 64));
        assert_eq!(picture["seed"], 41 + k);
        assert_eq!((&picture["model"], &picture["provider"]), (&json!("demo"), &json!("local")));
        let reason = picture["fallback_reason"].as_str().unwrap();
        assert!(reason.contains("sdxl-turbo is not installed"), "{reason}");
        assert_eq!(picture["notice"], Value::Null);
        assert!(picture.get("url").is_none());
    }
    assert_eq!(json["data"].as_array().unwrap().len(), 2);
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn every_field_reaches_the_model_and_unknown_ones_are_ignored() {
    let server = server(Turn::Paints).await;
    let fields = json!({
        "prompt": "a cat\u{7}", "model": "demo", "n": "1", "size": "64x72", "seed": "9223372036854775807",
        "steps": 3, "negative_prompt": "rain", "guidance_scale": "2.5", "scheduler": "euler", "mode": "exact",
        "decoder": "taesd", "provider": "local", "quality": "hd", "style": "vivid", "user": "u",
        "background": "auto", "output_format": "png", "moderation": "low", "whatever": {"deep": [1]},
    });
    let answer = server.generate(&fields).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let notice = answer.json()["data"][0]["notice"].as_str().unwrap().to_owned();
    assert!(notice.contains("control characters"), "{notice}");
    let request = server.painter.only_request();
    assert_eq!((request.prompt.as_str(), request.negative.as_deref()), ("a cat", Some("rain")));
    assert_eq!((request.width, request.height, request.count), (Some(64), Some(72), 1));
    assert_eq!((request.seed, request.steps, request.guidance), (Some(i64::MAX as u64), Some(3), Some(2.5)));
    assert_eq!(request.scheduler, Some(Scheduler::Euler));
    assert_eq!((request.mode, request.decoder), (Mode::Exact, Some(Decoder::Taesd)));
}

#[tokio::test]
async fn absent_null_empty_and_auto_are_the_models_choice() {
    let server = server(Turn::Paints).await;
    let fields =
        json!({"prompt": "a cat", "model": "", "n": null, "size": "auto", "seed": "", "response_format": null});
    let answer = server.generate(&fields).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let request = server.painter.only_request();
    assert_eq!((request.choice.model, request.width, request.seed, request.count), (None, None, None, 1));
    assert_eq!(answer.json()["data"][0]["seed"], painter::SEED);
}

#[tokio::test]
async fn an_edit_repaints_the_transparent_part_of_its_mask() {
    let server = server(Turn::Paints).await;
    let mut mask = image::RgbaImage::from_pixel(80, 64, image::Rgba([9, 9, 9, 255]));
    mask.put_pixel(3, 5, image::Rgba([9, 9, 9, 0]));
    let parts = [
        Part::Text("prompt", "a hat"),
        Part::Text("n", "2"),
        Part::File("image", &png(80, 64, [10, 20, 30, 255])),
        Part::File("mask", &encoded(&mask)),
    ];
    let answer = server.form("/v1/images/edits", &parts).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
    let request = server.painter.only_request();
    let init = request.init.unwrap();
    assert_eq!((init.width, init.height, &init.rgb[..3]), (80, 64, &[10, 20, 30][..]));
    let mask = request.mask.unwrap();
    assert_eq!(mask.gray.iter().filter(|g| **g == 255).count(), 1);
    assert_eq!(mask.gray[5 * 80 + 3], 255);
    assert_eq!(request.strength, Some(0.8));
}

#[tokio::test]
async fn an_edit_without_a_mask_takes_the_transparency_of_the_picture() {
    let server = server(Turn::Paints).await;
    let mut picture = image::RgbaImage::from_pixel(64, 64, image::Rgba([10, 20, 30, 255]));
    picture.put_pixel(0, 0, image::Rgba([0, 0, 0, 0]));
    let parts = [Part::Text("prompt", "a hat"), Part::File("image[]", &encoded(&picture))];
    assert_eq!(server.form("/v1/images/edits", &parts).await.status, 200);
    let request = server.painter.only_request();
    assert_eq!(request.mask.unwrap().gray.iter().filter(|g| **g > 0).count(), 1);
}

#[tokio::test]
async fn an_edit_without_any_transparency_may_change_everything() {
    let server = server(Turn::Paints).await;
    let picture = png(64, 64, [1, 2, 3, 255]);
    let parts = [Part::Text("prompt", "a hat"), Part::Text("steps", "1"), Part::File("image", &picture)];
    assert_eq!(server.form("/v1/images/edits", &parts).await.status, 200);
    let request = server.painter.only_request();
    assert_eq!(request.mask, None);
    assert_eq!(request.strength, Some(1.0), "a single step is only possible at full strength");
}

#[tokio::test]
async fn a_variation_needs_no_prompt() {
    let server = server(Turn::Paints).await;
    let parts = [Part::Text("size", "64x64"), Part::File("image", &png(4096, 64, [1, 2, 3, 255]))];
    let answer = server.form("/v1/images/variations", &parts).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let notice = answer.json()["data"][0]["notice"].as_str().unwrap().to_owned();
    assert!(notice.contains("4096x64"), "{notice}");
    let request = server.painter.only_request();
    assert!(!request.prompt.is_empty());
    assert_eq!((request.strength, request.mask), (Some(0.6), None));
    assert_eq!(request.init.map(|init| (init.width, init.height)), Some((2048, 32)));
}

#[tokio::test]
async fn the_models_are_listed_in_openais_shape() {
    let server = server(Turn::Paints).await;
    insta::assert_json_snapshot!("models", server.get("/v1/models").await.json());
    insta::assert_json_snapshot!("model", server.get("/v1/models/demo").await.json());
}

/// Each failure of a job, as a client sees it; the reasons of the links are for admins alone.
#[tokio::test]
async fn failures_keep_their_shapes() {
    let mut shapes = std::collections::BTreeMap::new();
    for failure in [
        Failure::invalid("guidance_scale", "this model takes no guidance"),
        Failure::TooBig { message: "too large for this model".into() },
        Failure::Missing { message: "its files are damaged".into() },
        Failure::OutOfMemory { needed: 3 << 30, available: 1 << 30 },
        Failure::Crashed { message: "signal 11".into() },
        Failure::Timeout { message: "no step for 60 s".into() },
        Failure::Busy { message: "busy".into(), retry_after_s: Some(9) },
        Failure::BadOutput { message: "not a number".into() },
        Failure::Cancelled,
        Failure::internal("the disk is full"),
    ] {
        let class = failure.class();
        let keys = vec![key("root", "sesame", Level::Admin), key("anna", "tulip", Level::User)];
        let server = server_with(Turn::Fails(failure), keys, 8).await;
        for (who, key) in [("admin", "sesame"), ("user", "tulip")] {
            for model in [json!("demo"), Value::Null] {
                let request = request("POST", "/v1/images/generations")
                    .header(header::AUTHORIZATION, format!("Bearer {key}"))
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(json!({"prompt": "a cat", "model": model}).to_string().into())
                    .unwrap();
                let answer = server.send(request).await;
                let headers: Vec<_> = ["retry-after", "x-should-retry"].map(|name| answer.header(name)).into();
                let named = if model.is_null() { "any model" } else { "named model" };
                let shape = json!({"status": answer.status.as_u16(), "error": answer.error(), "headers": headers});
                shapes.insert(format!("{class}, {named}, {who}"), shape);
            }
        }
    }
    insta::assert_json_snapshot!("failures", shapes);
}

#[tokio::test]
async fn a_panic_in_a_job_ends_the_job_alone() {
    let server = server(Turn::Panics).await;
    for _ in 0..2 {
        let answer = server.generate(&json!({"prompt": "a cat"})).await;
        assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (500, &json!("internal")));
    }
}

#[tokio::test]
async fn a_named_model_that_is_not_there_is_never_answered_by_another() {
    let server = server(Turn::Paints).await;
    let answer = server.generate(&json!({"prompt": "a cat", "model": "dall-e-3"})).await;
    let error = answer.error();
    assert_eq!(
        (answer.status.as_u16(), &error["code"], &error["param"]),
        (404, &json!("model_not_found"), &json!("model"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("dall-e-3") && message.contains("demo"), "{message}");
    let answer = server.generate(&json!({"prompt": "a cat", "model": "sdxl-turbo"})).await;
    assert_eq!(answer.status, 404);
    assert!(answer.error()["message"].as_str().unwrap().contains("fetch_models.sh sdxl-turbo"));
    assert!(server.painter.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_full_line_answers_429_with_a_time() {
    let server = server_with(Turn::Waits, Vec::new(), 1).await;
    let order = json!({"task": "image.generate", "input": {"prompt": "a cat"}});
    assert_eq!(server.post("/v1/jobs", &order).await.status, 202);
    server.painter.started.notified().await;
    assert_eq!(server.post("/v1/jobs", &order).await.status, 202);
    let answer = server.generate(&json!({"prompt": "a cat"})).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["type"]), (429, &json!("rate_limit_error")));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn who_leaves_while_waiting_cancels_the_job() {
    let server = server(Turn::Waits).await;
    let waiting = tokio::spawn({
        let router = server.router.clone();
        let request = request("POST", "/v1/images/generations").header(header::CONTENT_TYPE, "application/json");
        router.oneshot(request.body(Body::from(json!({"prompt": "a cat"}).to_string())).unwrap())
    });
    server.painter.started.notified().await;
    waiting.abort();
    server.painter.cancelled.notified().await;
}
