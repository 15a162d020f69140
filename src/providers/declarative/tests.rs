//! Provider files carried out against a server of this test: what is sent, what each answer means, and that keys and
//! money stay where they belong.

use super::*;
use crate::media::task::{ImageEdit, SpeechSynthesize, SpeechTranscribe, TextTranslate, TextWrite};
use crate::media::{Content, ImageRequest, Medium, Picture, Refusal, Request};
use crate::providers::Journal;
use base64::Engine as _;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY: &str = "sk-secret-0123456789";

/// Writes down what it is told, in order.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Journal for Notes {
    async fn submitting(&self) -> Result<(), Failure> {
        self.0.lock().unwrap().push("submitting".to_owned());
        Ok(())
    }

    async fn submitted(&self, state: &Json) -> Result<(), Failure> {
        self.0.lock().unwrap().push(state.to_string());
        Ok(())
    }
}

/// A provider of which `ops` is the second half of the file.
fn tea(server: &str, head: &str, ops: &str) -> Declarative {
    let auth = r#"auth = { in = "header", name = "Authorization", value = "Bearer {{key}}" }"#;
    let auth = if head.contains("auth =") { "" } else { auth };
    let text = format!(
        "id = \"tea\"\ntitle = \"Tea\"\nbase = \"https://api.tea.example/v1\"\nkeys = [\"TEA_KEY\"]\n{auth}\n\
         message = [\"$.error.message\"]\n{head}\n{ops}"
    );
    let file = file::parse(&text, "tea", &|_| None).unwrap_or_else(|found| panic!("{found:#?}\n{text}"));
    let options = Options { base_url: Some(server.parse().unwrap()), ..Options::default() };
    Declarative::new(file, options).expect("a provider")
}

fn key() -> Key {
    Key::new("tea", KEY.into(), BTreeMap::new())
}

struct Asked {
    result: Result<Answered, Failure>,
    notes: Vec<String>,
}

impl Asked {
    /// The class, the status, whether money may be lost, and when to come again.
    fn refusal(&self) -> (Refusal, Option<u16>, bool, Option<u64>) {
        match self.result.as_ref().expect_err("a refusal") {
            Failure::Remote { refusal, status, spend_unknown, retry_after_s, provider } => {
                assert_eq!(provider, "Tea");
                (*refusal, *status, *spend_unknown, *retry_after_s)
            }
            other => panic!("{other:?}"),
        }
    }

    fn words(self) -> String {
        self.result.expect("an answer").content.text().expect("words").text
    }
}

async fn ask(house: &Declarative, model: &str, request: impl Into<Request>) -> Asked {
    ask_with(house, model, request, &Watch::nobody(), None).await
}

async fn ask_with(
    house: &Declarative,
    model: &str,
    request: impl Into<Request>,
    watch: &Watch,
    resume: Option<&Json>,
) -> Asked {
    let (key, notes, request) = (key(), Notes::default(), request.into());
    let timeout = Duration::from_secs(20);
    let call = Call { model, request: &request, key: Some(&key), watch, timeout, journal: &notes, resume };
    let result = house.answer(call).await;
    if let Err(failure) = &result {
        let shown = format!("{failure} {failure:?} {house:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    Asked { result, notes: notes.lines() }
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let rgb = vec![7; (width * height * 3) as usize];
    Picture { width, height, rgb }.to_png(&[]).unwrap()
}

fn b64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const WRITE: &str = r#"
[[model]]
id = "leaf"
tasks = ["text.write"]
[op."text.write"]
output = { kind = "text", path = "$.text" }
[[op."text.write".step]]
name = "ask"
method = "POST"
url = "/chat"
body = "json"
json = '{ "model": "{{model}}", "prompt": "{{prompt}}" }'
"#;

fn write(prompt: &str) -> TextWrite {
    TextWrite { prompt: prompt.to_owned(), ..TextWrite::default() }
}

async fn answers(server: &MockServer, template: ResponseTemplate) {
    Mock::given(method("POST")).respond_with(template).mount(server).await;
}

#[tokio::test]
async fn words_that_are_too_few_are_an_answer_all_the_same() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_json(json!({"text": "A tree."}))).await;
    assert_eq!(ask(&tea(&server.uri(), "", WRITE), "leaf", write("x")).await.words(), "A tree.");
}

