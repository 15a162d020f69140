//! Kie.ai: HTTP 200 whatever happens, the code in the body, the result as JSON within a string.

use super::reply::Reply;
use super::{Asked, Behaviour, Character, Found, House, Kind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub struct Kie;

const RATIOS: [&str; 11] = ["1:1", "9:16", "16:9", "3:4", "4:3", "3:2", "2:3", "5:4", "4:5", "21:9", "auto"];

impl Character for Kie {
    fn key(&self, asked: &Asked) -> Option<String> {
        asked.authorized("Bearer")
    }

    fn kind(&self, asked: &Asked) -> Kind {
        match asked.line() {
            ("POST", path) if path.last() == Some(&"createTask") => Kind::Submit,
            ("POST", path) if path.last() == Some(&"file-base64-upload") => Kind::Upload,
            ("GET", path) if path.last() == Some(&"recordInfo") => Kind::Poll,
            ("GET", path) if path.last() == Some(&"credit") => Kind::Probe,
            _ => Kind::Unknown,
        }
    }

    fn refusal(&self, behaviour: Behaviour, asked: &Asked) -> Option<Reply> {
        Some(match behaviour {
            Behaviour::BadKey => {
                let key = asked.key.as_deref().unwrap_or_default();
                said(401, &format!("You do not have access permissions: {key}"))
            }
            Behaviour::Payment => said(402, "Credits insufficient. Please top up to continue."),
            Behaviour::Rate(seconds) => said(429, "The call frequency is too high.").with("retry-after", seconds),
            Behaviour::Busy => said(500, "The server is busy, please try again later."),
            _ => return None,
        })
    }

    fn answer(&self, house: &House, asked: &Asked) -> Reply {
        let (method, path) = asked.line();
        let reply = match (method, path.as_slice()) {
            ("POST", ["api", "v1", "jobs", "createTask"]) => create(house, asked),
            ("GET", ["api", "v1", "jobs", "recordInfo"]) => Ok(ask(house, asked.param("taskId"))),
            ("GET", ["api", "v1", "chat", "credit"]) => Ok(well(&json!(42))),
            ("POST", ["api", "file-base64-upload"]) => upload(house, &asked.json()),
            _ => Err((404, "Not Found".to_owned())),
        };
        reply.unwrap_or_else(|(code, wrong)| {
            house.complain(format!("{}: {wrong}", asked.target));
            said(code, &wrong)
        })
    }
}

fn said(code: u16, message: &str) -> Reply {
    Reply::json(200, &json!({ "code": code, "msg": message, "data": null }))
}

fn well(data: &Value) -> Reply {
    Reply::json(200, &json!({ "code": 200, "msg": "success", "data": data }))
}

fn upload(house: &House, body: &Value) -> Result<Reply, (u16, String)> {
    let data = body["base64Data"].as_str().unwrap_or_default();
    let (head, data) = data.split_once(";base64,").unwrap_or_default();
    let picture = STANDARD.decode(data).ok().filter(|bytes| image::guess_format(bytes).is_ok());
    let fits = head.starts_with("data:image/") && body["fileName"].is_string() && body["uploadPath"].is_string();
    match picture {
        Some(bytes) if fits && bytes.len() <= 10 << 20 => {
            let url = format!("{}/uploads/{}.png", house.base, house.number());
            Ok(Reply::json(
                200,
                &json!({ "success": true, "code": 200, "msg": "File uploaded successfully",
                    "data": { "downloadUrl": url, "fileSize": bytes.len() } }),
            ))
        }
        _ => Err((400, "base64Data is not a picture of at most 10 MB".to_owned())),
    }
}

fn create(house: &House, asked: &Asked) -> Result<Reply, (u16, String)> {
    let body = asked.json();
    let input = &body["input"];
    let model = body["model"].as_str().unwrap_or_default();
    let (known, longest): (&[&str], usize) = match model {
        "google/nano-banana" => (&["prompt", "output_format", "image_size"], 20_000),
        "google/nano-banana-edit" => (&["prompt", "image_urls", "output_format", "image_size"], 20_000),
        "nano-banana-2" => (&["prompt", "aspect_ratio", "resolution", "output_format"], 20_000),
        "bytedance/seedance-1.5-pro" => (
            &[
                "prompt",
                "input_urls",
                "aspect_ratio",
                "resolution",
                "duration",
                "fixed_lens",
                "generate_audio",
                "nsfw_checker",
            ],
            2500,
        ),
        _ => return Err((422, format!("The model {model} is not supported"))),
    };
    let wrong = |name: &str| Err((422, format!("Invalid input: {name}")));
    let Some(fields) = input.as_object() else { return wrong("input") };
    let prompt = input["prompt"].as_str().unwrap_or_default().chars().count();
    if !(3..=longest).contains(&prompt) {
        return wrong("prompt");
    }
    if model.ends_with("-edit") && !fields.contains_key("image_urls") {
        return wrong("image_urls");
    }
    for (name, value) in fields {
        if !known.contains(&name.as_str()) || !fits(house, name, value) {
            return wrong(name);
        }
    }
    let id = house.open(asked, json!({ "film": model.starts_with("bytedance/") }));
    Ok(well(&json!({ "taskId": id })))
}

fn fits(house: &House, name: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match name {
        "image_size" | "aspect_ratio" => RATIOS.contains(&text),
        "resolution" => ["480p", "720p", "1080p", "1K", "2K", "4K"].contains(&text),
        "duration" => ["4", "8", "12"].contains(&value.to_string().trim_matches('"')),
        "output_format" => ["png", "jpeg"].contains(&text),
        // Addresses only, and those of the upload are ours here.
        "image_urls" | "input_urls" => value.as_array().is_some_and(|list| {
            let address = |url: &str| url.starts_with("https://") || url.starts_with(&house.base);
            (1..=10).contains(&list.len()) && list.iter().all(|url| url.as_str().is_some_and(address))
        }),
        _ => !value.is_null(),
    }
}

fn ask(house: &House, id: &str) -> Reply {
    let record = |state: &str, result: &str, failed: &str| {
        well(&json!({ "taskId": id, "state": state, "resultJson": result, "failCode": "", "failMsg": failed,
            "progress": 50, "costTime": 0, "creditsConsumed": 4 }))
    };
    match house.poll(id) {
        Found::Nothing => said(422, "recordInfo is null"),
        Found::Trouble(_) => said(429, "The call frequency is too high."),
        Found::Pending => record("generating", "", ""),
        Found::Done(job) if job.behaviour == Behaviour::Policy => {
            record("fail", "", "Your prompt was flagged as sensitive content.")
        }
        Found::Done(job) => {
            let url = house.file(job.behaviour, if job.note["film"] == true { "mp4" } else { "png" });
            let urls = if job.behaviour == Behaviour::Empty { json!([]) } else { json!([url]) };
            let result = json!({ "resultUrls": urls }).to_string();
            Reply { last: true, ..record("success", &result, "") }
        }
    }
}
