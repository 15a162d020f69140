//! OpenAI: pictures, edits, transcripts, speech, chat.

use super::reply::Reply;
use super::{Asked, Behaviour, Character, House, Kind, Part, SPOKEN, bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub struct OpenAi;

const PICTURE_MODELS: [&str; 5] =
    ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "gpt-image-2"];
const HEARING_MODELS: [&str; 4] = ["gpt-transcribe", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"];
const SPEAKING_MODELS: [&str; 3] = ["gpt-4o-mini-tts", "tts-1", "tts-1-hd"];
const CHAT_MODELS: [&str; 5] = ["gpt-6-luna", "gpt-6-sol", "gpt-5.6-luna", "gpt-5.6-sol", "gpt-4o-mini"];
const VOICES: [&str; 13] =
    ["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"];
const SOUNDS: [&str; 9] = ["flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"];

impl Character for OpenAi {
    fn key(&self, asked: &Asked) -> Option<String> {
        asked.authorized("Bearer")
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("GET", path) if path == ["v1", "models"] => Kind::Probe,
            ("POST", _) => Kind::Submit,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        let key = asked.key.as_deref().unwrap_or_default();
        Some(match behaviour {
            Behaviour::BadKey => error(
                401,
                &format!("Incorrect API key provided: {key}. You can find your API key in your account."),
                "invalid_request_error",
                Some("invalid_api_key"),
            ),
            Behaviour::Payment => error(
                429,
                "You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota",
                Some("credit_balance_exhausted"),
            ),
            Behaviour::Rate(seconds) => {
                let reply =
                    error(429, "Rate limit reached for this model.", "rate_limit_error", Some("rate_limit_exceeded"));
                reply.with("retry-after", seconds)
            }
            Behaviour::Policy => error(
                400,
                "Your request was rejected by the safety system.",
                "image_generation_user_error",
                Some("moderation_blocked"),
            ),
            // This one comes without the wrapper.
            Behaviour::Geo => Reply::json(
                403,
                &json!({ "code": "unsupported_country_region_territory", "param": null, "type": "request_forbidden",
                    "message": "Country, region, or territory not supported" }),
            ),
            Behaviour::Busy => {
                error(503, "The server is overloaded.", "service_unavailable_error", Some("server_is_overloaded"))
            }
            _ => return None,
        })
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let (method, path) = asked.line();
        let reply = match (method, path.as_slice()) {
            ("GET", ["v1", "models"]) => Ok(models()),
            ("POST", ["v1", "images", "generations"]) => pictures(&asked.json()),
            ("POST", ["v1", "images", "edits"]) => edits(asked),
            ("POST", ["v1", "audio", "transcriptions" | "translations"]) => transcript(asked),
            ("POST", ["v1", "audio", "speech"]) => speech(&asked.json()),
            ("POST", ["v1", "chat", "completions"]) => chat(house, &asked.json()),
            _ => Err(error(404, &format!("Invalid URL ({method} {})", asked.path), "invalid_request_error", None)),
        };
        reply.unwrap_or_else(|refused| {
            house.complain(String::from_utf8_lossy(&refused.body));
            refused
        })
    }
}

/// OpenAI's envelope of errors.
pub fn error(status: u16, message: &str, sort: &str, code: Option<&str>) -> Reply {
    Reply::json(status, &json!({ "error": { "message": message, "type": sort, "param": null, "code": code } }))
}

fn invalid(message: &str, code: &str) -> Reply {
    error(400, message, "invalid_request_error", Some(code))
}

fn models() -> Reply {
    let all = PICTURE_MODELS.iter().chain(&HEARING_MODELS).chain(&SPEAKING_MODELS).chain(&CHAT_MODELS);
    let list: Vec<Value> = all.map(|id| json!({ "id": id, "object": "model", "shutdown_date": null })).collect();
    Reply::json(200, &json!({ "object": "list", "data": list }))
}

fn known_model(model: &str, among: &[&str]) -> Result<(), Reply> {
    if among.contains(&model) {
        return Ok(());
    }
    let message = format!("The model '{model}' does not exist or you do not have access to it.");
    Err(error(404, &message, "invalid_request_error", Some("model_not_found")))
}

/// Fails on the first key that is not known.
pub fn only(body: &Value, known: &[&str]) -> Result<(), Reply> {
    let keys =
        body.as_object().ok_or_else(|| invalid("We could not parse the JSON body of your request.", "invalid"))?;
    match keys.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(invalid(&format!("Unknown parameter: '{key}'."), "unknown_parameter")),
        None => Ok(()),
    }
}

