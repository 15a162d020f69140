//! The fakes themselves, asked by hand: each answers in the shape of its provider, and fails when told to.

use super::{Behaviour, Fake, Kind, SPOKEN, WRITTEN, mp4, ogg, png, wav};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

fn client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
}

/// A fake and the header that carries the key.
struct Desk {
    fake: Fake,
    header: &'static str,
    before: &'static str,
}

impl Desk {
    async fn post(&self, key: &str, path: &str, body: &Value) -> Response {
        let url = format!("{}{path}", self.fake.base_url());
        let key = format!("{}{key}", self.before);
        client().post(url).header(self.header, key).json(body).send().await.unwrap()
    }

    async fn get(&self, key: &str, url: &str) -> Value {
        let key = format!("{}{key}", self.before);
        let answer = client().get(url).header(self.header, key).send().await.unwrap();
        answer.json().await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.fake.base_url())
    }
}

fn openai() -> Desk {
    Desk { fake: Fake::openai(), header: "authorization", before: "Bearer " }
}

async fn json(answer: Response) -> Value {
    answer.json().await.unwrap()
}

async fn file(url: &str) -> Vec<u8> {
    client().get(url).send().await.unwrap().bytes().await.unwrap().to_vec()
}

const PICTURE: &str = r#"{"model": "gpt-image-2", "prompt": "a cat", "n": 2, "size": "1024x768"}"#;

fn picture() -> Value {
    serde_json::from_str(PICTURE).unwrap()
}

#[tokio::test]
async fn openai_draws_and_hears() {
    let desk = openai();
    let drawn = json(desk.post("k", "/v1/images/generations", &picture()).await).await;
    assert_eq!(drawn["data"].as_array().unwrap().len(), 2);
    let bytes = STANDARD.decode(drawn["data"][0]["b64_json"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, png());
    let form = "--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\ngpt-transcribe\r\n--x\r\n\
                content-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\ncontent-type: audio/wav\r\n\r\n";
    let body = [form.as_bytes(), &wav(1), b"\r\n--x--\r\n"].concat();
    let request = client().post(desk.url("/v1/audio/transcriptions")).bearer_auth("k").body(body);
    let heard = request.header("content-type", "multipart/form-data; boundary=x").send().await.unwrap();
    assert_eq!(json(heard).await["text"], SPOKEN);
    assert_eq!((desk.fake.submits(), desk.fake.submits_of("k"), desk.fake.complaints().len()), (2, 2, 0));
    assert_eq!(desk.fake.last_submit().field("model"), "gpt-transcribe");
    desk.fake.assert_keys_kept(&["other"]);
}

#[tokio::test]
async fn what_openai_refuses_is_refused() {
    let desk = openai();
    let retired = json!({ "model": "dall-e-3", "prompt": "a cat" });
    let answer = desk.post("k", "/v1/images/generations", &retired).await;
    assert_eq!(
        (answer.status().as_u16(), json(answer).await["error"]["code"].clone()),
        (404, json!("model_not_found"))
    );
    let mut unknown = picture();
    unknown["response_format"] = json!("b64_json");
    let answer = desk.post("k", "/v1/images/generations", &unknown).await;
    assert_eq!(json(answer).await["error"]["code"], "unknown_parameter");
    assert_eq!(desk.fake.complaints().len(), 2);
}

#[tokio::test]
async fn keys_say_how_they_are_treated() {
    let desk = openai();
    let cases = [("bad_key", 401), ("payment", 429), ("rate:17", 429), ("policy", 400), ("geo", 403), ("busy", 503)];
    for (word, status) in cases {
        let answer = desk.post(&format!("k@{word}"), "/v1/images/generations", &picture()).await;
        assert_eq!(answer.status().as_u16(), status, "{word}");
        let after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(after.as_deref(), word.strip_prefix("rate:"), "{word}");
        assert!(json(answer).await.is_object(), "{word}");
    }
    let half = desk.post("k@malformed", "/v1/images/generations", &picture()).await.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&half).is_err());
    let page = desk.post("k@wrong_type", "/v1/images/generations", &picture()).await;
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let nothing = desk.post("k@empty", "/v1/images/generations", &picture()).await;
    assert_eq!(json(nothing).await, json!({}));
    for behaviour in Behaviour::ALL {
        assert_eq!(Behaviour::named(behaviour.word()).map(Behaviour::word), Some(behaviour.word()));
    }
}

