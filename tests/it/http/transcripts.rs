//! `/v1/audio/transcriptions` and `/v1/audio/translations`: every shape, and what is refused before anybody hears it.

use super::*;
use samovar::media::Request as Asked;
use serde_json::json;

const PATH: &str = "/v1/audio/transcriptions";

fn clip(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sound").join(name)).unwrap()
}

async fn heard(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let file = clip("modern-opus.ogg");
    let mut parts = vec![Part::File("file", &file)];
    parts.extend(fields.iter().map(|(name, text)| Part::Text(name, text)));
    server.form(path, &parts).await
}

/// What reached the one who answers.
fn asked(server: &Server) -> media::task::SpeechTranscribe {
    match server.painter.others.lock().unwrap().pop() {
        Some(Asked::SpeechTranscribe(request)) => request,
        other => panic!("not a recording: {other:?}"),
    }
}

#[tokio::test]
async fn every_format_has_the_words_and_says_who_wrote_them() {
    let server = server(Turn::Paints).await;
    let said = "the answer to speech.transcribe";
    let answer = heard(&server, PATH, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let json = answer.json();
    assert_eq!([&json["text"], &json["model"], &json["provider"]], [&json!(said), &json!("demo"), &json!("local")]);
    for (format, kind, due) in [
        ("text", "text/plain; charset=utf-8", format!("{said}\n")),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,500\nthe answer\n\n".to_owned()),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nthe answer\n\n".to_owned()),
    ] {
        let answer = heard(&server, PATH, &[("response_format", format)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(kind)), "{format}");
        assert_eq!(String::from_utf8(answer.bytes.clone()).unwrap(), due);
        assert_eq!(
            (answer.header("x-samovar-provider"), answer.header("x-samovar-model")),
            (Some("local"), Some("demo"))
        );
    }
    let granular = [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")];
    let answer = heard(&server, PATH, &[&[("response_format", "verbose_json")], &granular[..]].concat()).await;
    let json = answer.json();
    assert_eq!([&json["task"], &json["language"]], [&json!("transcribe"), &json!("russian")]);
    assert_eq!((&json["segments"][0]["end"], &json["words"]), (&json!(1.5), &json!([])));
    assert!((json["duration"].as_f64().unwrap() - 1.9).abs() < 0.02, "{json}");
    assert!(asked(&server).words);
    let answer = heard(&server, PATH, &[("response_format", "verbose_json"), granular[0]]).await;
    assert!(answer.json().get("segments").is_none(), "{}", answer.json());
}

#[tokio::test]
async fn what_is_asked_reaches_the_one_who_answers() {
    let server = server(Turn::Paints).await;
    let fields =
        [("language", "ru"), ("prompt", "Тула"), ("temperature", "0.2"), ("beams", "2"), ("include[]", "logprobs")];
    assert_eq!(heard(&server, PATH, &fields).await.status, 200);
    let request = asked(&server);
    let audio = request.audio.as_ref().unwrap();
    assert_eq!((audio.content_type.as_str(), audio.bytes.len()), ("audio/ogg", clip("modern-opus.ogg").len()));
    let texts = (request.language.as_deref(), request.prompt.as_deref());
    assert_eq!(texts, (Some("ru"), Some("Тула")));
    assert_eq!(
        (request.temperature, request.beams, request.translate, request.words),
        (Some(0.2), Some(2), false, false)
    );
    assert_eq!(heard(&server, "/v1/audio/translations", &[("model", "demo")]).await.status, 200);
    let request = asked(&server);
    assert_eq!((request.translate, request.choice.model.as_deref()), (true, Some("demo")));
    let asset = server.send(super::request("POST", "/v1/assets").body(clip("modern.wav").into()).unwrap()).await.json();
    let input = json!({"file": asset["id"], "timestamp_granularities": ["word"], "translate": true});
    let job = server.post("/v1/jobs", &json!({"task": "speech.transcribe", "input": input})).await;
    assert_eq!(job.status, 202, "{}", job.json());
    // They end with the job.
    let events = server.get(&format!("/v1/jobs/{}/events", job.json()["id"].as_str().unwrap())).await;
    assert_eq!(events.status, 200);
    let request = asked(&server);
    assert!(request.words && request.translate && request.audio.is_some());
}

#[tokio::test]
async fn a_stream_tells_the_parts_and_then_the_whole() {
    let server = server(Turn::Paints).await;
    let answer = heard(&server, PATH, &[("stream", "true")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/event-stream")));
    let body = String::from_utf8(answer.bytes).unwrap();
    let events: Vec<Value> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let (done, deltas) = events.split_last().unwrap();
    let text: String = deltas.iter().map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!((done["type"].as_str(), done["text"].as_str()), (Some("transcript.text.done"), Some(text.as_str())));
    assert_eq!(text, "the answer to speech.transcribe");
    assert!(deltas.len() == 2 && deltas.iter().all(|event| event["type"] == "transcript.text.delta"), "{events:?}");
    assert_eq!(body.lines().filter(|line| line.starts_with("event: transcript.text.")).count(), 3, "{body}");
}

#[tokio::test]
async fn a_stream_ends_with_the_reason_where_nobody_could_hear() {
    let server = server(Turn::Fails(media::Failure::Crashed { message: "broken".into() })).await;
    let answer = heard(&server, PATH, &[("stream", "true")]).await;
    let body = String::from_utf8(answer.bytes).unwrap();
    assert!(body.starts_with("event: error\n") && body.contains("\"code\":\"exhausted\""), "{body}");
    let answer = heard(&server, PATH, &[]).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (503, &json!("exhausted")));
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_work() {
    let server = server(Turn::Waits).await;
    let file = clip("modern-opus.ogg");
    let parts = [Part::File("file", &file), Part::Text("stream", "true")];
    let response = server.router.clone().oneshot(form(PATH, &parts)).await.unwrap();
    assert_eq!(response.status(), 200);
    server.painter.started.notified().await;
    drop(response);
    server.painter.cancelled.notified().await;
}

#[tokio::test]
async fn what_cannot_be_heard_is_refused_with_the_reason() {
    let server = server(Turn::Paints).await;
    let film = clip("silent-film.mp4");
    let sound = clip("modern-opus.ogg");
    let (head, half) = (&sound[..40], &sound[..sound.len() / 2]);
    for (status, said, parts) in [
        (400, "`file` is missing", vec![Part::Text("language", "ru")]),
        (400, "`file` is empty", vec![Part::File("file", b"")]),
        (400, "one sound at a time", vec![Part::File("file", &sound), Part::File("file", &sound)]),
        (422, "`file` is not OGG, MP3", vec![Part::File("file", b"a text that is called sound.ogg")]),
        (422, "there is no sound in it", vec![Part::File("file", &film)]),
        (422, "not a sound that can be read", vec![Part::File("file", head)]),
        (422, "cut off, its end is missing", vec![Part::File("file", half)]),
        (400, "is not one of json, text", vec![Part::File("file", &sound), Part::Text("response_format", "pdf")]),
        (400, "verbose_json", vec![Part::File("file", &sound), Part::Text("timestamp_granularities[]", "word")]),
        (
            400,
            "word, segment or both",
            vec![Part::File("file", &sound), Part::Text("timestamp_granularities[]", "letter")],
        ),
        (
            400,
            "only the text is streamed",
            vec![Part::File("file", &sound), Part::Text("response_format", "srt"), Part::Text("stream", "true")],
        ),
        (400, "`temperature` must be 0 to 1", vec![Part::File("file", &sound), Part::Text("temperature", "3")]),
        (400, "`language` must be a code", vec![Part::File("file", &sound), Part::Text("language", "русский")]),
        (404, "there is no model 'whisper-9'", vec![Part::File("file", &sound), Part::Text("model", "whisper-9")]),
    ] {
        let answer = server.form(PATH, &parts).await;
        let error = answer.error();
        assert_eq!(answer.status.as_u16(), status, "{said}: {error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{said}: {error}");
    }
    assert!(server.painter.others.lock().unwrap().is_empty());
    let answer = server.post(PATH, &json!({"file": "none"})).await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn a_sound_of_more_than_four_hours_is_too_big() {
    let server = server(Turn::Paints).await;
    let silence = [16, 0x0001_0001, 1000, 1000, 0x0008_0001].map(u32::to_le_bytes).concat();
    let length: u32 = 14_460_000;
    let head = [&b"RIFF"[..], &(length + 36).to_le_bytes(), b"WAVEfmt ", &silence, b"data", &length.to_le_bytes()];
    let file = [head.concat(), vec![128; length as usize]].concat();
    let answer = server.form(PATH, &[Part::File("file", &file)]).await;
    assert_eq!((answer.status.as_u16(), &answer.error()["code"]), (413, &json!("too_big")), "{}", answer.json());
}
