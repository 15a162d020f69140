//! The router of Hugging Face: its own models, nscale, fal's routes (at once and through the queue), chat.

use super::fal::{self, Queue};
use super::openai;
use super::reply::Reply;
use super::{Asked, Behaviour, Character, House, Kind, SPOKEN, bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub struct Hf;

const DRAWING: [&str; 2] =
    ["stabilityai/stable-diffusion-3-medium-diffusers", "stabilityai/stable-diffusion-xl-base-1.0"];
const TALKING: [&str; 3] = ["google/gemma-4-31B-it", "Qwen/Qwen3.6-27B", "zai-org/GLM-4.6V-Flash"];
/// Where the router's addresses of fal's jobs really lie; only the path may be used.
const QUEUE: Queue = Queue { origin: Some("https://queue.fal.run"), routed: true };

impl Character for Hf {
    fn key(&self, asked: &Asked) -> Option<String> {
        asked.authorized("Bearer").filter(|key| key.starts_with("hf_"))
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("GET", path) if path == ["api", "whoami-v2"] => Kind::Probe,
            ("GET", path) if path.first() == Some(&"fal-ai") => QUEUE.kind(&path),
            ("PUT", _) => Kind::Cancel,
            ("POST", _) => Kind::Submit,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        let said = |status, error: &str| Reply::json(status, &json!({ "error": error }));
        Some(match behaviour {
            Behaviour::BadKey => {
                let key = asked.key.as_deref().unwrap_or_default();
                said(401, &format!("Invalid credentials in Authorization header: {key}"))
            }
            Behaviour::Payment => said(
                402,
                "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x \
                 more monthly included credits.",
            ),
            Behaviour::Rate(seconds) => said(429, "Too Many Requests").with("retry-after", seconds),
            Behaviour::Loading(seconds) => {
                Reply::json(503, &json!({ "error": "Model is currently loading", "estimated_time": seconds as f64 }))
            }
            Behaviour::Busy => said(500, "Internal Server Error"),
            _ => return None,
        })
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let (method, path) = asked.line();
        let body = asked.json();
        let reply = match (method, path.as_slice()) {
            ("GET", ["api", "whoami-v2"]) => Ok(Reply::json(200, &json!({ "type": "user", "name": "tester" }))),
            ("POST", ["hf-inference", "models", model @ ..]) => own(asked, &model.join("/")),
            ("POST", ["nscale", "v1", "images", "generations"]) => nscale(&body),
            ("POST", ["v1", "chat", "completions"]) => chat(house, &body),
            ("POST", ["fal-ai", ..]) if asked.param("_subdomain").is_empty() => at_once(house, asked),
            (_, ["fal-ai", ..]) if asked.param("_subdomain") != "queue" => Err(said("Not Found")),
            ("POST", ["fal-ai", model @ ..]) if model.join("/") == "fal-ai/wan/v2.2-5b/text-to-video" => {
                Ok(QUEUE.submit(house, asked, &model.join("/")))
            }
            ("GET", ["fal-ai", ..]) => Ok(QUEUE.ask(house, asked)),
            _ => Err(said("Not Found")),
        };
        reply.unwrap_or_else(|refused| {
            house.complain(format!("{method} {}: {}", asked.target, String::from_utf8_lossy(&refused.body)));
            refused
        })
    }
}

fn said(error: &str) -> Reply {
    Reply::json(if error == "Not Found" { 404 } else { 400 }, &json!({ "error": error }))
}

/// hf-inference: pictures from JSON, transcripts from the bare sound.
fn own(asked: &Asked, model: &str) -> Result<Reply, Reply> {
    let sort = asked.header("content-type");
    if sort.starts_with("audio/") && model == "openai/whisper-large-v3" {
        let heard = !asked.body.is_empty();
        return if heard { Ok(Reply::result(&json!({ "text": SPOKEN }))) } else { Err(said("Malformed soundfile")) };
    }
    if !DRAWING.contains(&model) {
        return Err(said(&format!("Model {model} is not supported by provider hf-inference")));
    }
    let body = asked.json();
    let known = ["width", "height", "negative_prompt", "guidance_scale", "num_inference_steps", "seed"];
    let parameters = body["parameters"].as_object().cloned().unwrap_or_default();
    let fits = sort == "application/json"
        && asked.header("accept") == "image/png"
        && body["inputs"].as_str().is_some_and(|prompt| !prompt.is_empty())
        && parameters.iter().all(|(key, value)| known.contains(&key.as_str()) && !value.is_null())
        && ["width", "height", "num_inference_steps"]
            .iter()
            .all(|name| parameters.get(*name).is_none_or(|value| value.is_u64()));
    if fits { Ok(Reply::file("image/png", bytes::png())) } else { Err(said("Invalid inputs")) }
}

fn nscale(body: &Value) -> Result<Reply, Reply> {
    openai::only(body, &["model", "prompt", "size", "response_format", "n"])?;
    if body["model"] != "black-forest-labs/FLUX.1-schnell" || body["response_format"] != "b64_json" {
        return Err(said("Model is not supported by provider nscale"));
    }
    let picture = STANDARD.encode(bytes::png());
    Ok(Reply::result(&json!({ "created": 1_795_000_000, "data": [{ "b64_json": picture }] })))
}

fn chat(house: &House, body: &Value) -> Result<Reply, Reply> {
    if !TALKING.contains(&body["model"].as_str().unwrap_or_default()) {
        return Err(said(&format!("The requested model {} does not exist", body["model"])));
    }
    openai::completion(house, body)
}

/// fal's models without the queue.
fn at_once(house: &House, asked: &Asked) -> Result<Reply, Reply> {
    let model = asked.path.trim_start_matches("/fal-ai/");
    fal::check(model, &asked.json()).map_err(|wrong| Reply::json(422, &wrong))?;
    let behaviour = house.behaviour(asked.key.as_deref());
    Ok(Reply::result(&fal::result(house, model, behaviour, &asked.json())))
}
