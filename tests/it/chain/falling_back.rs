//! Real servers with the real engine: from this machine to the providers and back, and what a `kill -9` leaves.

use crate::fakes::{Behaviour, Fake};
use crate::support::desk::Desk;
use crate::support::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

/// Nothing here takes as long; a test that waits longer hangs.
const HANG: Duration = Duration::from_secs(120);

/// A folder of models in which `small` is a model of this machine that is no demo: the demo's weights by that name.
fn models(desk: &Desk) -> std::path::PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let folder = desk.path("models");
    fs::create_dir(&folder).unwrap();
    for name in ["demo", "tokenizers", "providers"] {
        std::os::unix::fs::symlink(shipped.join(name), folder.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(shipped.join("demo"), folder.join("small")).unwrap();
    let manifest = fs::read_to_string(shipped.join("manifest.toml")).unwrap();
    let at = manifest.find("[[model]]\nname = \"demo\"").unwrap();
    let small = manifest[at..].replacen("name = \"demo\"", "name = \"small\"", 1);
    let small = small.replacen("title = \"Samovar demo: emoji at 128×128\"", "title = \"Small\"", 1);
    fs::write(folder.join("manifest.toml"), format!("{manifest}\n{small}")).unwrap();
    folder
}

struct Place {
    desk: Desk,
    set: Vec<(String, String)>,
}

impl Place {
    /// A server with the fakes of these providers, each with a key.
    fn new(route: &str, fakes: &[(&str, &str, &Fake)]) -> Self {
        let desk = Desk::new();
        let models = models(&desk).display().to_string();
        let mut set = vec![
            ("SAMOVAR_MODELS_DIR".to_owned(), models),
            ("SAMOVAR_ROUTE_IMAGE_GENERATE".to_owned(), route.to_owned()),
        ];
        for (variable, base, fake) in fakes {
            set.push(((*variable).to_owned(), format!("hf_{variable}-of-the-tests-0042")));
            set.push(((*base).to_owned(), fake.base_url().to_owned()));
        }
        Self { desk, set }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.set.push((name.to_owned(), value.to_owned()));
        self
    }

    fn server(&self) -> Server {
        let mut command = self.desk.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
        Server::started(command)
    }
}

fn generate(server: &Server) -> Value {
    server.json("POST", "/v1/images/generations", r#"{"prompt": "a red apple", "seed": 3}"#)
}

/// Who answered, and why it was not the first choice.
fn answered(answer: &Value) -> (String, String) {
    let picture = &answer["data"][0];
    let word = |name: &str| picture[name].as_str().unwrap_or_default().to_owned();
    assert!(picture["b64_json"].as_str().is_some_and(|bytes| bytes.len() > 100), "{answer}");
    (word("provider"), word("fallback_reason"))
}

fn until(what: &str, mut fact: impl FnMut() -> bool) {
    let start = Instant::now();
    while !fact() {
        assert!(start.elapsed() < HANG, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The engine of this server.
fn engine(server: &Server) -> Option<Pid> {
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process: i32 = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let parent: u32 = rest.split_whitespace().nth(1)?.parse().ok()?;
        (parent == server.pid() && name.contains("samovar-engine")).then_some(process)
    });
    children.into_iter().next().and_then(Pid::from_raw)
}

#[test]
fn what_this_machine_cannot_do_a_provider_does() {
    let openai = Fake::openai();
    let keys = [("OPENAI_API_KEY", "OPENAI_BASE_URL", &openai)];
    for (route, set, reason) in [
        ("local:sdxl-turbo,openai,local:demo", None, "sdxl-turbo"),
        ("local:small,openai", Some(("SAMOVAR_MEMORY_LIMIT", "40MiB")), "not enough memory"),
    ] {
        let place = Place::new(route, &keys);
        let place = if let Some((name, value)) = set { place.with(name, value) } else { place };
        let answer = generate(&place.server());
        let (provider, why) = answered(&answer);
        assert!(provider == "openai" && why.contains(reason), "{route}: {answer}");
    }
    openai.assert_keys_kept(&["hf_OPENAI_API_KEY-of-the-tests-0042"]);
    assert_eq!(openai.complaints(), Vec::<String>::new());
}

#[test]
fn an_engine_killed_in_the_middle_of_a_job_is_followed_by_a_provider() {
    let openai = Fake::openai();
    let place = Place::new("local:small,openai", &[("OPENAI_API_KEY", "OPENAI_BASE_URL", &openai)]);
    let server = place.server();
    let order = json!({"task": "image.generate", "input": {"prompt": "a cat", "steps": 50, "size": "1024x1024"}});
    let id = server.json("POST", "/v1/jobs", &order.to_string())["id"].as_str().unwrap().to_owned();
    let events = server.ask("GET", &format!("/v1/jobs/{id}/events"), "");
    for line in events.lines().map_while(Result::ok) {
        if line.starts_with("data:") && line.contains("\"step\":") && !line.contains("\"step\":0") {
            break;
        }
        assert!(!line.contains("event: done"), "it was too fast to be killed");
    }
    kill_process(engine(&server).expect("an engine"), Signal::KILL).unwrap();
    let job = finished(&server, &id);
    let (provider, why) = (job["result"]["provider"].as_str().unwrap(), job["result"]["fallback_reason"].as_str());
    assert!(provider == "openai" && why.is_some_and(|why| why.contains("engine stopped unexpectedly")), "{job}");
    let classes: Vec<&str> = job["attempts"].as_array().unwrap().iter().map(|a| a["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["crashed", "done"]);
}

#[test]
fn when_every_provider_is_away_this_machine_answers() {
    let (openai, hf) = (Fake::openai(), Fake::hf());
    openai.behave(Behaviour::Busy);
    hf.behave(Behaviour::Payment);
    let fakes = [("OPENAI_API_KEY", "OPENAI_BASE_URL", &openai), ("HF_TOKEN", "HF_BASE_URL", &hf)];
    let place = Place::new("openai,hf,local:small", &fakes);
    let answer = generate(&place.server());
    let (provider, why) = answered(&answer);
    assert!(provider == "local" && why.contains("OpenAI") && why.contains("1 more of the route"), "{answer}");
    assert!(openai.submits() >= 1 && hf.submits() == 1, "{} {}", openai.submits(), hf.submits());
}

fn finished(server: &Server, id: &str) -> Value {
    let mut job = Value::Null;
    until("the job ends", || {
        job = server.json("GET", &format!("/v1/jobs/{id}"), "");
        !matches!(job["status"].as_str(), Some("queued" | "running"))
    });
    job
}

#[test]
fn after_a_kill_what_was_submitted_is_polled_and_never_submitted_again() {
    let fal = Fake::fal();
    fal.behave(Behaviour::Slow(3));
    let place = Place::new("fal,local:small", &[("FAL_KEY", "FAL_BASE_URL", &fal)]);
    let server = place.server();
    let order = json!({"task": "image.generate", "input": {"prompt": "a cat"}});
    let id = server.json("POST", "/v1/jobs", &order.to_string())["id"].as_str().unwrap().to_owned();
    until("the job is polled", || fal.polls() >= 1);
    server.end(Signal::KILL);
    let job = finished(&place.server(), &id);
    assert_eq!((&job["status"], &job["result"]["provider"]), (&json!("done"), &json!("fal")), "{job}");
    assert_eq!(fal.submits(), 1, "it was paid twice");
    fal.assert_keys_kept(&["hf_FAL_KEY-of-the-tests-0042"]);
}

#[test]
fn after_a_kill_what_may_have_been_taken_is_not_sent_there_again() {
    let (openai, hf) = (Fake::openai(), Fake::hf());
    openai.behave(Behaviour::Hang);
    let fakes = [("OPENAI_API_KEY", "OPENAI_BASE_URL", &openai), ("HF_TOKEN", "HF_BASE_URL", &hf)];
    let place = Place::new("openai,hf", &fakes);
    let server = place.server();
    let order = json!({"task": "image.generate", "input": {"prompt": "a cat"}});
    let id = server.json("POST", "/v1/jobs", &order.to_string())["id"].as_str().unwrap().to_owned();
    until("the request is with the provider", || openai.submits() == 1);
    server.end(Signal::KILL);
    let job = finished(&place.server(), &id);
    assert_eq!((&job["status"], &job["result"]["provider"]), (&json!("done"), &json!("hf")), "{job}");
    assert_eq!((openai.submits(), hf.submits()), (1, 1));
    assert_eq!(job["attempts"][0]["spend_unknown"], json!(true), "{job}");
    openai.release();
}