fn check_picture(prompt: &str, n: u64, size: &str) -> Result<(), Reply> {
    if prompt.is_empty() || prompt.chars().count() > 32_000 {
        return Err(invalid("Invalid length of 'prompt'.", "invalid_value"));
    }
    if !(1..=10).contains(&n) {
        return Err(invalid("Invalid 'n'.", "integer_out_of_range"));
    }
    let allowed = match size.split_once('x').map(|(w, h)| (w.parse::<u32>(), h.parse::<u32>())) {
        _ if size == "auto" => true,
        Some((Ok(w), Ok(h))) => {
            let (long, short) = (w.max(h), w.min(h).max(1));
            w % 16 == 0 && h % 16 == 0 && long <= 3 * short && long <= 3840 && short <= 2160
        }
        _ => false,
    };
    if allowed { Ok(()) } else { Err(invalid(&format!("Invalid size: '{size}'."), "invalid_value")) }
}

fn drawn(n: u64, size: &str) -> Reply {
    let picture = json!({ "b64_json": STANDARD.encode(bytes::png()) });
    let data: Vec<Value> = (0..n).map(|_| picture.clone()).collect();
    Reply::result(&json!({ "created": 1_795_000_000, "data": data, "output_format": "png", "quality": "high",
        "size": size, "background": "opaque", "usage": { "input_tokens": 12, "output_tokens": 1056,
        "total_tokens": 1068, "input_tokens_details": { "text_tokens": 12, "image_tokens": 0 } } }))
}

fn pictures(body: &Value) -> Result<Reply, Reply> {
    only(
        body,
        &["model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"],
    )?;
    known_model(body["model"].as_str().unwrap_or_default(), &PICTURE_MODELS)?;
    let n = if body["n"].is_null() { Some(1) } else { body["n"].as_u64() };
    let n = n.ok_or_else(|| invalid("Invalid type for 'n': expected an integer.", "invalid_type"))?;
    let size = body["size"].as_str().unwrap_or("auto");
    check_picture(body["prompt"].as_str().unwrap_or_default(), n, size)?;
    Ok(drawn(n, size))
}

fn edits(asked: &Asked) -> Result<Reply, Reply> {
    known_model(&asked.field("model"), &PICTURE_MODELS)?;
    let unknown = asked.parts.iter().find(|part| {
        !["model", "prompt", "n", "size", "quality", "background", "output_format", "image", "image[]", "mask"]
            .contains(&part.name.as_str())
    });
    if let Some(part) = unknown {
        return Err(invalid(&format!("Unknown parameter: '{}'.", part.name), "unknown_parameter"));
    }
    let images = [asked.parts_named("image"), asked.parts_named("image[]")].concat();
    if images.is_empty() || images.len() > 16 {
        return Err(invalid("Between 1 and 16 images are needed.", "invalid_value"));
    }
    for image in &images {
        picture_part(image, &["image/png", "image/jpeg", "image/webp"], 50_000_000)?;
    }
    if let Some(mask) = asked.parts_named("mask").first() {
        picture_part(mask, &["image/png"], 4_000_000)?;
        let size = |part: &Part| image::load_from_memory(&part.bytes).map(|p| (p.width(), p.height())).ok();
        let transparent = image::load_from_memory(&mask.bytes).is_ok_and(|mask| mask.color().has_alpha());
        if !transparent || size(mask) != size(images[0]) {
            return Err(invalid("The mask must have an alpha channel and the size of the image.", "invalid_mask"));
        }
    }
    let n = asked.field("n").parse().unwrap_or(1);
    let size = asked.field("size");
    let size = if size.is_empty() { "auto" } else { &size };
    check_picture(&asked.field("prompt"), n, size)?;
    Ok(drawn(n, size))
}

fn picture_part(part: &Part, kinds: &[&str], most: usize) -> Result<(), Reply> {
    let declared = part.content_type.as_deref().unwrap_or_default();
    let known = image::guess_format(&part.bytes).map(|format| format.to_mime_type());
    let fits = kinds.contains(&declared) && known.is_ok_and(|kind| kind == declared) && part.file_name.is_some();
    if !fits || part.bytes.len() > most {
        return Err(invalid(&format!("Invalid file '{}': {declared}.", part.name), "invalid_image_file"));
    }
    Ok(())
}