const DRAW: &str = r#"
[[model]]
id = "pot"
tasks = ["image.generate"]
sizes = ["1024x1024", "1536x1024"]
params = { quality = "low" }
[[model]]
id = "old"
tasks = ["image.generate"]
not_after = "2020-01-01"
[op."image.generate"]
limits = { prompt_chars = 12, n = 2 }
output = { kind = "b64", path = "$.data[*].b64" }
[[op."image.generate".step]]
name = "draw"
method = "POST"
url = "/images/{{model}}"
body = "json"
json = '{ "prompt": "{{prompt}}", "n": "{{n}}", "size?": "{{size}}", "seed?": "{{seed}}", "quality?": "{{quality}}" }'
"#;

#[tokio::test]
async fn a_picture_comes_within_the_limits_and_in_several_calls() {
    let server = MockServer::start().await;
    let many = json!({"data": [{"b64": b64(&png(8, 8))}, {"b64": b64(&png(8, 8))}]});
    let one = json!({"data": [{"b64": b64(&png(16, 8))}]});
    let sent = |n: u64, seed: u64| {
        body_partial_json(json!({"prompt": "two little", "n": n, "seed": seed, "size": "1536x1024", "quality": "low"}))
    };
    for (matcher, answer) in [(sent(2, 40), &many), (sent(1, 42), &one)] {
        let given =
            Mock::given(path("/v1/images/pot")).and(matcher).and(header("Authorization", format!("Bearer {KEY}")));
        given.respond_with(ResponseTemplate::new(200).set_body_json(answer)).expect(1).mount(&server).await;
    }
    let house = tea(&server.uri(), "renamed = { kettle = \"pot\" }", DRAW);
    let mut request = ImageRequest::new("two little pigs");
    (request.count, request.seed, request.width, request.height) = (3, Some(40), Some(1280), Some(800));
    let asked = ask(&house, "kettle", request).await;
    assert_eq!(asked.notes, ["submitting", "submitting"]);
    let answered = asked.result.expect("pictures");
    assert_eq!((answered.provenance.provider.as_str(), answered.provenance.model.as_str()), ("tea", "pot"));
    assert!(answered.bytes > 100 && answered.notices.len() == 3, "{:?}", answered.notices);
    let pictures = answered.content.pictures().unwrap().pictures;
    let seen: Vec<_> = pictures.iter().map(|drawn| (drawn.picture.width, drawn.seed)).collect();
    assert_eq!(seen, [(8, None), (8, None), (16, Some(42))]);
    assert_eq!(ask(&house, "old", ImageRequest::new("x")).await.refusal().0, Refusal::Gone);
    let missing = ask(&house, "pot", write("x")).await.result.expect_err("no such op");
    assert_eq!(missing.class(), "missing");
}

