//! Google's Gemini: `generateContent` for everything but films. What it will not make it says within HTTP 200.

use super::reply::Reply;
use super::{Asked, Behaviour, Character, Found, House, Kind, SPOKEN, bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub struct Google;

const RATIOS: [&str; 8] = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"];

impl Character for Google {
    fn key(&self, asked: &Asked) -> Option<String> {
        let header = asked.header("x-goog-api-key");
        (!header.is_empty()).then(|| header.to_owned())
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("POST", _) => Kind::Submit,
            ("GET", path) if path == ["v1beta", "models"] => Kind::Probe,
            ("GET", path) if path.contains(&"operations") => Kind::Poll,
            ("GET", path) if path.starts_with(&["v1beta", "files"]) => Kind::Download,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        Some(match behaviour {
            Behaviour::BadKey => {
                let key = asked.key.as_deref().unwrap_or_default();
                let info = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com" });
                let message = format!("API key not valid. Please pass a valid API key, not {key}.");
                error(400, "INVALID_ARGUMENT", &message, &json!([info]))
            }
            Behaviour::Payment => {
                let message = "Your prepayment credits are depleted. Please add credits to continue.";
                error(402, "RESOURCE_EXHAUSTED", message, &json!([]))
            }
            Behaviour::Rate(seconds) => {
                let quota = json!({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations":
                    [{ "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10" }] });
                let retry = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo",
                    "retryDelay": format!("{seconds}.4s") });
                let message = "You exceeded your current quota, please check your plan and billing details.";
                error(429, "RESOURCE_EXHAUSTED", message, &json!([quota, retry]))
            }
            Behaviour::Policy => Reply::json(
                200,
                &json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
                    "usageMetadata": { "promptTokenCount": 9 }, "modelVersion": "gemini" }),
            ),
            // Sometimes in a list of one.
            Behaviour::Geo => {
                let message = "User location is not supported for the API use.";
                let body = json!([envelope(400, "FAILED_PRECONDITION", message, &json!([]))]);
                Reply::json(400, &body)
            }
            Behaviour::Busy => {
                error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.", &json!([]))
            }
            _ => return None,
        })
    }

    fn keeps_files_locked(&self) -> bool {
        true
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let (method, path) = asked.line();
        let body = asked.json();
        let reply = match (method, path.as_slice()) {
            ("GET", ["v1beta", "models"]) => Ok(Reply::json(200, &json!({ "models": [{ "name": "models/gemini" }] }))),
            ("POST", ["v1beta", "models", call]) => match call.split_once(':') {
                Some((model, "generateContent")) => generate(house, model, &body),
                Some((model, "predictLongRunning")) => film(house, asked, model, &body),
                _ => Err("there is no such method".to_owned()),
            },
            ("GET", ["v1beta", "models", _, "operations", id]) => Ok(operation(house, id)),
            // Wants the key, and leads on; to another origin the key must not go along.
            ("GET", ["v1beta", "files", name]) => {
                let behaviour = name.split('.').next().and_then(Behaviour::named).unwrap_or(Behaviour::Ok);
                Ok(Reply::text(302, "text/plain", "").with("location", house.file(behaviour, "mp4")))
            }
            _ => Err("there is no such method".to_owned()),
        };
        reply.unwrap_or_else(|wrong| {
            house.complain(format!("{}: {wrong}", asked.target));
            error(400, "INVALID_ARGUMENT", &wrong, &json!([]))
        })
    }
}

fn envelope(code: u16, status: &str, message: &str, details: &Value) -> Value {
    json!({ "error": { "code": code, "message": message, "status": status, "details": details } })
}

fn error(code: u16, status: &str, message: &str, details: &Value) -> Reply {
    Reply::json(code, &envelope(code, status, message, details))
}

fn content(parts: &Value) -> Reply {
    Reply::result(&json!({ "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP",
        "index": 0 }], "usageMetadata": { "totalTokenCount": 28 }, "modelVersion": "gemini" }))
}

fn ensure(fits: bool, wrong: &str) -> Result<(), String> {
    if fits { Ok(()) } else { Err(wrong.to_owned()) }
}

/// The parts of what the user says, each of them text or a file that is what it is called.
fn said(body: &Value) -> Result<Vec<Value>, String> {
    let parts = body["contents"][0]["parts"].as_array().filter(|parts| !parts.is_empty()).ok_or("contents")?;
    for part in parts {
        let data = &part["inlineData"];
        let bytes = data["data"].as_str().map(|data| STANDARD.decode(data)).transpose().map_err(|e| e.to_string())?;
        let kind = data["mimeType"].as_str().unwrap_or_default();
        let fits = match bytes {
            None => part["text"].as_str().is_some_and(|text| !text.is_empty()),
            Some(bytes) if kind.starts_with("image/") => {
                image::guess_format(&bytes).is_ok_and(|format| format.to_mime_type() == kind)
            }
            Some(bytes) => kind.starts_with("audio/") && !bytes.is_empty(),
        };
        ensure(fits, "Unable to process input image or text")?;
    }
    Ok(parts.clone())
}

