//! Every task through the door: as a job, and speech as OpenAI's clients ask for it.

use super::painter::Turn;
use super::{Server, png, request, server};
use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

async fn uploaded(server: &Server, bytes: Vec<u8>) -> String {
    let answer = server.send(request("POST", "/v1/assets").body(Body::from(bytes)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Submits a job and follows it to its end.
async fn done(server: &Server, task: &str, input: Value) -> Value {
    let answer = server.post("/v1/jobs", &json!({"task": task, "input": input})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{task}: {}", answer.json());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let events = server.get(&format!("/v1/jobs/{id}/events")).await;
    let told = String::from_utf8(events.bytes).unwrap();
    assert!(told.contains("event: done"), "{task}: {told}");
    let job = server.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!((job["task"].as_str(), job["status"].as_str()), (Some(task), Some("done")));
    job["result"].clone()
}

#[tokio::test]
async fn every_task_is_a_job() {
    let server = server(Turn::Paints).await;
    let picture = uploaded(&server, png(64, 96, [9, 9, 9, 255])).await;
    for (task, input) in [
        ("image.describe", json!({"image": picture, "prompt": "что это?", "language": "ru"})),
        ("text.translate", json!({"text": "красное яблоко"})),
        ("text.write", json!({"prompt": "кот"})),
    ] {
        let result = done(&server, task, input).await;
        assert_eq!(result["text"], format!("the answer to {task}"));
        assert_eq!((&result["language"], &result["segments"][0]["end"]), (&json!("ru"), &json!(1.5)));
        assert_eq!((&result["provider"], &result["data"]), (&json!("local"), &json!([])));
    }
    for (task, input, kind) in [
        ("speech.synthesize", json!({"input": "Добрый день!", "voice": "alena"}), "audio/ogg"),
        ("video.generate", json!({"prompt": "море", "image": picture, "seconds": 5}), "video/mp4"),
        ("image.edit", json!({"prompt": "в очках", "images": [picture]}), "image/png"),
    ] {
        let result = done(&server, task, input).await;
        let url = result["data"][0]["url"].as_str().unwrap_or_else(|| panic!("{task}: {result}"));
        let file = server.get(url.trim_start_matches("http://localhost:8080")).await;
        assert_eq!((file.status, file.header("content-type")), (StatusCode::OK, Some(kind)), "{task}");
    }
}

#[tokio::test]
async fn a_text_is_put_on_a_picture_as_a_job() {
    let server = server(Turn::Paints).await;
    let picture = uploaded(&server, png(200, 100, [9, 9, 9, 255])).await;
    let input = json!({"image": picture, "text": "Привет\n🎉", "style": "крупный жёлтый текст сверху, с блёстками"});
    let result = done(&server, "image.letter", input).await;
    assert_eq!((&result["provider"], &result["model"]), (&json!("local"), &json!("lettering")));
    assert_eq!(result["notice"], "Не понял: блёстками");
    let url = result["data"][0]["url"].as_str().unwrap();
    let file = server.get(url.trim_start_matches("http://localhost:8080")).await;
    assert_eq!((file.status, file.header("content-type")), (StatusCode::OK, Some("image/png")));
    let lettered = image::load_from_memory(&file.bytes).unwrap().to_rgb8();
    assert_eq!(lettered.dimensions(), (200, 100));
    // Letters as small as these are mostly edges.
    let yellow = lettered.pixels().filter(|pixel| pixel[0] > 180 && pixel[1] > 150 && pixel[2] < 90).count();
    assert!(yellow > 50, "{yellow} yellow pixels");
}

#[tokio::test]
async fn a_wrong_task_input_or_file_is_refused_with_the_field() {
    let server = server(Turn::Paints).await;
    for (order, field) in [
        (json!({"task": "image.sing", "input": {}}), "task"),
        (json!({"task": "text.translate", "input": {"text": 5}}), "input"),
        (json!({"task": "text.translate", "input": {"text": " "}}), "text"),
        (json!({"task": "image.upscale", "input": {}}), "image"),
        (json!({"task": "image.letter", "input": {"text": "x"}}), "image"),
        (json!({"task": "image.describe", "input": {"image": "nonsense"}}), "image"),
        (json!({"task": "image.describe", "input": {"image": 7}}), "image"),
        (json!({"task": "speech.transcribe", "input": {"audio": "00000000-0000-4000-8000-000000000000"}}), "audio"),
        (json!({"task": "speech.synthesize", "input": {"input": "x", "speed": 9}}), "speed"),
        (json!({"task": "image.describe", "input": {"image": "parent"}}), "image"),
    ] {
        let answer = server.post("/v1/jobs", &order).await;
        assert_eq!(
            (answer.status, answer.error()["param"].as_str()),
            (StatusCode::BAD_REQUEST, Some(field)),
            "{order}"
        );
    }
}

#[tokio::test]
async fn speech_is_the_sound_itself_and_tells_who_spoke() {
    let server = server(Turn::Paints).await;
    let asked = json!({"model": "demo", "input": "Добрый день!", "voice": "alloy", "response_format": "opus"});
    let answer = server.post("/v1/audio/speech", &asked).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("audio/ogg")));
    assert_eq!(answer.bytes, b"OggS of a voice");
    assert_eq!(answer.header("x-samovar-provider"), Some("local"));
    assert_eq!(answer.header("x-samovar-model"), Some("demo"));
    let empty = server.post("/v1/audio/speech", &json!({"input": ""})).await;
    assert_eq!((empty.status, empty.error()["param"].as_str()), (StatusCode::BAD_REQUEST, Some("input")));
    let wrong = server.post("/v1/audio/speech", &json!({"input": "x", "response_format": "midi"})).await;
    assert_eq!((wrong.status, wrong.error()["param"].as_str()), (StatusCode::BAD_REQUEST, Some("response_format")));
}