#[tokio::test]
async fn each_refusal_has_its_class_and_its_wait() {
    let rules = r#"
[[error]]
status = 429
path = "$.error.code"
in = ["insufficient_quota"]
class = "payment"
[[error]]
status = 429
path = "$.error.message"
match = "resets"
class = "rate"
retry_after = [{ path = "$.error.message", match = "~(\\d+)s" }]
[[error]]
status = [400, "5xx"]
path = "$.error.details[*].retryDelay"
class = "rate"
retry_after = [{ path = "$.error.details[*].retryDelay" }]
[[error]]
status = 200
path = "$.blocked"
in = [true]
class = "policy"
[[error]]
header = "X-Type"
match = "^geo$"
class = "geo"
"#;
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    let ok = |status: u16| ResponseTemplate::new(status);
    let cases = [
        (ok(401), Refusal::BadKey, None),
        (ok(402), Refusal::Payment, None),
        (ok(404), Refusal::Gone, None),
        (ok(413), Refusal::TooBig, None),
        (ok(422), Refusal::Invalid, None),
        (ok(500).insert_header("Retry-After", "7"), Refusal::Busy, Some(7)),
        (ok(502), Refusal::Timeout, None),
        (ok(504), Refusal::Timeout, None),
        (ok(524), Refusal::Timeout, None),
        (ok(529), Refusal::Busy, None),
        (ok(429).insert_header("retry-after", "30"), Refusal::Rate, Some(30)),
        (ok(429).set_body_json(error("insufficient_quota", KEY)), Refusal::Payment, None),
        (ok(429).set_body_json(error("", "resets in ~30s.")), Refusal::Rate, Some(30)),
        (
            ok(503).set_body_json(json!([{"error": {"details": [{}, {"retryDelay": "34.4s"}]}}])),
            Refusal::Rate,
            Some(35),
        ),
        (ok(200).set_body_json(json!({"blocked": true, "text": "x"})), Refusal::Policy, None),
        (ok(451).insert_header("X-Type", "geo"), Refusal::Geo, None),
        (ok(302).insert_header("Location", "/chat"), Refusal::BadResponse, None),
    ];
    for (template, refusal, wait) in cases {
        let server = MockServer::start().await;
        answers(&server, template).await;
        let asked = ask(&tea(&server.uri(), "", &format!("{WRITE}{rules}")), "leaf", write("x")).await;
        let (found, status, open, retry) = asked.refusal();
        assert_eq!((found, retry), (refusal, wait), "{status:?}");
        // What a gateway lost may have been done; so may what cannot be read.
        let may_be_paid = matches!(found, Refusal::BadResponse | Refusal::Timeout);
        assert!(status.is_some() && (!open || may_be_paid), "{status:?}");
        assert!(open || found != Refusal::Timeout, "{status:?}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_may_have_been_paid() {
    let not_json = ResponseTemplate::new(200).set_body_string("{\"text\":");
    let page = ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    let nothing = ResponseTemplate::new(200).set_body_json(json!({"other": 1}));
    let blank = ResponseTemplate::new(200).set_body_json(json!({"text": " "}));
    for template in [not_json, page, nothing, blank] {
        let server = MockServer::start().await;
        answers(&server, template).await;
        let asked = ask(&tea(&server.uri(), "", WRITE), "leaf", write("x")).await;
        assert_eq!(asked.refusal(), (Refusal::BadResponse, Some(200), true, None));
        assert_eq!(asked.notes, ["submitting"]);
    }
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_json(json!({"data": [{"b64": b64(b"no picture")}]}))).await;
    let asked = ask(&tea(&server.uri(), "", DRAW), "pot", ImageRequest::new("x")).await;
    assert_eq!(asked.refusal(), (Refusal::BadResponse, None, true, None));
}

#[tokio::test]
async fn a_connection_that_was_not_made_costs_nothing_and_one_that_was_cut_may() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let cutting = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut buffer).await;
        }
    });
    let asked = ask(&tea(&address, "", WRITE), "leaf", write("x")).await;
    assert_eq!(asked.refusal(), (Refusal::Timeout, None, true, None));
    let free = WRITE.replace("output =", "resubmit = true\noutput =");
    let asked = ask(&tea(&address, "", &free), "leaf", write("x")).await;
    assert_eq!((asked.refusal(), asked.notes.len()), ((Refusal::Timeout, None, false, None), 0));
    cutting.await.unwrap();
    let asked = ask(&tea(&address, "", WRITE), "leaf", write("x")).await;
    assert_eq!(asked.refusal(), (Refusal::Busy, None, false, None));
}

const QUEUE: &str = r#"
[[model]]
id = "a/pot"
tasks = ["image.generate"]
[op."image.generate"]
output = { kind = "url", path = ["$.images[*].url", "$.image.url"], download = { max_bytes = 2000 } }
[[op."image.generate".step]]
name = "submit"
method = "POST"
url = "/{{model}}"
body = "json"
json = '{ "prompt": "{{prompt}}" }'
extract = { status_url = { path = "$.status_url", url = true }, cancel_url = { path = "$.cancel_url", url = true, optional = true } }
[[op."image.generate".step]]
name = "wait"
url = "{{status_url}}"
skip_when = { path = "$.status", in = ["COMPLETED"] }
poll = { every_s = 0.01, first_s = 0, max_s = 15, state = "$.status", pending = ["IN_QUEUE"], done = ["COMPLETED"], fail = ["ERROR"], tolerate = [429, "5xx"], cancel = { method = "PUT", url = "{{cancel_url}}" } }
[[op."image.generate".step]]
name = "result"
url = "{{status_url}}/result"
"#;

/// A job that is submitted and waits; answers of the looks come in order.
async fn queue(looks: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let uri = server.uri();
    let job = json!({"status": "IN_QUEUE", "status_url": format!("{uri}/jobs/1"), "cancel_url": format!("{uri}/jobs/1/cancel")});
    Mock::given(method("POST"))
        .and(path("/v1/a/pot"))
        .respond_with(ResponseTemplate::new(200).set_body_json(job))
        .mount(&server)
        .await;
    let last = looks.len() - 1;
    for (number, look) in looks.into_iter().enumerate() {
        let given = Mock::given(path("/jobs/1")).and(header("Authorization", format!("Bearer {KEY}")));
        let mock = given.respond_with(look);
        if number == last { mock.mount(&server).await } else { mock.up_to_n_times(1).mount(&server).await }
    }
    Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

fn state(word: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"status": word}))
}

