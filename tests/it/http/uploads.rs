//! Files that clients send, what is told of stored files, and how they are deleted.

use super::odd_input::bomb;
use super::*;
use futures::StreamExt;
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
        let answer = sent_in_a_form(&server, file).await;
        assert_eq!((answer.status.as_u16(), answer.error()["code"].as_str()), (status, Some(code)), "{what} in a form");
    }
    let answer = asked(&server, "POST", "/v1/assets", &[]).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (401, &json!("invalid_api_key")));
    assert!(server.files().is_empty(), "{:?}", server.files());
}

fn clip(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sound").join(name)).unwrap()
}

/// A WAV of 8 bits that holds silence.
fn silence(rate: u32, samples: usize) -> Vec<u8> {
    let length = u32::try_from(samples).unwrap();
    let format = [16, 0x0001_0001, rate, rate, 0x0008_0001].map(u32::to_le_bytes).concat();
    let head = [&b"RIFF"[..], &(length + 36).to_le_bytes(), b"WAVEfmt ", &format, b"data", &length.to_le_bytes()];
    [head.concat(), vec![128; samples]].concat()
}

/// The upload of a file in a form, with a key.
async fn sent_in_a_form(server: &Server, file: &[u8]) -> Answer {
    let (mut head, body) = form("/v1/assets", &[Part::File("file", file)]).into_parts();
    head.headers.insert(header::AUTHORIZATION, ANNA.parse().unwrap());
    server.send(Request::from_parts(head, body)).await
}

#[tokio::test]
async fn a_sound_or_a_film_is_stored_with_its_length() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    for (name, kind) in [
        ("modern.wav", "audio/wav"),
        ("modern.flac", "audio/flac"),
        ("modern.mp3", "audio/mpeg"),
        ("modern.aac", "audio/aac"),
        ("modern.m4a", "audio/mp4"),
        ("modern-opus.ogg", "audio/ogg"),
        ("modern-opus.webm", "audio/webm"),
        ("film.webm", "video/webm"),
        ("film.mp4", "video/mp4"),
    ] {
        let file = clip(name);
        for answer in [sent(&server, "image/png", file.clone()).await, sent_in_a_form(&server, &file).await] {
            assert_eq!(answer.status, 201, "{name}: {}", answer.json());
            let asset = answer.json();
            assert_eq!((&asset["content_type"], &asset["size"]), (&json!(kind), &json!(file.len())), "{name}");
            let seconds = asset["metadata"]["seconds"].as_f64().unwrap();
            assert!((seconds - 1.9).abs() < 0.1, "{name}: {seconds} s");
            assert_eq!(asset["metadata"].as_object().unwrap().len(), 1, "{name}");
            let link = asset["url"].as_str().unwrap().split_once("/v1/").unwrap().1;
            let got = server.get(&format!("/v1/{link}")).await;
            assert_eq!((got.status.as_u16(), got.header("content-type")), (200, Some(kind)), "{name}");
            assert_eq!(got.bytes, file, "{name}");
        }
    }
}

#[tokio::test]
async fn a_sound_may_be_larger_than_a_picture() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let file = silence(48_000, 48_000 * 450);
    for answer in [sent(&server, "audio/wav", file.clone()).await, sent_in_a_form(&server, &file).await] {
        assert_eq!(answer.status, 201, "{}", answer.json());
        assert_eq!(answer.json()["metadata"], json!({"seconds": 450.0}));
    }
}

#[tokio::test]
async fn a_sound_that_cannot_be_used_is_not_stored() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let half = clip("modern.m4a");
    for (status, what, file) in [
        (422, "an OGG of one page's beginning", b"OggS\0\x02\0\0\0\0\0\0".to_vec()),
        (422, "a film without sound", clip("silent-film.mp4")),
        (422, "half an M4A, without its table of contents", half[..half.len() / 2].to_vec()),
        (422, "a WAV without samples", silence(8000, 0)),
        (422, "the beginning of an MP3 in front of nothing", b"ID3\x04\0\0\0\0\0\0".to_vec()),
        (413, "a minute more than four hours", silence(1000, 14_460_000)),
    ] {
        for answer in [sent(&server, "audio/ogg", file.clone()).await, sent_in_a_form(&server, &file).await] {
            let error = answer.error();
            let code = if status == 413 { "too_big" } else { "invalid_value" };
            assert_eq!((answer.status.as_u16(), error["code"].as_str()), (status, Some(code)), "{what}: {error}");
            assert!(status == 413 || error["param"] == "file", "{what}: {error}");
        }
    }
    let long = sent(&server, "audio/wav", silence(1000, 14_460_000)).await.error();
    assert!(long["message"].as_str().unwrap().contains("14460 s long; at most 14400 s"), "{long}");
    assert!(server.files().is_empty(), "{:?}", server.files());
}

#[tokio::test]
async fn more_than_200_mb_are_refused_without_being_kept() {
    let server = server_with(Turn::Paints, keys(), 8).await;
    let start = futures::stream::once(async { Ok::<_, std::io::Error>(bytes::Bytes::from(silence(48_000, 1000))) });
    let piece = bytes::Bytes::from(vec![128; 1 << 20]);
    let rest = futures::stream::iter((0..191).map(move |_| Ok(piece.clone())));
    let answer = sent(&server, "audio/wav", Body::from_stream(start.chain(rest))).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (413, &json!("too_big")));
    assert!(answer.error()["message"].as_str().unwrap().contains("200000000"), "{}", answer.json());
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
