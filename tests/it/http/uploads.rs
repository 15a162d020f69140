//! Files that clients send, what is told of stored files, and how they are deleted.

use super::odd_input::bomb;
use super::*;
use serde_json::json;

fn keys() -> Vec<ApiKey> {
    let keys = [("anna", "tulip", Level::User), ("boris", "rose", Level::User), ("root", "sesame", Level::Admin)];
    keys.map(|(name, text, level)| key(name, text, level)).to_vec()
}

async fn sent(server: &Server, kind: &str, bytes: impl Into<Body>) -> Answer {
    let request = request("POST", "/v1/assets").header(header::CONTENT_TYPE, kind);
    server.send(request.header(header::AUTHORIZATION, "Bearer tulip").body(bytes.into()).unwrap()).await
}

async fn asked(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

/// The path of an uploaded picture, and its link.
async fn uploaded(server: &Server) -> (String, String) {
    let asset = sent(server, "image/png", png(8, 6, [1, 2, 3, 255])).await.json();
    let link = asset["url"].as_str().unwrap().split_once("/v1/").unwrap().1;
    (format!("/v1/assets/{}", asset["id"].as_str().unwrap()), format!("/v1/{link}"))
}

fn is(text: &str) -> [(&str, &str); 1] {
    [("authorization", text)]
}

const ANNA: &str = "Bearer tulip";
const BORIS: &str = "Bearer rose";
const ROOT: &str = "Bearer sesame";

#[tokio::test]
async fn a_picture_is_stored_as_what_it_is_whatever_it_is_called() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let picture = png(8, 6, [1, 2, 3, 255]);
    for kind in ["image/png", "image/jpeg", "application/octet-stream", "text/plain", ""] {
        let answer = sent(&server, kind, picture.clone()).await;
        assert_eq!(answer.status, 201, "{kind}: {}", answer.json());
        let asset = answer.json();
        let told = ["kind", "parent", "content_type", "size", "metadata", "error"].map(|name| asset[name].clone());
        let metadata = json!({"width": 8, "height": 6});
        let size = json!(picture.len());
        assert_eq!(told, [json!("uploaded"), Value::Null, json!("image/png"), size, metadata, Value::Null], "{kind}");
        assert_eq!(asset["expires"].as_i64().unwrap() - asset["created"].as_i64().unwrap(), 86_400);
        let link = asset["url"].as_str().unwrap().split_once("/v1/").unwrap().1;
        let got = server.get(&format!("/v1/{link}")).await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, Some("image/png")));
        assert_eq!(got.bytes, picture);
    }
}

#[tokio::test]
async fn a_form_may_carry_the_file() {
    let server = server(Turn::Paints).await;
    let mut jpeg = Cursor::new(Vec::new());
    image::RgbImage::new(5, 4).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let parts = [Part::Text("purpose", "vision"), Part::File("file", jpeg.get_ref()), Part::File("other", b"ignored")];
    let answer = server.form("/v1/assets", &parts).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["content_type"], "image/jpeg");
    assert_eq!(answer.json()["metadata"], json!({"width": 5, "height": 4}));
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_not_stored() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let good = png(64, 64, [1, 2, 3, 255]);
    for (status, code, what, file) in [
        (400, "invalid_value", "nothing", &b""[..]),
        (415, "unsupported_media_type", "a text", b"this is no picture"),
        (415, "unsupported_media_type", "a PDF", b"%PDF-1.7 and so on"),
        (415, "unsupported_media_type", "a TIFF, which is not read here", b"II*\0\x08\0\0\0\0\0\0\0"),
        (422, "invalid_value", "half a picture", &good[..good.len() / 2]),
        (422, "invalid_value", "a header without pixels", &bomb(4000, 4000)),
        (413, "too_big", "a bomb", &bomb(60_000, 60_000)),
        (413, "too_big", "over 40 megapixels", &bomb(8000, 5001)),
        (413, "too_big", "over 20 MB", &vec![0_u8; 20_000_001]),
    ] {
        let answer = sent(&server, "image/png", file.to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.error()["code"].as_str()), (status, Some(code)), "{what}");
        let form = form("/v1/assets", &[Part::File("file", file)]);
        let (mut head, body) = form.into_parts();
        head.headers.insert(header::AUTHORIZATION, ANNA.parse().unwrap());
        let answer = server.send(Request::from_parts(head, body)).await;
        assert_eq!((answer.status.as_u16(), answer.error()["code"].as_str()), (status, Some(code)), "{what} in a form");
    }
    let answer = asked(&server, "POST", "/v1/assets", &[]).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (401, &json!("invalid_api_key")));
    assert!(server.files().is_empty(), "{:?}", server.files());
}