/// What the job gives in the end.
async fn result(server: &MockServer, url: &str) {
    let answer = json!({"image": {"url": url}});
    Mock::given(path("/jobs/1/result"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(server)
        .await;
}

async fn requests(server: &MockServer, wanted: &str) -> usize {
    let received = server.received_requests().await.unwrap();
    received.iter().filter(|request| request.method.as_str() == wanted).count()
}

#[tokio::test]
async fn a_job_is_written_down_before_it_is_polled_and_gone_on_with_without_submitting() {
    let looks = vec![
        state("IN_QUEUE"),
        ResponseTemplate::new(503),
        ResponseTemplate::new(429),
        state("NEW"),
        state("COMPLETED"),
    ];
    let server = queue(looks).await;
    result(&server, &format!("{}/file.png", server.uri())).await;
    let file = ResponseTemplate::new(200).set_body_raw(png(8, 8), "image/png");
    Mock::given(path("/file.png")).respond_with(file).mount(&server).await;
    let house = tea(&server.uri(), "", QUEUE);
    let asked = ask(&house, "a/pot", ImageRequest::new("x")).await;
    assert_eq!(asked.result.expect("a picture").content.pictures().unwrap().pictures.len(), 1);
    let [first, state] = asked.notes.as_slice() else { panic!("{:?}", asked.notes) };
    assert!(first == "submitting" && state.contains("/jobs/1") && !state.contains("secret"), "{state}");
    let download = server.received_requests().await.unwrap().into_iter().find(|r| r.url.path() == "/file.png").unwrap();
    assert!(!download.headers.contains_key("authorization"), "the key is not shown to a file");

    let state: Json = serde_json::from_str(state).unwrap();
    let again = ask_with(&house, "a/pot", ImageRequest::new("x"), &Watch::nobody(), Some(&state)).await;
    assert!(again.result.is_ok() && again.notes.is_empty(), "{:?}", again.notes);
    assert_eq!(requests(&server, "POST").await, 1);
    let strange = ask_with(&house, "a/pot", ImageRequest::new("x"), &Watch::nobody(), Some(&json!({"op": 1}))).await;
    assert_eq!((strange.refusal(), requests(&server, "POST").await), ((Refusal::BadResponse, None, true, None), 1));
}

#[tokio::test]
async fn a_job_that_fails_or_takes_too_long_says_so_about_the_money() {
    let asked = ask(&tea(&queue(vec![state("ERROR")]).await.uri(), "", QUEUE), "a/pot", ImageRequest::new("x")).await;
    assert_eq!(asked.refusal(), (Refusal::BadResponse, Some(200), false, None));
    let lost = queue(vec![ResponseTemplate::new(404)]).await;
    let asked = ask(&tea(&lost.uri(), "", QUEUE), "a/pot", ImageRequest::new("x")).await;
    assert_eq!(asked.refusal(), (Refusal::Gone, Some(404), true, None));
    let slow = queue(vec![state("IN_QUEUE")]).await;
    let hasty = QUEUE.replace("max_s = 15", "max_s = 0.1");
    let asked = ask(&tea(&slow.uri(), "", &hasty), "a/pot", ImageRequest::new("x")).await;
    assert_eq!(asked.refusal(), (Refusal::Timeout, None, true, None));
    assert_eq!((requests(&slow, "PUT").await, requests(&slow, "POST").await), (1, 1));
}

#[tokio::test]
async fn a_job_that_nobody_wants_any_more_is_cancelled_there() {
    let cancel = CancellationToken::new();
    let (server, told) = (queue(vec![state("IN_QUEUE")]).await, cancel.clone());
    let house = tea(&server.uri(), "", QUEUE);
    let watch = Watch::new(cancel).0;
    let asking = ask_with(&house, "a/pot", ImageRequest::new("x"), &watch, None);
    let stopping = async {
        while requests(&server, "GET").await < 2 {
            tokio::task::yield_now().await;
        }
        told.cancel();
    };
    let (asked, ()) = tokio::join!(asking, stopping);
    assert_eq!(asked.result.expect_err("cancelled"), Failure::Cancelled);
    assert_eq!(requests(&server, "PUT").await, 1);
}

#[tokio::test]
async fn urls_of_answers_are_followed_only_where_they_may_lead() {
    let other = MockServer::start().await;
    let elsewhere = format!("{}/file.png", other.uri());
    let server = MockServer::start().await;
    let large = ResponseTemplate::new(200).set_body_raw(vec![0; 3000], "image/png");
    Mock::given(path("/large")).respond_with(large).mount(&server).await;
    let away = ResponseTemplate::new(302).insert_header("Location", elsewhere.as_str());
    Mock::given(path("/away")).respond_with(away).mount(&server).await;
    let private = ResponseTemplate::new(307).insert_header("Location", "https://10.0.0.1/x");
    Mock::given(path("/private")).respond_with(private).mount(&server).await;
    let circle = ResponseTemplate::new(302).insert_header("Location", "/circle");
    Mock::given(path("/circle")).respond_with(circle).expect(4).mount(&server).await;
    let here = |path: &str| format!("{}{path}", server.uri());
    let urls = [elsewhere.clone(), here("/large"), here("/away"), here("/private"), here("/circle"), here("/gone")];
    let output = r#"output = { kind = "url", path = "$.url" }"#;
    let draw = DRAW.replace(
        r#"output = { kind = "b64", path = "$.data[*].b64" }"#,
        &output.replace(" }", ", download = { max_bytes = 2000 } }"),
    );
    for url in &urls {
        let _posts = Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"url": url})))
            .mount_as_scoped(&server)
            .await;
        let asked = ask(&tea(&server.uri(), "", &draw), "pot", ImageRequest::new("x")).await;
        assert_eq!(asked.refusal(), (Refusal::BadResponse, None, true, None), "{url}");
    }
    assert!(other.received_requests().await.unwrap().is_empty(), "nothing may go there");
    let server = queue(vec![state("IN_QUEUE")]).await;
    let job = json!({"status_url": "https://169.254.169.254/latest/meta-data"});
    server.reset().await;
    answers(&server, ResponseTemplate::new(200).set_body_json(job)).await;
    let asked = ask(&tea(&server.uri(), "", QUEUE), "a/pot", ImageRequest::new("x")).await;
    assert_eq!((asked.refusal().0, asked.notes.len()), (Refusal::BadResponse, 1));
}

