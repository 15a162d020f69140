//! fal's queue: hand in, ask, fetch. A job that failed is COMPLETED, too; its result then says why.

use super::openai::is_picture_url;
use super::reply::Reply;
use super::{Asked, Behaviour, Character, Found, House, Kind, SPOKEN};
use serde_json::{Value, json};

pub struct Fal;

/// The protocol of the queue, here or behind another house's router.
pub struct Queue {
    /// The origin of the addresses it returns; its own without one.
    pub origin: Option<&'static str>,
    /// Whether a router's prefix stands before every path.
    pub routed: bool,
}

const OWN: Queue = Queue { origin: None, routed: false };

const FLUX: &[&str] = &[
    "image_size",
    "num_inference_steps",
    "num_images",
    "seed",
    "enable_safety_checker",
    "output_format",
    "guidance_scale",
    "acceleration",
    "sync_mode",
];
const FLUX_PRO: &[&str] =
    &["image_size", "num_images", "seed", "safety_tolerance", "output_format", "enhance_prompt", "sync_mode"];
const BANANA: &[&str] =
    &["aspect_ratio", "num_images", "output_format", "safety_tolerance", "seed", "limit_generations", "sync_mode"];
const SEEDREAM: &[&str] =
    &["image_size", "num_images", "max_images", "seed", "enhance_prompt_mode", "enable_safety_checker"];
const SEEDANCE: &[&str] =
    &["aspect_ratio", "resolution", "duration", "generate_audio", "camera_fixed", "seed", "enable_safety_checker"];
const TALK: &[&str] = &["system_prompt", "temperature", "max_tokens", "reasoning"];

/// Each model with the inputs it must have and those it may have.
const MODELS: &[(&str, &[&str], &[&str])] = &[
    ("fal-ai/flux/schnell", &["prompt"], FLUX),
    ("fal-ai/flux/dev", &["prompt"], FLUX),
    ("fal-ai/flux-pro/v1.1", &["prompt"], FLUX_PRO),
    ("fal-ai/nano-banana", &["prompt"], BANANA),
    ("fal-ai/nano-banana-2", &["prompt"], BANANA),
    ("fal-ai/nano-banana-pro", &["prompt"], BANANA),
    ("fal-ai/nano-banana/edit", &["prompt", "image_urls"], BANANA),
    ("fal-ai/nano-banana-2/edit", &["prompt", "image_urls"], BANANA),
    ("fal-ai/nano-banana-pro/edit", &["prompt", "image_urls"], BANANA),
    ("fal-ai/bytedance/seedream/v4/text-to-image", &["prompt"], SEEDREAM),
    ("fal-ai/bytedance/seedream/v4/edit", &["prompt", "image_urls"], SEEDREAM),
    ("fal-ai/recraft/upscale/crisp", &["image_url"], &["enable_safety_checker", "sync_mode"]),
    ("fal-ai/clarity-upscaler", &["image_url"], &["upscale_factor", "prompt", "creativity", "resemblance"]),
    ("fal-ai/wizper", &["audio_url"], &["task", "language"]),
    ("fal-ai/whisper", &["audio_url"], &["task", "language", "chunk_level", "diarize", "prompt"]),
    ("openrouter/router", &["prompt", "model"], TALK),
    ("openrouter/router/vision", &["prompt", "model", "image_urls"], TALK),
    ("fal-ai/bytedance/seedance/v1.5/pro/text-to-video", &["prompt"], SEEDANCE),
    ("fal-ai/ltx-video", &["prompt"], &["negative_prompt", "num_inference_steps", "guidance_scale", "seed"]),
    ("fal-ai/wan/v2.2-5b/text-to-video", &["prompt"], &["seed"]),
];

