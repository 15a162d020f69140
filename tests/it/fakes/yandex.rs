//! Every host of Yandex Cloud behind one address: YandexART, SpeechKit, OCR, Translate, YandexGPT. Each host has words
//! of its own for the same failure.

use super::reply::Reply;
use super::{Asked, Behaviour, Character, Found, House, Kind, SPOKEN, bytes};
use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub struct Yandex;

const LANGUAGES: [&str; 15] = [
    "ru-RU", "en-US", "de-DE", "fr-FR", "es-ES", "it-IT", "pt-PT", "pl-PL", "tr-TR", "kk-KZ", "uz-UZ", "he-IL",
    "nl-NL", "sv-SE", "fi-FI",
];
const VOICES: [&str; 10] =
    ["jane", "marina", "filipp", "zahar", "alena", "ermil", "madirus", "omazh", "madi_ru", "lea"];

impl Character for Yandex {
    fn key(&self, asked: &Asked) -> Option<String> {
        asked.authorized("Api-Key")
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("POST", path) if path == ["translate", "v2", "detect"] => Kind::Probe,
            ("POST", _) => Kind::Submit,
            ("GET", path) if path.first() == Some(&"operations") => Kind::Poll,
            ("GET", path) if path.last() == Some(&"getRecognition") => Kind::Result,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        let key = asked.key.as_deref().unwrap_or_default();
        Some(match behaviour {
            Behaviour::BadKey => error(asked, 401, 16, &format!("Unknown api key '{key}'")),
            Behaviour::Payment => error(asked, 403, 7, "The billing account of the cloud is suspended"),
            Behaviour::Rate(seconds) => {
                error(asked, 429, 8, "ai.imageGenerationAsyncRequestsPerMinute.rate rate quota limit exceed")
                    .with("retry-after", seconds)
            }
            Behaviour::Busy => error(asked, 503, 14, "The service is temporarily unavailable"),
            _ => return None,
        })
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let (method, path) = asked.line();
        let body = asked.json();
        let reply = match (method, path.as_slice()) {
            ("POST", ["foundationModels", "v1", "imageGenerationAsync"]) => art(house, asked, &body),
            ("POST", ["foundationModels", "v1", "completion"]) => gpt(house, asked, &body),
            ("GET", ["operations", id]) => Ok(operation(house, id)),
            ("POST", ["speech", "v1", "stt:recognize"]) => hear_at_once(asked),
            ("POST", ["stt", "v3", "recognizeFileAsync"]) => hear_later(house, asked, &body),
            ("GET", ["stt", "v3", "getRecognition"]) => heard(house, asked.param("operation_id")),
            ("POST", ["speech", "v1", "tts:synthesize"]) => speak(asked),
            ("POST", ["tts", "v3", "utteranceSynthesis"]) => speak_long(house, &body),
            ("POST", ["ocr", "v1", "recognizeText"]) => read(house, &body),
            ("POST", ["translate", "v2", "translate"]) => translate(house, &body),
            ("POST", ["translate", "v2", "detect"]) => Ok(Reply::json(200, &json!({ "languageCode": "en" }))),
            _ => Err("there is no such method".to_owned()),
        };
        reply.unwrap_or_else(|wrong| {
            house.complain(format!("{}: {wrong}", asked.target));
            error(asked, 400, 3, &wrong)
        })
    }
}

/// The words of the host that was asked.
fn error(asked: &Asked, status: u16, code: u8, message: &str) -> Reply {
    let name = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Bad Request",
    };
    let value = if asked.path.starts_with("/foundationModels/") {
        json!({ "error": { "grpcCode": code, "httpCode": status, "message": message, "httpStatus": name,
            "details": [] } })
    } else if asked.path.starts_with("/speech/v1/") {
        json!({ "error_code": name.to_uppercase().replace(' ', "_"), "error_message": message })
    } else {
        json!({ "code": code, "message": message, "details": [] })
    };
    Reply::json(status, &value)
}

fn ensure(fits: bool, wrong: &str) -> Result<(), String> {
    if fits { Ok(()) } else { Err(wrong.to_owned()) }
}