#[tokio::test]
async fn a_form_has_exactly_one_file() {
    let server = server(Turn::Paints).await;
    let good = png(8, 8, [1, 2, 3, 255]);
    for parts in [
        vec![Part::Text("purpose", "vision")],
        vec![Part::File("image", &good)],
        vec![Part::File("file", &good), Part::File("file", &good)],
    ] {
        let answer = server.form("/v1/assets", &parts).await;
        assert_eq!((answer.status.as_u16(), &answer.error()["param"]), (400, &json!("file")));
    }
}

#[tokio::test]
async fn what_is_known_of_a_file_is_for_its_owner_admins_and_holders_of_a_link() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let (path, link) = uploaded(&server).await;
    let info = format!("{path}/info");
    for (key, status) in [(ANNA, 200), (ROOT, 200), (BORIS, 404), ("Bearer wrong", 401)] {
        assert_eq!(asked(&server, "GET", &info, &is(key)).await.status.as_u16(), status, "{key}");
    }
    let with_link = server.get(&link.replacen('?', "/info?", 1)).await;
    assert_eq!(with_link.status, 200);
    let (told, own) = (with_link.json(), asked(&server, "GET", &info, &is(ANNA)).await.json());
    assert_eq!(told["id"], own["id"]);
    assert_eq!(told["metadata"], json!({"width": 8, "height": 6}));
    assert!(!told.to_string().contains("anna"), "a link does not tell whose it is: {told}");
    let forged = server.get(&format!("{}0", link.replacen('?', "/info?", 1))).await;
    assert_eq!((forged.status.as_u16(), &forged.error()["code"]), (403, &json!("bad_link")));
}

#[tokio::test]
async fn only_its_owner_and_admins_delete_a_file() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    for deleter in [ANNA, ROOT] {
        let (path, link) = uploaded(&server).await;
        assert_eq!(asked(&server, "DELETE", &link, &[]).await.status, 401, "a link is for reading");
        assert_eq!(asked(&server, "DELETE", &path, &is(BORIS)).await.status, 404);
        assert_eq!(server.get(&link).await.status, 200);
        let answer = asked(&server, "DELETE", &path, &is(deleter)).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (204, 0));
        for (method, path) in [("GET", &link), ("DELETE", &path), ("GET", &path)] {
            let answer = asked(&server, method, path, &is(deleter)).await;
            assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (404, &json!("not_found")), "{method}");
        }
        assert!(server.files().is_empty(), "{:?}", server.files());
    }
}

#[tokio::test]
async fn a_client_that_has_the_file_does_not_get_it_again() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let (_, link) = uploaded(&server).await;
    let whole = server.get(&link).await;
    let (tag, length) = (whole.header("etag").unwrap(), whole.bytes.len().to_string());
    assert_eq!(whole.header("content-length"), Some(length.as_str()));
    let head = asked(&server, "HEAD", &link, &[]).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    for name in ["etag", "content-length", "content-type", "accept-ranges"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    let part = asked(&server, "HEAD", &link, &[("range", "bytes=0-3")]).await;
    assert_eq!((part.status.as_u16(), part.header("content-length")), (206, Some("4")));
    let known = asked(&server, "GET", &link, &[("if-none-match", tag), ("range", "bytes=0-3")]).await;
    assert_eq!((known.status.as_u16(), known.bytes.len(), known.header("etag")), (304, 0, Some(tag)));
    for (condition, status, bytes) in [(tag, 206, 4), ("\"another\"", 200, whole.bytes.len())] {
        let answer = asked(&server, "GET", &link, &[("if-range", condition), ("range", "bytes=0-3")]).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (status, bytes), "{condition}");
    }
}

#[tokio::test]
async fn what_the_disk_lost_or_cut_is_told_of() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let (path, link) = uploaded(&server).await;
    let file = server.files().pop().unwrap();
    std::fs::write(&file, b"cut").unwrap();
    let answer = server.get(&link).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (410, &json!("lost")));
    assert!(answer.error()["message"].as_str().unwrap().contains("it has 3 bytes instead of"));
    std::fs::remove_file(&file).unwrap();
    for _ in 0..2 {
        let answer = server.get(&link).await;
        assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (410, &json!("lost")));
    }
    let told = asked(&server, "GET", &format!("{path}/info"), &is(ANNA)).await;
    assert_eq!((told.status.as_u16(), &told.json()["error"]), (200, &json!("the file was lost by the storage")));
}

#[tokio::test]
async fn a_storage_that_fails_is_worth_another_try() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let media = server.dir.path().join("media");
    std::fs::remove_dir_all(&media).unwrap();
    std::fs::write(&media, b"a file where the folder was").unwrap();
    let answer = sent(&server, "image/png", png(8, 8, [1, 2, 3, 255])).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (503, &json!("unavailable")));
    assert!(answer.header("retry-after").is_some());
    std::fs::remove_file(&media).unwrap();
    assert_eq!(sent(&server, "image/png", png(8, 8, [1, 2, 3, 255])).await.status, 201);
    assert_eq!(server.files().len(), 1);
}
