//! Replicate: predictions, which are rarely done within the call that makes them.

use super::reply::Reply;
use super::{Asked, Behaviour, Character, Found, House, Job, Kind, SPOKEN};
use serde_json::{Value, json};

pub struct Replicate;

const WHISPER: &str = "8099696689d249cf8b122d833c36ac3f75505c666a395ca40ef26f68e7d3d16e";

impl Character for Replicate {
    fn key(&self, asked: &Asked) -> Option<String> {
        asked.authorized("Bearer")
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("GET", path) if path == ["v1", "account"] => Kind::Probe,
            ("GET", path) if path.starts_with(&["v1", "predictions"]) => Kind::Poll,
            ("POST", path) if path == ["v1", "files"] => Kind::Upload,
            ("POST", path) if path.last() == Some(&"cancel") => Kind::Cancel,
            ("POST", path) if path.last() == Some(&"predictions") => Kind::Submit,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        let said = |status: u16, title: &str, detail: &str| {
            Reply::json(status, &json!({ "title": title, "detail": detail, "status": status }))
        };
        Some(match behaviour {
            Behaviour::BadKey => {
                let key = asked.key.as_deref().unwrap_or_default();
                said(401, "Unauthenticated", &format!("You did not pass a valid authentication token: {key}"))
            }
            Behaviour::Payment => {
                said(402, "Insufficient credit", "You have insufficient credit to run this model. Go to billing.")
            }
            // The seconds stand in the words only.
            Behaviour::Rate(seconds) => {
                let detail = format!("Request was throttled. Your rate limit resets in ~{seconds}s.");
                Reply::json(429, &json!({ "detail": detail }))
            }
            Behaviour::Busy => said(503, "Service Unavailable", "The service is temporarily unavailable."),
            _ => return None,
        })
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let (method, path) = asked.line();
        let input = &asked.json()["input"];
        let reply = match (method, path.as_slice()) {
            ("GET", ["v1", "account"]) => Ok(Reply::json(200, &json!({ "type": "user", "username": "tester" }))),
            ("POST", ["v1", "models", owner, name, "predictions"]) => {
                make(house, asked, &format!("{owner}/{name}"), input)
            }
            ("POST", ["v1", "predictions"]) => {
                version(&asked.json()).and_then(|model| make(house, asked, &model, input))
            }
            ("GET", ["v1", "predictions", id]) => Ok(ask(house, id)),
            ("POST", ["v1", "predictions", id, "cancel"]) => {
                Ok(Reply::json(200, &json!({ "id": id, "status": "canceled" })))
            }
            ("POST", ["v1", "files"]) => upload(house, asked),
            _ => Err("there is no such method".to_owned()),
        };
        reply.unwrap_or_else(|wrong| {
            house.complain(format!("{}: {wrong}", asked.target));
            Reply::json(422, &json!({ "title": "Input validation failed", "detail": wrong, "status": 422 }))
        })
    }
}

fn version(body: &Value) -> Result<String, String> {
    let version = body["version"].as_str().unwrap_or_default();
    let known = version.trim_start_matches("openai/whisper:") == WHISPER;
    if known { Ok("openai/whisper".to_owned()) } else { Err("The specified version does not exist".to_owned()) }
}

fn upload(house: &House, asked: &Asked) -> Result<Reply, String> {
    let content = asked.parts_named("content");
    let file = content.first().filter(|part| part.file_name.is_some()).ok_or("content is required")?;
    let id = format!("file-{}", house.number());
    let url = format!("{}/v1/files/{id}", house.base);
    let answer =
        json!({ "id": id, "content_type": file.content_type, "size": file.bytes.len(), "urls": { "get": url } });
    Ok(Reply::json(201, &answer))
}

fn make(house: &House, asked: &Asked, model: &str, input: &Value) -> Result<Reply, String> {
    let known: &[&str] = match model {
        "black-forest-labs/flux-schnell" => {
            &["prompt", "aspect_ratio", "num_outputs", "output_format", "go_fast", "seed", "disable_safety_checker"]
        }
        "openai/whisper" => &["audio", "translate", "language"],
        "wan-video/wan-2.2-5b-fast" => &["prompt"],
        _ => return Err(format!("the model {model} does not exist")),
    };
    let fields = input.as_object().ok_or("input is required")?;
    if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("- input: Additional property {name} is not allowed"));
    }
    let audio = input["audio"].as_str().unwrap_or_default();
    let own = audio.starts_with(&house.base) || audio.starts_with("https://");
    let inlined = audio.starts_with("data:audio/") && audio.len() <= 256 << 10;
    let fits = match model {
        "openai/whisper" => own || inlined,
        _ => input["prompt"].as_str().is_some_and(|prompt| !prompt.is_empty()),
    };
    let n = &input["num_outputs"];
    if !fits || !(n.is_null() || n.as_u64().is_some_and(|n| (1..=4).contains(&n))) {
        return Err("- input: prompt, audio or num_outputs".to_owned());
    }
    let id = house.open(asked, json!({ "model": model, "n": n.as_u64().unwrap_or(1) }));
    let answer = prediction(house, &id, "processing", &Value::Null, None);
    Ok(Reply { status: 201, ..Reply::json(201, &answer) })
}

fn prediction(house: &House, id: &str, status: &str, output: &Value, error: Option<&str>) -> Value {
    let get = format!("{}/v1/predictions/{id}", house.base);
    json!({ "id": id, "status": status, "output": output, "error": error, "logs": "",
        "urls": { "get": get, "cancel": format!("{get}/cancel"), "web": format!("https://replicate.com/p/{id}") },
        "metrics": {}, "created_at": "2026-11-20T10:00:00Z" })
}

fn ask(house: &House, id: &str) -> Reply {
    match house.poll(id) {
        Found::Nothing => Reply::json(404, &json!({ "detail": "Not found." })),
        Found::Trouble(_) => Reply::json(502, &json!({ "detail": "Bad gateway" })),
        Found::Pending => Reply::json(200, &prediction(house, id, "processing", &Value::Null, None)),
        Found::Done(job) if job.behaviour == Behaviour::Policy => {
            let error = "NSFW content detected. Try running it again, or try a different prompt. (E005)";
            Reply::json(200, &prediction(house, id, "failed", &Value::Null, Some(error)))
        }
        Found::Done(job) => Reply::result(&prediction(house, id, "succeeded", &output(house, &job), None)),
    }
}

fn output(house: &House, job: &Job) -> Value {
    match job.note["model"].as_str() {
        _ if job.behaviour == Behaviour::Empty => Value::Null,
        Some("openai/whisper") => json!({ "transcription": SPOKEN, "detected_language": "russian", "segments": [
            { "id": 0, "start": 0.0, "end": 1.2, "text": "привет" },
            { "id": 1, "start": 1.2, "end": 2.4, "text": " мир" }] }),
        Some("wan-video/wan-2.2-5b-fast") => json!(house.file(job.behaviour, "mp4")),
        _ => (0..job.note["n"].as_u64().unwrap_or(1)).map(|_| json!(house.file(job.behaviour, "png"))).collect(),
    }
}
