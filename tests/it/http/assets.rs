//! Stored pictures: links, ranges, owners, and the texts inside the file.

use super::*;
use serde_json::json;

/// The path and query of the first link in an answer.
fn link(json: &Value) -> String {
    let url = json["data"][0]["url"].as_str().unwrap_or_else(|| panic!("no link in {json}"));
    url.split_once("/v1/").map(|(_, path)| format!("/v1/{path}")).unwrap()
}

async fn drawn(server: &Server, key: &str) -> String {
    let request = request("POST", "/v1/images/generations")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json");
    let fields = json!({"prompt": "a cat", "seed": 5, "response_format": "url"}).to_string();
    let answer = server.send(request.body(fields.into()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    link(&answer.json())
}

#[tokio::test]
async fn a_link_works_without_a_key_and_only_as_it_was_made() {
    let server = server_with(Turn::Paints, vec![key("anna", "tulip", Level::User)], 8).await;
    let link = drawn(&server, "tulip").await;
    let answer = server.get(&link).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(media::Picture::decode(&answer.bytes, "answer").unwrap().width, 64);
    let (path, _) = link.split_once('?').unwrap();
    for (changed, status) in [
        (format!("{link}0"), 403),
        (link.replace("expires=1", "expires=2"), 403),
        (format!("{path}?expires=99999999999&signature=00"), 403),
        (path.to_owned(), 401),
    ] {
        let answer = server.get(&changed).await;
        answer.error();
        assert_eq!(answer.status.as_u16(), status, "{changed}");
    }
}

#[tokio::test]
async fn only_its_owner_and_admins_read_a_file_with_a_key() {
    let keys = [("anna", "tulip", Level::User), ("boris", "rose", Level::User), ("root", "sesame", Level::Admin)];
    let server = server_with(Turn::Paints, keys.map(|(name, text, level)| key(name, text, level)).to_vec(), 8).await;
    let link = drawn(&server, "tulip").await;
    let (path, _) = link.split_once('?').unwrap();
    for (key, status) in [("tulip", 200), ("sesame", 200), ("rose", 404)] {
        let request = request("GET", path).header(header::AUTHORIZATION, format!("Bearer {key}"));
        assert_eq!(server.send(request.body(Body::empty()).unwrap()).await.status.as_u16(), status, "{key}");
    }
}

#[tokio::test]
async fn a_part_of_a_file_can_be_read() {
    let server = server(Turn::Paints).await;
    let link = drawn(&server, "").await;
    let whole = server.get(&link).await;
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let ranged = async |range: &str| {
        server.send(request("GET", &link).header(header::RANGE, range).body(Body::empty()).unwrap()).await
    };
    let part = ranged("bytes=8-15").await;
    assert_eq!((part.status.as_u16(), &part.bytes[..]), (206, &whole.bytes[8..16]));
    assert_eq!(part.header("content-range"), Some(format!("bytes 8-15/{}", whole.bytes.len()).as_str()));
    assert_eq!(ranged("bytes=-4").await.bytes, whole.bytes[whole.bytes.len() - 4..]);
    let outside = ranged("bytes=999999-").await;
    outside.error();
    assert_eq!(outside.status, 416);
}

#[tokio::test]
async fn links_are_built_on_what_the_request_was_sent_to_or_the_public_url() {
    let json = json!({"prompt": "a cat", "response_format": "url"});
    let server = server(Turn::Paints).await;
    let url = server.generate(&json).await.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://localhost:8080/v1/assets/"), "{url}");
    let dir = tempfile::tempdir().unwrap();
    let public_url = Some("https://example.org/pictures/".parse().unwrap());
    let settings = http::Settings { public_url, ..settings() };
    let server = server_in(dir, Turn::Paints, settings, &[], 8).await;
    let url = server.generate(&json).await.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://example.org/pictures/v1/assets/"), "{url}");
}

#[tokio::test]
async fn a_picture_tells_what_draws_it_again() {
    let server = server(Turn::Paints).await;
    let bytes = server.get(&drawn(&server, "").await).await.bytes;
    let reader = png::Decoder::new(Cursor::new(&bytes)).read_info().unwrap();
    let texts: Vec<(String, String)> =
        reader.info().utf8_text.iter().map(|t| (t.keyword.clone(), t.get_text().unwrap())).collect();
    let expected = [
        ("prompt", "a cat"),
        ("seed", "5"),
        ("model", "demo"),
        ("provider", "local"),
        ("steps", "1"),
        ("guidance", "0"),
        ("size", "64x64"),
        ("mode", "exact"),
        ("decoder", "vae"),
        ("software", "Samovar"),
    ];
    assert_eq!(texts, expected.map(|(key, text)| (key.to_owned(), text.to_owned())));
}