fn generate(house: &House, model: &str, body: &Value) -> Result<Reply, String> {
    let known = ["contents", "generationConfig", "systemInstruction", "safetySettings"];
    let keys = body.as_object().ok_or("Invalid JSON payload")?;
    ensure(keys.keys().all(|key| known.contains(&key.as_str())), "Unknown name in the payload")?;
    let parts = said(body)?;
    let config = &body["generationConfig"];
    let wanted = config["responseModalities"].as_array().cloned().unwrap_or_default();
    if wanted.iter().any(|modality| modality == "IMAGE") {
        let painters = ["gemini-3.1-flash-image", "gemini-3.1-flash-lite-image", "gemini-3-pro-image"];
        ensure(painters.contains(&model), "The model does not support the requested response modalities")?;
        let ratio = &config["imageConfig"]["aspectRatio"];
        ensure(ratio.is_null() || RATIOS.contains(&ratio.as_str().unwrap_or_default()), "aspectRatio")?;
        let picture = json!({ "inlineData": { "mimeType": "image/png", "data": STANDARD.encode(bytes::png()) } });
        return Ok(content(&json!([{ "text": "thinking", "thought": true }, picture])));
    }
    if wanted.iter().any(|modality| modality == "AUDIO") {
        ensure(model.ends_with("-tts"), "The model does not support the requested response modalities")?;
        let voice = &config["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"];
        let voices = ["Kore", "Charon", "Orus", "Fenrir", "Aoede", "Puck", "Zephyr", "Leda"];
        ensure(voices.contains(&voice.as_str().unwrap_or_default()), "voiceName")?;
        let sound = STANDARD.encode([0_u8; 4800]);
        let part = json!({ "inlineData": { "mimeType": "audio/L16;codec=pcm;rate=24000", "data": sound } });
        return Ok(content(&json!([part])));
    }
    ensure(["gemini-3.8-flash", "gemini-3.5-flash-lite"].contains(&model), "the model is not found")?;
    let kind = |part: &Value| part["inlineData"]["mimeType"].as_str().unwrap_or_default().starts_with("audio/");
    let text = if parts.iter().any(kind) { SPOKEN.to_owned() } else { house.written() };
    // In two pieces.
    let half = text.char_indices().nth(3).map_or(0, |(at, _)| at);
    Ok(content(&json!([{ "text": &text[..half] }, { "text": &text[half..] }])))
}

fn film(house: &House, asked: &Asked, model: &str, body: &Value) -> Result<Reply, String> {
    ensure(["veo-3.1-generate-001", "veo-3.1-fast-generate-001"].contains(&model), "the model is not found")?;
    let (instance, parameters) = (&body["instances"][0], &body["parameters"]);
    ensure(instance["prompt"].as_str().is_some_and(|prompt| !prompt.is_empty()), "prompt")?;
    let picture = &instance["image"];
    ensure(picture.is_null() || picture["bytesBase64Encoded"].is_string(), "image")?;
    ensure(parameters["durationSeconds"].as_u64().is_some_and(|s| [4, 6, 8].contains(&s)), "durationSeconds")?;
    let ratio = parameters["aspectRatio"].as_str().unwrap_or("16:9");
    ensure(["16:9", "9:16"].contains(&ratio), "aspectRatio")?;
    let id = house.open(asked, Value::Null);
    Ok(Reply::json(200, &json!({ "name": format!("models/{model}/operations/{id}") })))
}

fn operation(house: &House, id: &str) -> Reply {
    match house.poll(id) {
        Found::Nothing => error(404, "NOT_FOUND", "the operation is not found", &json!([])),
        Found::Trouble(_) => error(503, "UNAVAILABLE", "try again", &json!([])),
        Found::Pending => Reply::json(200, &json!({ "name": id, "metadata": {} })),
        Found::Done(job) => {
            let uri = format!("{}/v1beta/files/{}.mp4?alt=media", house.base, job.behaviour.word());
            let samples = json!([{ "video": { "uri": uri } }]);
            Reply::result(&json!({ "name": id, "done": true,
                "response": { "generateVideoResponse": { "generatedSamples": samples } } }))
        }
    }
}