/// The folder of `art://{folder}/{model}/latest`.
fn model(uri: &Value, scheme: &str, known: &[&str]) -> Result<(), String> {
    let uri = uri.as_str().unwrap_or_default();
    let parts: Vec<&str> = uri.strip_prefix(scheme).unwrap_or_default().split('/').collect();
    let fits = matches!(parts.as_slice(), [folder, name, "latest"] if folder.len() > 3 && known.contains(name));
    ensure(fits, &format!("Access to model {uri} denied"))
}

fn art(house: &House, asked: &Asked, body: &Value) -> Result<Reply, String> {
    model(&body["modelUri"], "art://", &["yandex-art"])?;
    let prompt = body["messages"][0]["text"].as_str().unwrap_or_default();
    ensure((1..=500).contains(&prompt.chars().count()), "the text must have 1 to 500 characters")?;
    let options = &body["generationOptions"];
    let whole = |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
    let ratio = &options["aspectRatio"];
    let (wide, high) = (&ratio["widthRatio"], &ratio["heightRatio"]);
    ensure(whole(&options["seed"]) && whole(wide) && whole(high), "int64 is a string of digits")?;
    ensure(wide.is_null() == high.is_null(), "both ratios or none")?;
    ensure(body["messages"][0]["weight"].as_str() == Some("1"), "weight is a string")?;
    ensure(matches!(options["mimeType"].as_str(), None | Some("image/jpeg")), "mimeType")?;
    let id = house.open(asked, json!({ "art": true }));
    Ok(Reply::json(200, &json!({ "id": id, "description": "", "createdAt": null, "createdBy": "ajes", "done": false })))
}

fn operation(house: &House, id: &str) -> Reply {
    match house.poll(id) {
        Found::Nothing => Reply::json(404, &json!({ "code": 5, "message": "Operation not found", "details": [] })),
        Found::Trouble(_) => Reply::json(429, &json!({ "code": 8, "message": "Too many requests", "details": [] })),
        Found::Pending => Reply::json(200, &json!({ "id": id, "done": false, "metadata": null })),
        Found::Done(job) if job.behaviour == Behaviour::Policy => Reply::json(
            200,
            &json!({ "id": id, "done": true, "error": { "code": 3, "details": [], "message": "it is not possible to \
                generate an image from this request because it may violate the terms of use" } }),
        ),
        Found::Done(job) if job.note["art"] == true && job.behaviour != Behaviour::Empty => {
            let mut jpeg = std::io::Cursor::new(Vec::new());
            let picture = image::load_from_memory(&bytes::png()).unwrap();
            picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
            let image = STANDARD.encode(jpeg.into_inner());
            Reply::result(&json!({ "id": id, "done": true, "response": { "image": image, "modelVersion": "2.0" } }))
        }
        Found::Done(_) => Reply::json(200, &json!({ "id": id, "done": true, "response": {} })),
    }
}

fn hear_at_once(asked: &Asked) -> Result<Reply, String> {
    ensure(!asked.query.contains_key("folderId"), "folderId must not be sent with the key of a service account")?;
    ensure(LANGUAGES.contains(&asked.param("lang")), "lang is not known")?;
    ensure(asked.body.len() <= 1 << 20, "audio should be at most 1 MB")?;
    match asked.param("format") {
        "" | "oggopus" => {
            let seconds = bytes::ogg_seconds(&asked.body).ok_or("this is not OGG with Opus")?;
            ensure(seconds <= 30, "audio should be less than 30 s")?;
        }
        "lpcm" => {
            ensure(!asked.body.starts_with(b"RIFF"), "lpcm has no header")?;
            ensure(["48000", "16000", "8000"].contains(&asked.param("sampleRateHertz")), "sampleRateHertz")?;
        }
        _ => return Err("format is not known".to_owned()),
    }
    Ok(Reply::result(&json!({ "result": SPOKEN })))
}