impl Character for Fal {
    fn key(&self, asked: &Asked) -> Option<String> {
        asked.authorized("Key")
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("GET", path) => OWN.kind(&path),
            ("PUT", path) if path.last() == Some(&"cancel") => Kind::Cancel,
            ("POST", _) => Kind::Submit,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        let said = |status, detail: &str| Reply::json(status, &json!({ "detail": detail }));
        Some(match behaviour {
            Behaviour::BadKey => {
                let key = asked.key.as_deref().unwrap_or_default();
                said(401, &format!("No user found for Key ID and Secret {key}"))
            }
            Behaviour::Payment => {
                said(403, "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.")
            }
            Behaviour::Rate(seconds) => said(429, "Reached concurrent requests limit").with("retry-after", seconds),
            Behaviour::Loading(seconds) => Reply::json(
                503,
                &json!({ "detail": "Runner scheduling failure", "error_type": "runner_scheduling_failure" }),
            )
            .with("x-fal-error-type", "runner_scheduling_failure")
            .with("retry-after", seconds),
            Behaviour::Busy => said(500, "Internal Server Error"),
            _ => return None,
        })
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let reply = match asked.line() {
            ("POST", path) => {
                let model = path.join("/");
                match check(&model, &asked.json()) {
                    Ok(()) => OWN.submit(house, asked, &model),
                    Err(wrong) => Reply::json(if wrong["detail"].is_string() { 404 } else { 422 }, &wrong),
                }
            }
            ("PUT", _) => Reply::json(202, &json!({ "status": "CANCELLATION_REQUESTED" })),
            _ => OWN.ask(house, asked),
        };
        if (400..500).contains(&reply.status) && asked.kind == Kind::Submit {
            house.complain(String::from_utf8_lossy(&reply.body));
        }
        reply
    }
}

impl Queue {
    /// What a GET is for.
    pub fn kind(&self, path: &[&str]) -> Kind {
        match path {
            // The request that never was, which only a probe asks about.
            [.., "requests", "00000000-0000-0000-0000-000000000000", "status"] => Kind::Probe,
            [.., "requests", _, "status"] => Kind::Poll,
            [.., "requests", _] => Kind::Result,
            _ => Kind::Unknown,
        }
    }

    /// Takes a job. The addresses name only the first two segments of the model.
    pub fn submit(&self, house: &House, asked: &Asked, model: &str) -> Reply {
        let id = house.open(asked, json!({ "model": model, "input": asked.json() }));
        let app: Vec<&str> = model.split('/').take(2).collect();
        let url = format!("{}/{}/requests/{id}", self.origin.unwrap_or(&house.base), app.join("/"));
        Reply::json(
            200,
            &json!({ "status": "IN_QUEUE", "request_id": id, "response_url": url, "queue_position": 0,
                "status_url": format!("{url}/status"), "cancel_url": format!("{url}/cancel") }),
        )
    }

    /// Status or result of a job.
    pub fn ask(&self, house: &House, asked: &Asked) -> Reply {
        let (_, path) = asked.line();
        let path = if self.routed { &path[1..] } else { &path };
        let [_, _, "requests", id, rest @ ..] = path else {
            house.complain(format!("not an address that was returned: {}", asked.target));
            return Reply::json(404, &json!({ "detail": "Path not found" }));
        };
        if rest.is_empty() { self.fetch(house, id) } else { self.status(house, id) }
    }

    fn status(&self, house: &House, id: &str) -> Reply {
        match house.poll(id) {
            Found::Nothing => Reply::json(404, &json!({ "detail": "Request not found" })),
            // Says nothing about the job.
            Found::Trouble(left) => {
                let (status, detail) =
                    if left % 2 == 0 { (429, "Too many requests") } else { (403, "User is locked.") };
                Reply::json(status, &json!({ "detail": detail }))
            }
            Found::Pending => Reply::json(202, &json!({ "status": "IN_PROGRESS", "request_id": id, "logs": null })),
            Found::Done(_) => Reply::json(
                200,
                &json!({ "status": "COMPLETED", "request_id": id, "metrics": { "inference_time": 0.4 } }),
            ),
        }
    }

    fn fetch(&self, house: &House, id: &str) -> Reply {
        let Some(job) = house.job(id) else { return Reply::json(404, &json!({ "detail": "Request not found" })) };
        if job.pending > 0 {
            house.complain("the result was fetched before the job was done");
            return Reply::json(400, &json!({ "detail": "Request is still in progress" }));
        }
        let (model, input) = (job.note["model"].as_str().unwrap_or_default(), &job.note["input"]);
        if job.behaviour == Behaviour::Policy && !self.routed {
            let wrong = json!({ "loc": ["body", "prompt"], "type": "content_policy_violation", "input": input["prompt"],
                "msg": "The content could not be processed because it contained material flagged by a content checker.",
                "url": "https://docs.fal.ai/errors#content_policy_violation" });
            return Reply::json(422, &json!({ "detail": [wrong] }));
        }
        Reply::result(&result(house, model, job.behaviour, input))
    }
}