#[tokio::test]
async fn connections_are_cut_and_hang() {
    let desk = openai();
    let send = |key: &str| client().post(desk.url("/v1/images/generations")).bearer_auth(key).json(&picture()).send();
    let cut = send("k@cut").await.unwrap_err();
    assert!(!cut.is_connect() && !cut.is_timeout(), "{cut:?}");
    desk.fake.behave(Behaviour::Hang);
    let hanging = tokio::spawn(send("k"));
    while desk.fake.submits() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    desk.fake.release();
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn hugging_face_routes_to_many_houses() {
    let desk = Desk { fake: Fake::hf(), header: "authorization", before: "Bearer " };
    let model = "/hf-inference/models/stabilityai/stable-diffusion-xl-base-1.0";
    let body = json!({ "inputs": "a cat", "parameters": { "width": 512, "height": 512 } });
    let request = client().post(desk.url(model)).bearer_auth("hf_k").header("accept", "image/png").json(&body);
    assert_eq!(request.send().await.unwrap().bytes().await.unwrap(), png());
    let hearing = client().post(desk.url("/hf-inference/models/openai/whisper-large-v3")).bearer_auth("hf_k");
    let heard = hearing.header("content-type", "audio/ogg").body(ogg(2)).send().await.unwrap();
    assert_eq!(json(heard).await["text"], SPOKEN);
    let path = "/fal-ai/fal-ai/wan/v2.2-5b/text-to-video?_subdomain=queue";
    let queued = json(desk.post("hf_k", path, &json!({ "prompt": "a cat" })).await).await;
    let returned = url::Url::parse(queued["response_url"].as_str().unwrap()).unwrap();
    assert_eq!(returned.host_str(), Some("queue.fal.run"));
    let routed = desk.url(&format!("/fal-ai{}", returned.path()));
    let states = [
        desk.get("hf_k", &format!("{routed}/status?_subdomain=queue")).await["status"].clone(),
        desk.get("hf_k", &format!("{routed}/status?_subdomain=queue")).await["status"].clone(),
    ];
    assert_eq!(states, ["IN_PROGRESS", "COMPLETED"]);
    let done = desk.get("hf_k", &format!("{routed}?_subdomain=queue")).await;
    assert_eq!(file(done["video"]["url"].as_str().unwrap()).await, mp4());
    assert_eq!((desk.fake.submits(), desk.fake.polls(), desk.fake.downloads()), (3, 2, 1));
    let loading = desk.post("hf_k@loading:20", model, &body).await;
    assert_eq!((loading.status().as_u16(), json(loading).await["estimated_time"].clone()), (503, json!(20.0)));
    assert_eq!(desk.post("not_hf", model, &body).await.status().as_u16(), 401);
}

#[tokio::test]
async fn yandex_answers_on_every_host() {
    let desk = Desk { fake: Fake::yandex(), header: "authorization", before: "Api-Key " };
    let body = json!({ "modelUri": "art://b1gabc/yandex-art/latest", "messages": [{ "text": "кот", "weight": "1" }] });
    let made = json(desk.post("k@slow:2", "/foundationModels/v1/imageGenerationAsync", &body).await).await;
    let operation = desk.url(&format!("/operations/{}", made["id"].as_str().unwrap()));
    let mut polls = Vec::new();
    while polls.last() != Some(&json!(true)) {
        polls.push(desk.get("k", &operation).await["done"].clone());
    }
    assert_eq!(polls, [false, false, true]);
    let heard = client().post(desk.url("/speech/v1/stt:recognize?lang=ru-RU&format=oggopus"));
    let heard = heard.header("authorization", "Api-Key k").body(ogg(3)).send().await.unwrap();
    assert_eq!(json(heard).await["result"], SPOKEN);
    let long = client().post(desk.url("/speech/v1/stt:recognize?lang=ru-RU"));
    let long = long.header("authorization", "Api-Key k").body(ogg(31)).send().await.unwrap();
    assert!(json(long).await["error_message"].as_str().unwrap().contains("30 s"));
    let spoken = json!({ "text": "привет", "hints": [{ "voice": "marina" }] });
    let chunks = desk.post("k", "/tts/v3/utteranceSynthesis", &spoken).await.text().await.unwrap();
    let mut sound = Vec::new();
    for chunk in serde_json::Deserializer::from_str(&chunks).into_iter::<Value>() {
        sound.extend(STANDARD.decode(chunk.unwrap()["result"]["audioChunk"]["data"].as_str().unwrap()).unwrap());
    }
    assert_eq!(sound, wav(1));
    let gpt = json!({ "modelUri": "gpt://b1gabc/yandexgpt/latest", "completionOptions": { "maxTokens": "9" },
        "messages": [{ "role": "user", "text": "hi" }] });
    let refused = json(desk.post("k@policy", "/foundationModels/v1/completion", &gpt).await).await;
    assert_eq!(refused["result"]["alternatives"][0]["status"], "ALTERNATIVE_STATUS_CONTENT_FILTER");
}

#[tokio::test]
async fn fal_queues() {
    let desk = Desk { fake: Fake::fal(), header: "authorization", before: "Key " };
    for (word, images) in [("ok", true), ("trouble:2", true), ("policy", false)] {
        let key = format!("k@{word}");
        let queued = json(desk.post(&key, "/fal-ai/flux/dev", &json!({ "prompt": "a cat" })).await).await;
        let (status, result) = (queued["status_url"].as_str().unwrap(), queued["response_url"].as_str().unwrap());
        assert_eq!(desk.get(&key, result).await["detail"], "Request is still in progress");
        while desk.get(&key, status).await["status"] != "COMPLETED" {}
        let result = desk.get(&key, result).await;
        assert_eq!(result["images"].is_array(), images, "{word}: {result}");
        if images {
            assert_eq!(file(result["images"][0]["url"].as_str().unwrap()).await, png());
        }
    }
    let missing = json(desk.post("k", "/fal-ai/recraft/upscale/crisp", &json!({})).await).await;
    assert_eq!(missing["detail"][0]["type"], "missing");
}

#[tokio::test]
async fn results_lead_astray_when_told_to() {
    let desk = Desk { fake: Fake::replicate(), header: "authorization", before: "Bearer " };
    let get = |word: &'static str| {
        let desk = &desk;
        async move {
            let path = "/v1/models/black-forest-labs/flux-schnell/predictions";
            let key = format!("k@{word}");
            let made = json(desk.post(&key, path, &json!({ "input": { "prompt": "a cat" } })).await).await;
            assert_eq!(made["status"], "processing");
            let url = made["urls"]["get"].as_str().unwrap().to_owned();
            desk.get(&key, &url).await;
            let done = desk.get(&key, &url).await;
            assert_eq!(done["status"], "succeeded");
            client().get(done["output"][0].as_str().unwrap()).send().await.unwrap()
        }
    };
    let redirected = get("redirect").await;
    assert_eq!(redirected.status().as_u16(), 302);
    assert!(!redirected.headers()["location"].to_str().unwrap().starts_with(desk.fake.base_url()));
    assert_eq!(get("expired").await.status().as_u16(), 404);
    assert!(get("wrong_type").await.text().await.unwrap().starts_with("<!doctype html>"));
    assert!(desk.fake.strayed().is_empty());
    get("foreign").await;
    assert_eq!(desk.fake.strayed().len(), 1);
    let endless = get("oversized").await;
    assert_eq!(endless.content_length(), None);
}