#[tokio::test]
async fn a_step_that_is_not_needed_is_skipped_and_a_paid_answer_is_fetched_again() {
    let server = MockServer::start().await;
    let done = json!({"status": "COMPLETED", "status_url": format!("{}/jobs/1", server.uri())});
    answers(&server, ResponseTemplate::new(200).set_body_json(done)).await;
    Mock::given(path("/jobs/1/result")).respond_with(ResponseTemplate::new(502)).up_to_n_times(1).mount(&server).await;
    result(&server, &format!("data:image/png;base64,{}", b64(&png(8, 8)))).await;
    let asked = ask(&tea(&server.uri(), "", QUEUE), "a/pot", ImageRequest::new("x")).await;
    assert!(asked.result.is_ok(), "{:?}", asked.result);
    assert_eq!((requests(&server, "GET").await, requests(&server, "POST").await), (2, 1));
}

/// A job at `/jobs/NUMBER` that is done at its first look, with a picture.
async fn job(server: &MockServer, number: u8) -> Json {
    let url = format!("data:image/png;base64,{}", b64(&png(8, 8)));
    let (status, result) =
        (state("COMPLETED"), ResponseTemplate::new(200).set_body_json(json!({"image": {"url": url}})));
    Mock::given(path(format!("/jobs/{number}"))).respond_with(status).mount(server).await;
    Mock::given(path(format!("/jobs/{number}/result"))).respond_with(result).mount(server).await;
    json!({"status_url": format!("{}/jobs/{number}", server.uri())})
}

#[tokio::test]
async fn pictures_that_were_made_come_home_although_a_later_call_is_refused() {
    let server = MockServer::start().await;
    let first = job(&server, 1).await;
    let taken = ResponseTemplate::new(200).set_body_json(first);
    Mock::given(method("POST")).respond_with(taken).up_to_n_times(1).mount(&server).await;
    answers(&server, ResponseTemplate::new(402)).await;
    let mut two = ImageRequest::new("x");
    two.count = 2;
    let asked = ask(&tea(&server.uri(), "", QUEUE), "a/pot", two.clone()).await;
    let answered = asked.result.expect("one picture");
    assert_eq!(answered.notices, ["Tea made 1 of the 2 pictures that were asked"]);
    assert_eq!((answered.content.pictures().unwrap().pictures.len(), requests(&server, "POST").await), (1, 2));
    let state: Json = serde_json::from_str(asked.notes.last().unwrap()).unwrap();
    let house = tea(&server.uri(), "", QUEUE);
    let again = ask_with(&house, "a/pot", two.clone(), &Watch::nobody(), Some(&state)).await;
    assert!(again.result.is_ok() && requests(&server, "POST").await == 2, "the refused one is not sent again");

    let server = MockServer::start().await;
    let data = json!({"data": [{"b64": b64(b"no picture")}]});
    let taken = ResponseTemplate::new(200).set_body_json(data);
    Mock::given(method("POST")).respond_with(taken).up_to_n_times(1).mount(&server).await;
    answers(&server, ResponseTemplate::new(402)).await;
    let asked = ask(&tea(&server.uri(), "", &DRAW.replace("n = 2", "n = 1")), "pot", two).await;
    assert_eq!(asked.refusal(), (Refusal::Payment, Some(402), true, None));
}