/// Whether a model takes this input; otherwise fal's words.
pub fn check(model: &str, input: &Value) -> Result<(), Value> {
    let Some((_, must, may)) = MODELS.iter().find(|(name, ..)| *name == model) else {
        return Err(json!({ "detail": format!("Application '{model}' not found") }));
    };
    let wrong = |name: &str, sort: &str| {
        Err(json!({ "detail": [{ "loc": ["body", name], "msg": format!("{name}: {sort}"), "type": sort }] }))
    };
    let Some(fields) = input.as_object() else { return wrong("", "model_attributes_type") };
    if let Some(name) = must.iter().find(|name| !fields.contains_key(**name)) {
        return wrong(name, "missing");
    }
    for (name, value) in fields {
        if !must.contains(&name.as_str()) && !may.contains(&name.as_str()) {
            return wrong(name, "extra_forbidden");
        }
        if !fits(model, name, value) {
            return wrong(name, "value_error");
        }
    }
    Ok(())
}

fn fits(model: &str, name: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let one_of = |words: &[&str]| words.contains(&text);
    match name {
        "prompt" | "model" => !text.is_empty(),
        "image_size" => {
            let side = |side: &str| value[side].as_u64();
            let within = if model.contains("seedream") { 960..=4096 } else { 1..=4096 };
            [side("width"), side("height")].into_iter().all(|side| side.is_some_and(|side| within.contains(&side)))
        }
        "num_images" => value.as_u64().is_some_and(|n| (1..=4).contains(&n)),
        "num_inference_steps" | "seed" => value.is_u64(),
        "guidance_scale" | "upscale_factor" => value.is_number(),
        "aspect_ratio" => one_of(&["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "auto"]),
        "output_format" => one_of(&["png", "jpeg", "webp"]),
        "image_url" if model.contains("recraft") => text.starts_with("data:image/png;base64,") && is_picture_url(text),
        "image_url" => is_picture_url(text),
        "image_urls" => value.as_array().is_some_and(|list| {
            (1..=10).contains(&list.len()) && list.iter().all(|url| url.as_str().is_some_and(is_picture_url))
        }),
        "audio_url" => text.starts_with("data:audio/") || text.starts_with("https://"),
        "task" => one_of(&["transcribe", "translate"]),
        "chunk_level" => one_of(&["segment", "word", "none"]),
        "resolution" => one_of(&["480p", "720p", "1080p"]),
        "duration" => text.parse::<u32>().is_ok_and(|seconds| (4..=12).contains(&seconds)),
        _ => !value.is_null(),
    }
}

/// What comes of a model.
pub fn result(house: &House, model: &str, behaviour: Behaviour, input: &Value) -> Value {
    let file = |extension: &str, sort: &str| {
        let url = house.file(behaviour, extension);
        json!({ "url": url, "content_type": sort, "file_name": format!("a.{extension}") })
    };
    if model.contains("video") {
        return json!({ "video": file("mp4", "video/mp4"), "seed": 7 });
    }
    if model.contains("upscale") {
        return json!({ "image": file("png", "image/png") });
    }
    if model.contains("whisper") || model.contains("wizper") {
        let chunks =
            json!([{ "timestamp": [0.0, 1.2], "text": "привет" }, { "timestamp": [1.2, 2.4], "text": " мир" }]);
        return json!({ "text": SPOKEN, "chunks": chunks, "languages": ["ru"] });
    }
    if model.contains("router") {
        return json!({ "output": house.written(), "usage": { "total_tokens": 28 } });
    }
    let n = input["num_images"].as_u64().unwrap_or(1);
    let images: Vec<Value> = (0..n).map(|_| file("png", "image/png")).collect();
    let black = behaviour == Behaviour::Policy;
    let seed = input["seed"].as_u64().unwrap_or(7);
    json!({ "images": images, "seed": seed, "has_nsfw_concepts": vec![black; images.len()], "prompt": input["prompt"],
        "timings": { "inference": 0.4 } })
}