fn hear_later(house: &House, asked: &Asked, body: &Value) -> Result<Reply, String> {
    let sound = STANDARD.decode(body["content"].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    let recognition = &body["recognitionModel"];
    let container = &recognition["audioFormat"]["containerAudio"]["containerAudioType"];
    let fits = match container.as_str() {
        Some("WAV") => sound.starts_with(b"RIFF"),
        Some("OGG_OPUS") => sound.starts_with(b"OggS"),
        Some("MP3") => sound.starts_with(b"ID3") || sound.starts_with(b"\xff"),
        _ => false,
    };
    ensure(fits, &format!("the content is not {container}"))?;
    ensure(recognition["model"] == "general", "model")?;
    let restriction = &recognition["languageRestriction"];
    let known = restriction["languageCode"].as_array().is_some_and(|list| {
        !list.is_empty() && list.iter().all(|one| LANGUAGES.contains(&one.as_str().unwrap_or_default()))
    });
    ensure(restriction["restrictionType"] == "WHITELIST" && known, "languageRestriction")?;
    let id = house.open(asked, json!({ "art": false }));
    Ok(Reply::json(200, &json!({ "id": id, "done": false })))
}

/// JSON texts one after another; in every second answer with a line between them.
fn concatenated(house: &House, values: &[Value]) -> Reply {
    let between = if house.number().is_multiple_of(2) { "\n" } else { "" };
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    Reply { last: true, ..Reply::text(200, "application/json", texts.join(between)) }
}

fn heard(house: &House, id: &str) -> Result<Reply, String> {
    let job = house.job(id).ok_or("the operation is not known")?;
    ensure(job.pending == 0, "the operation is not done")?;
    let words: Vec<&str> = SPOKEN.split(' ').collect();
    let mut said =
        vec![json!({ "result": { "sessionUuid": { "uuid": "1" }, "statusCode": { "codeType": "WORKING" } } })];
    for word in words {
        let alternatives = json!([{ "text": word, "words": [], "startTimeMs": "0", "endTimeMs": "900" }]);
        said.push(json!({ "result": { "final": { "alternatives": alternatives }, "channelTag": "0" } }));
        said.push(json!({ "result": { "finalRefinement": { "finalIndex": "0",
            "normalizedText": { "alternatives": alternatives } } } }));
    }
    Ok(concatenated(house, &said))
}

fn speak(asked: &Asked) -> Result<Reply, String> {
    ensure(asked.header("content-type") == "application/x-www-form-urlencoded", "a form is expected")?;
    ensure(asked.body.len() <= 15 << 10, "the body is over 15 KB")?;
    ensure(asked.field("folderId").is_empty(), "folderId must not be sent with the key of a service account")?;
    ensure((1..=5000).contains(&asked.field("text").chars().count()), "text must have 1 to 5000 characters")?;
    ensure(LANGUAGES.contains(&asked.field("lang").as_str()), "lang is not known")?;
    ensure(VOICES.contains(&asked.field("voice").as_str()), "voice is not known")?;
    let speed = asked.field("speed");
    ensure(speed.is_empty() || speed.parse::<f64>().is_ok_and(|s| (0.1..=3.0).contains(&s)), "speed")?;
    match asked.field("format").as_str() {
        "" | "oggopus" => Ok(Reply::file("audio/ogg", bytes::ogg(1))),
        "mp3" => Ok(Reply::file("audio/mpeg", Bytes::from_static(b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0"))),
        "lpcm" => Ok(Reply::file("audio/x-pcm", vec![0; 4800])),
        _ => Err("format is not known".to_owned()),
    }
}

fn speak_long(house: &House, body: &Value) -> Result<Reply, String> {
    let count = body["text"].as_str().unwrap_or_default().chars().count();
    let most = if body["unsafeMode"] == true { 5000 } else { 250 };
    ensure((1..=most).contains(&count), "text is too long")?;
    for hint in body["hints"].as_array().into_iter().flatten() {
        let one = hint.as_object().filter(|fields| fields.len() == 1).ok_or("a hint has one field")?;
        let fits = match one.iter().next().map(|(name, value)| (name.as_str(), value)) {
            Some(("voice", voice)) => VOICES.contains(&voice.as_str().unwrap_or_default()),
            Some(("speed", speed)) => speed.as_f64().is_some_and(|speed| (0.1..=3.0).contains(&speed)),
            Some(("role", role)) => role.is_string(),
            _ => false,
        };
        ensure(fits, &format!("hint {hint}"))?;
    }
    let sound = match body["outputAudioSpec"]["containerAudio"]["containerAudioType"].as_str() {
        None | Some("WAV") => bytes::wav(1),
        Some("OGG_OPUS") => bytes::ogg(1),
        Some("MP3") => b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0".to_vec(),
        Some(other) => return Err(format!("containerAudioType {other}")),
    };
    // In pieces that are no multiple of three: each is base64 of its own.
    let piece = |part: &[u8]| json!({ "result": { "audioChunk": { "data": STANDARD.encode(part) }, "startMs": "0" } });
    Ok(concatenated(house, &sound.chunks(100).map(piece).collect::<Vec<_>>()))
}

fn read(house: &House, body: &Value) -> Result<Reply, String> {
    let picture = STANDARD.decode(body["content"].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    let kind = image::guess_format(&picture).map_err(|e| e.to_string())?;
    let named = match body["mimeType"].as_str() {
        Some("JPEG") => image::ImageFormat::Jpeg,
        Some("PNG") => image::ImageFormat::Png,
        _ => return Err("mimeType".to_owned()),
    };
    ensure(kind == named && picture.len() <= 10 << 20, "the content is not what mimeType says, or over 10 MB")?;
    ensure(body["model"] == "page" && body["languageCodes"].is_array(), "model, languageCodes")?;
    let text = house.written();
    let read = if house.number().is_multiple_of(2) {
        json!({ "textAnnotation": { "fullText": text, "blocks": [] }, "page": "0" })
    } else {
        json!({ "text_annotation": { "full_text": text, "blocks": [] }, "page": "0" })
    };
    Ok(Reply::result(&json!({ "result": read })))
}

fn translate(house: &House, body: &Value) -> Result<Reply, String> {
    let texts = body["texts"].as_array().filter(|list| !list.is_empty()).ok_or("texts")?;
    let count: usize = texts.iter().map(|text| text.as_str().unwrap_or_default().chars().count()).sum();
    ensure((1..=10_000).contains(&count), "the texts must have 1 to 10000 characters")?;
    ensure(body["folderId"].is_null(), "folderId must not be sent with the key of a service account")?;
    ensure(body["targetLanguageCode"].as_str().is_some_and(|code| code.len() >= 2), "targetLanguageCode")?;
    let one = json!({ "text": house.written(), "detectedLanguageCode": "ru" });
    let all: Vec<Value> = texts.iter().map(|_| one.clone()).collect();
    Ok(Reply::result(&json!({ "translations": all })))
}

fn gpt(house: &House, asked: &Asked, body: &Value) -> Result<Reply, String> {
    model(&body["modelUri"], "gpt://", &["yandexgpt", "yandexgpt-lite"])?;
    ensure(body["completionOptions"]["maxTokens"].is_string(), "maxTokens is a string of digits")?;
    let messages = body["messages"].as_array().filter(|list| !list.is_empty()).ok_or("messages")?;
    let fits = |one: &Value| {
        let role = one["role"].as_str().unwrap_or_default();
        ["system", "user", "assistant"].contains(&role) && one["text"].as_str().is_some_and(|text| !text.is_empty())
    };
    ensure(messages.iter().all(fits), "a message has role and text")?;
    let refused = house.behaviour(asked.key.as_deref()) == Behaviour::Policy;
    let (status, text) = match refused {
        true => {
            ("ALTERNATIVE_STATUS_CONTENT_FILTER", "В интернете есть много сайтов с информацией на эту тему.".to_owned())
        }
        false => ("ALTERNATIVE_STATUS_FINAL", house.written()),
    };
    Ok(Reply::result(&json!({ "result": { "alternatives": [{ "message": { "role": "assistant", "text": text },
        "status": status }], "usage": { "inputTextTokens": "20", "completionTokens": "8", "totalTokens": "28" },
        "modelVersion": "07.03.2024" } })))
}