fn transcript(asked: &Asked) -> Result<Reply, Reply> {
    let model = asked.field("model");
    known_model(&model, &HEARING_MODELS)?;
    let files = asked.parts_named("file");
    let [file] = files.as_slice() else { return Err(invalid("Missing file.", "missing")) };
    let name = file.file_name.clone().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    if !SOUNDS.contains(&ending.as_str()) {
        return Err(invalid(&format!("Invalid file format: '{name}'."), "invalid_value"));
    }
    if file.bytes.len() > 25 << 20 {
        return Err(error(413, "Maximum content size limit exceeded.", "server_error", None));
    }
    let usage = json!({ "type": "duration", "seconds": 3 });
    match (model.as_str(), asked.field("response_format").as_str()) {
        ("whisper-1", "verbose_json") => Ok(Reply::result(&json!({ "task": "transcribe", "language": "russian",
            "duration": 2.4, "text": SPOKEN, "usage": usage, "segments": [
                { "id": 0, "start": 0.0, "end": 1.2, "text": "привет", "avg_logprob": -0.1, "no_speech_prob": 0.01 },
                { "id": 1, "start": 1.2, "end": 2.4, "text": " мир", "avg_logprob": -0.1, "no_speech_prob": 0.0 }] }))),
        (_, "" | "json") => Ok(Reply::result(&json!({ "text": SPOKEN, "usage": usage, "languages": ["ru"] }))),
        (_, other) => {
            Err(invalid(&format!("response_format '{other}' is not compatible with '{model}'."), "unsupported_value"))
        }
    }
}

fn speech(body: &Value) -> Result<Reply, Reply> {
    only(body, &["model", "input", "voice", "instructions", "response_format", "speed"])?;
    let model = body["model"].as_str().unwrap_or_default();
    known_model(model, &SPEAKING_MODELS)?;
    let input = body["input"].as_str().unwrap_or_default();
    if input.is_empty() || input.chars().count() > 4096 {
        return Err(invalid("String should have at most 4096 characters.", "string_too_long"));
    }
    if !VOICES.contains(&body["voice"].as_str().unwrap_or_default()) {
        return Err(invalid(&format!("Invalid voice: {}.", body["voice"]), "invalid_value"));
    }
    if !body["speed"].is_null() && !body["speed"].as_f64().is_some_and(|speed| (0.25..=4.0).contains(&speed)) {
        return Err(invalid("Invalid speed.", "invalid_value"));
    }
    if !body["instructions"].is_null() && model.starts_with("tts-1") {
        return Err(invalid("Unknown parameter: 'instructions'.", "unknown_parameter"));
    }
    match body["response_format"].as_str().unwrap_or("mp3") {
        "mp3" => Ok(Reply::file("audio/mpeg", b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0".to_vec())),
        "opus" => Ok(Reply::file("audio/opus", bytes::ogg(1))),
        "wav" => Ok(Reply::file("audio/wav", bytes::wav(1))),
        "flac" => Ok(Reply::file("audio/flac", b"fLaC\0\0\0\x22".to_vec())),
        "aac" => Ok(Reply::file("audio/aac", b"\xff\xf1\x50\x80".to_vec())),
        "pcm" => Ok(Reply::file("audio/pcm", vec![0; 4800])),
        other => Err(invalid(&format!("Invalid response_format: '{other}'."), "invalid_value")),
    }
}

fn chat(house: &House, body: &Value) -> Result<Reply, Reply> {
    known_model(body["model"].as_str().unwrap_or_default(), &CHAT_MODELS)?;
    completion(house, body)
}

/// A chat in OpenAI's shape, which others serve, too.
pub fn completion(house: &House, body: &Value) -> Result<Reply, Reply> {
    only(body, &["model", "messages", "temperature", "max_completion_tokens", "response_format"])?;
    let messages = body["messages"].as_array().filter(|list| !list.is_empty());
    for message in messages.ok_or_else(|| invalid("Missing required parameter: 'messages'.", "missing"))? {
        let roles = ["system", "user", "assistant", "developer"];
        if !roles.contains(&message["role"].as_str().unwrap_or_default()) {
            return Err(invalid("Invalid value: 'role'.", "invalid_value"));
        }
        content(&message["content"])?;
    }
    Ok(Reply::result(&json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_000_000,
        "model": body["model"], "choices": [{ "index": 0, "finish_reason": "stop",
        "message": { "role": "assistant", "content": house.written(), "refusal": null } }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28 } })))
}

fn content(content: &Value) -> Result<(), Reply> {
    let wrong = || invalid("Invalid type for 'messages[0].content'.", "invalid_type");
    let Some(parts) = content.as_array() else {
        return if content.as_str().is_some_and(|text| !text.is_empty()) { Ok(()) } else { Err(wrong()) };
    };
    for part in parts {
        let fits = match part["type"].as_str() {
            Some("text") => part["text"].is_string(),
            Some("image_url") => is_picture_url(part["image_url"]["url"].as_str().unwrap_or_default()),
            _ => false,
        };
        if !fits {
            return Err(wrong());
        }
    }
    Ok(())
}

/// Whether a `data:` url holds the picture it says, or an address is one of https.
pub fn is_picture_url(url: &str) -> bool {
    let Some((head, data)) = url.split_once(";base64,") else { return url.starts_with("https://") };
    let kind = STANDARD.decode(data).ok().and_then(|bytes| image::guess_format(&bytes).ok());
    kind.is_some_and(|kind| head == format!("data:{}", kind.to_mime_type()))
}