#[tokio::test]
async fn a_paid_answer_is_waited_for_where_the_asking_was_too_often() {
    let too_often = || ResponseTemplate::new(429).insert_header("Retry-After", "0");
    let server = queue(vec![too_often(), ResponseTemplate::new(504), state("COMPLETED")]).await;
    Mock::given(path("/jobs/1/result")).respond_with(too_often()).up_to_n_times(1).mount(&server).await;
    result(&server, &format!("{}/file.png", server.uri())).await;
    Mock::given(path("/file.png")).respond_with(too_often()).up_to_n_times(1).mount(&server).await;
    let file = ResponseTemplate::new(200).set_body_raw(png(8, 8), "image/png");
    Mock::given(path("/file.png")).respond_with(file).mount(&server).await;
    let strict = QUEUE.replace("tolerate = [429, \"5xx\"], ", "");
    let asked = ask(&tea(&server.uri(), "", &strict), "a/pot", ImageRequest::new("x")).await;
    assert!(asked.result.is_ok(), "{:?}", asked.result);
    assert_eq!((requests(&server, "GET").await, requests(&server, "POST").await), (7, 1));
}

/// Cannot write down what was submitted.
struct Broken(Failure);

#[async_trait]
impl Journal for Broken {
    async fn submitting(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn submitted(&self, _: &Json) -> Result<(), Failure> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn what_runs_elsewhere_is_gone_on_with_or_ended_where_it_cannot_be_written_down() {
    let passing = Failure::Unavailable { message: "no database".to_owned() };
    for (failure, ends) in [(passing, 0), (Failure::Cancelled, 1)] {
        let server = queue(vec![state("COMPLETED")]).await;
        result(&server, &format!("data:image/png;base64,{}", b64(&png(8, 8)))).await;
        let (house, key, watch) = (tea(&server.uri(), "", QUEUE), key(), Watch::nobody());
        let (request, journal) = (Request::from(ImageRequest::new("x")), Broken(failure));
        let timeout = Duration::from_secs(20);
        let (model, key) = ("a/pot", Some(&key));
        let call = Call { model, request: &request, key, watch: &watch, timeout, journal: &journal, resume: None };
        let result = house.answer(call).await;
        assert_eq!((result.is_ok(), requests(&server, "PUT").await), (ends == 0, ends), "{result:?}");
    }
}

const SPEECH: &str = r#"
[[model]]
id = "ear"
tasks = ["speech.transcribe", "speech.synthesize", "image.edit", "text.translate"]
[op."speech.transcribe"]
limits = { min_gap_ms = 1 }
inputs = { audio = { deliver = "raw", mime = ["audio/ogg"], max_bytes = 100 } }
output = { kind = "text", path = "$.result", empty = "" }
[[op."speech.transcribe".step]]
method = "POST"
url = "/stt"
query = { lang = "{{language|map:ru=ru-RU}}", hint = "{{prompt}}" }
body = "raw"
raw = "{{audio}}"
[op."speech.synthesize"]
output = { kind = "raw" }
[[op."speech.synthesize".step]]
method = "POST"
url = "/tts"
body = "form"
form = { text = "{{text}}", "voice?" = "{{voice}}", speed = "{{speed|default:1.0}}" }
[op."image.edit"]
inputs = { image = { mime = ["image/png"] } }
output = { kind = "data_url", path = "$.image" }
[[op."image.edit".step]]
method = "POST"
url = "/edit"
body = "multipart"
form = { prompt = "{{prompt}}", "image[]" = "{{images}}", "mask?" = "{{mask}}", "seed?" = "{{seed}}" }
[op."text.translate"]
limits = { prompt_chars = 5 }
output = { kind = "text", path = "$.t[*]", join = " " }
[[op."text.translate".step]]
method = "POST"
url = "/translate"
body = "json"
json = '{ "texts": ["{{text}}"], "to": "{{target}}" }'
"#;

fn ogg(length: usize) -> Medium {
    let mut bytes = b"OggS".to_vec();
    bytes.resize(length, 0);
    Medium::new(bytes, "audio/ogg")
}

#[tokio::test]
async fn sounds_go_raw_and_come_raw() {
    let server = MockServer::start().await;
    let auth = r#"auth = { in = "query", name = "key", value = "{{key}}" }"#;
    let stt = Mock::given(path("/v1/stt")).and(query_param("lang", "ru-RU")).and(query_param("key", KEY));
    stt.and(header("Content-Type", "audio/ogg"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    let house = tea(&server.uri(), auth, SPEECH);
    let hear = |length| SpeechTranscribe {
        audio: Some(ogg(length)),
        language: Some("ru".to_owned()),
        ..SpeechTranscribe::default()
    };
    assert_eq!(ask(&house, "ear", hear(50)).await.words(), "");
    assert_eq!(ask(&house, "ear", hear(101)).await.refusal().0, Refusal::TooBig);
    let translated = SpeechTranscribe { translate: true, ..hear(50) };
    let asked = ask(&house, "ear", translated).await;
    assert_eq!((asked.result.expect_err("no translation").class(), asked.notes.len()), ("missing", 0));
    let mp3 = SpeechTranscribe { audio: Some(Medium::new("x", "audio/mpeg")), ..SpeechTranscribe::default() };
    assert_eq!(ask(&house, "ear", mp3).await.result.expect_err("another kind").class(), "missing");
    assert_eq!(server.received_requests().await.unwrap()[0].url.query_pairs().count(), 2);

    let tts = Mock::given(path("/v1/tts")).and(wiremock::matchers::body_string("text=a%26b+%D1%8F&speed=1.0"));
    tts.respond_with(ResponseTemplate::new(200).set_body_raw(ogg(9).bytes.to_vec(), "audio/ogg")).mount(&server).await;
    let say = SpeechSynthesize { text: "a&b я".to_owned(), ..SpeechSynthesize::default() };
    let said = ask(&house, "ear", say).await.result.expect("a sound");
    assert_eq!(said.content, Content::Sound(ogg(9)));
    assert_eq!(said.notices, ["Tea made audio/ogg; mp3 was asked"]);
}

#[tokio::test]
async fn pictures_go_as_parts_and_long_texts_are_left_to_others() {
    let server = MockServer::start().await;
    let answer = json!({"image": format!("data:image/png;base64,{}", b64(&png(8, 8)))});
    Mock::given(path("/v1/edit")).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    let house = tea(&server.uri(), "", SPEECH);
    let picture = Medium::new(png(8, 8), "image/png");
    let drawing = ImageRequest::new("{{key}}\r\n--boundary");
    let edit = ImageEdit { drawing, images: vec![picture.clone(), picture], ..ImageEdit::default() };
    ask(&house, "ear", edit).await.result.expect("a picture");
    let received = server.received_requests().await.unwrap();
    let body = String::from_utf8_lossy(&received[0].body);
    assert_eq!(body.matches("name=\"image[]\"; filename=\"image.png\"").count(), 2, "{body}");
    assert!(body.contains("{{key}}") && !body.contains("mask") && !body.contains("seed") && !body.contains(KEY));

    let translate =
        |text: &str| TextTranslate { text: text.to_owned(), target: "en".to_owned(), ..TextTranslate::default() };
    let answer = json!({"t": ["a", "b"]});
    Mock::given(path("/v1/translate"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    assert_eq!(ask(&house, "ear", translate("абвгд")).await.words(), "a b");
    assert_eq!(ask(&house, "ear", translate("абвгде")).await.refusal().0, Refusal::TooBig);
}

#[tokio::test]
async fn a_medium_is_uploaded_where_only_urls_are_taken() {
    let server = MockServer::start().await;
    let url = format!("{}/kept/1.png", server.uri());
    let kept = ResponseTemplate::new(200).set_body_json(json!({"data": {"url": url}}));
    Mock::given(path("/upload")).respond_with(kept).expect(1).mount(&server).await;
    let ops = SPEECH.replace("image = { mime = [\"image/png\"] }", "image = { deliver = \"https\" }").replace(
        "output = { kind = \"data_url\", path = \"$.image\" }",
        r#"upload = [{ method = "POST", url = "https://up.tea.example/upload", body = "json", json = '{ "d": "{{medium|b64}}", "n": "{{name}}" }', extract = { url = { path = "$.data.url", url = true } } }]
output = { kind = "data_url", path = "$.image" }"#,
    );
    let answer = json!({"image": b64(&png(8, 8))});
    let sent = Mock::given(path("/v1/edit")).and(wiremock::matchers::body_string_contains("/kept/1.png"));
    sent.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    let picture = Medium::new(png(8, 8), "image/png");
    let edit = ImageEdit { drawing: ImageRequest::new("x"), images: vec![picture], ..ImageEdit::default() };
    let asked = ask(&tea(&server.uri(), "", &ops), "ear", edit).await;
    assert!(asked.result.is_ok(), "{:?}", asked.result);
    assert_eq!(asked.notes, ["submitting"]);
}

#[tokio::test]
async fn a_probe_tells_whether_a_key_works() {
    let server = MockServer::start().await;
    let good = Mock::given(path("/v1/models")).and(header("authorization", format!("Bearer {KEY}")));
    good.respond_with(ResponseTemplate::new(404)).mount(&server).await;
    Mock::given(path("/v1/models")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let house = tea(&server.uri(), r#"probe = { url = "/models", ok_status = [200, 404] }"#, WRITE);
    assert_eq!(house.probe(Some(&key())).await, Ok(()));
    let wrong = Key::new("tea", "sk-wrong".into(), BTreeMap::new());
    assert_eq!(house.probe(Some(&wrong)).await.expect_err("a bad key").class(), "bad_key");
    assert_eq!(house.probe(None).await.expect_err("no key").class(), "missing");
    let broken = Key::new("tea", "sk-\nbroken".into(), BTreeMap::new());
    assert_eq!(house.probe(Some(&broken)).await.expect_err("a key that cannot be shown").class(), "bad_key");
}

proptest! {
    /// Whatever a provider answers: it is an answer or a refusal, never the end of the process.
    #[test]
    fn no_answer_makes_the_reader_panic(text in any::<String>(), near in "[\\[{\\]}\":,a-z0-9 .\n]{0,60}", status in 100u16..600) {
        for house in bundled() {
            for op in house.ops.values() {
                for (step, body) in op.steps.iter().flat_map(|step| [(step, &text), (step, &near)]) {
                    let headers = reqwest::header::HeaderMap::new();
                    let body = bytes::Bytes::from(body.clone());
                    let reply = reply::Reply::read(status, headers, body, step.parse, (200..300).contains(&status));
                    let _ = output::found(&op.output, &reply);
                    let _ = refusal::by_rule(&house.errors, &reply, &step.name, status < 300);
                    prop_assert!(refusal::own_words(house, &reply, &[]).chars().count() <= 500);
                }
            }
        }
    }
}

/// The provider files of this repository.
fn bundled() -> &'static [ProviderFile] {
    static FILES: std::sync::LazyLock<Vec<ProviderFile>> = std::sync::LazyLock::new(|| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/providers");
        folder::read_folder(&folder).0
    });
    assert!(FILES.len() >= 10);
    &FILES
}

#[test]
fn cards_and_manners_come_from_the_file() {
    let house = tea("https://x.example", "concurrency = 10\npolicy = \"own\"\nrenamed = { kettle = \"pot\" }", DRAW);
    let cards = house.models();
    assert_eq!(
        cards.iter().map(|card| (card.name.as_str(), card.ready)).collect::<Vec<_>>(),
        [("pot", true), ("old", false)]
    );
    let manners = house.manners();
    assert!(manners.keyed && manners.own_policy && manners.concurrency == 10);
    assert_eq!(house.renamed("kettle").as_deref(), Some("pot"));
    let both = tea("https://x.example", "", &format!("{QUEUE}{WRITE}"));
    assert_eq!(both.patience("a/pot", "image.generate"), both.manners().patience);
    assert_eq!(both.patience("leaf", "text.write"), PATIENCE);
    assert!(both.manners().patience > manners.patience);
    let few = tea("https://x.example", "", &DRAW.replacen("tasks =", "levels = [\"admin\"]\ntasks =", 1));
    assert_eq!(
        few.models().into_iter().map(|card| card.levels).collect::<Vec<_>>(),
        [vec!["admin".to_owned()], vec![]]
    );
}

#[tokio::test]
async fn a_model_that_is_not_listed_is_asked_for_only_where_the_file_says() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_json(json!({"text": "A tree."}))).await;
    let asked = ask(&tea(&server.uri(), "", WRITE), "bud", write("x")).await;
    let message = "Tea has no model `bud`".to_owned();
    assert_eq!(asked.result, Err(Failure::Missing { message }));
    assert_eq!(ask(&tea(&server.uri(), "any_model = true", WRITE), "bud", write("x")).await.words(), "A tree.");
}