#[tokio::test]
async fn kie_speaks_of_failures_in_the_body() {
    let desk = Desk { fake: Fake::kie(), header: "authorization", before: "Bearer " };
    let body = json!({ "model": "google/nano-banana", "input": { "prompt": "a cat", "image_size": "1:1" } });
    let refused = desk.post("k@payment", "/api/v1/jobs/createTask", &body).await;
    assert_eq!((refused.status().as_u16(), json(refused).await["code"].clone()), (200, json!(402)));
    let made = json(desk.post("k", "/api/v1/jobs/createTask", &body).await).await;
    let record = desk.url(&format!("/api/v1/jobs/recordInfo?taskId={}", made["data"]["taskId"].as_str().unwrap()));
    assert_eq!(desk.get("k", &record).await["data"]["state"], "generating");
    let done = desk.get("k", &record).await;
    let result: Value = serde_json::from_str(done["data"]["resultJson"].as_str().unwrap()).unwrap();
    assert_eq!(file(result["resultUrls"][0].as_str().unwrap()).await, png());
    let picture = format!("data:image/png;base64,{}", STANDARD.encode(png()));
    let sent = json!({ "base64Data": picture, "uploadPath": "a", "fileName": "a.png" });
    let sent = json(desk.post("k", "/api/file-base64-upload", &sent).await).await;
    assert!(sent["data"]["downloadUrl"].is_string());
    assert_eq!(desk.fake.of(Kind::Upload).len(), 1);
}

#[tokio::test]
async fn google_makes_everything_in_one_call() {
    let desk = Desk { fake: Fake::google(), header: "x-goog-api-key", before: "" };
    desk.fake.write("Яблоко");
    let say = |config: Value| json!({ "contents": [{ "parts": [{ "text": "hi" }] }], "generationConfig": config });
    let path = |model: &str| format!("/v1beta/models/{model}:generateContent");
    let drawn = desk.post("k", &path("gemini-3-pro-image"), &say(json!({ "responseModalities": ["IMAGE"] }))).await;
    assert!(json(drawn).await["candidates"][0]["content"]["parts"][1]["inlineData"]["data"].is_string());
    let written = json(desk.post("k", &path("gemini-3.8-flash"), &say(json!({}))).await).await;
    let parts = written["candidates"][0]["content"]["parts"].as_array().unwrap();
    let text: String = parts.iter().map(|part| part["text"].as_str().unwrap()).collect();
    assert_eq!(text, "Яблоко");
    assert_ne!(text, WRITTEN);
    let geo = json(desk.post("k@geo", &path("gemini-3.8-flash"), &say(json!({}))).await).await;
    assert_eq!(geo[0]["error"]["status"], "FAILED_PRECONDITION");
    let body = json!({ "instances": [{ "prompt": "a cat" }], "parameters": { "durationSeconds": 8 } });
    let veo = json(desk.post("k", "/v1beta/models/veo-3.1-generate-001:predictLongRunning", &body).await).await;
    let operation = desk.url(&format!("/v1beta/{}", veo["name"].as_str().unwrap()));
    desk.get("k", &operation).await;
    let done = desk.get("k", &operation).await;
    let uri = done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"].as_str().unwrap();
    let without = client().get(uri).send().await.unwrap();
    assert_eq!(without.status().as_u16(), 400, "the film wants the key");
    let with = client().get(uri).header("x-goog-api-key", "k").send().await.unwrap();
    assert_eq!(file(with.headers()["location"].to_str().unwrap()).await, mp4());
}
