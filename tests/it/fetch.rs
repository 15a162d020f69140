//! Fetching models from a hub that has bad days.

use crate::support::hub::{COMMIT, Fault, Hub};
use samovar::local::catalogue::fetch::{Event, FetchError, Fetched, Settings, Watch, fetch};
use samovar::local::catalogue::installed::Records;
use samovar::local::catalogue::verify::{Verdict, verify};
use samovar::local::catalogue::{self, Catalogue};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WEIGHTS: usize = 3 << 20;
const REPO: &str = "owner/model";

/// A models folder with one model to fetch, and an empty weights folder.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self::with(
            r#"consent = "Not for sale.""#,
            r#"{ path = "config.json", about = 10 }, { path = "unet/weights.bin", about = 3000000 }"#,
        )
    }

    fn with(licence: &str, files: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("models")).unwrap();
        let manifest = format!(
            r#"
[licences.free]
name = "A licence"
page = "https://example.org/licence"
commercial = true
{licence}

[[model]]
name = "model"
title = "A model"
family = "sdxl"
tasks = ["image.generate"]
licence = "free"
hardware = "Any."
[[model.source]]
repo = "{REPO}"
files = [{files}]
"#
        );
        std::fs::write(folder.path().join("models/manifest.toml"), manifest).unwrap();
        Self { folder }
    }

    fn weights(&self) -> PathBuf {
        self.folder.path().join("weights")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.weights().join("model").join(name)
    }

    fn partials(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.weights().join(".partial")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "part")).collect()
    }

    fn catalogue(&self) -> Catalogue {
        let models_dir = self.folder.path().join("models");
        Catalogue::read(&catalogue::Settings { models_dir, weights_dir: self.weights() }).unwrap()
    }

    async fn fetch(&self, hub: &Hub) -> (Result<Fetched, FetchError>, Vec<String>) {
        self.fetch_with(&settings(hub)).await
    }

    async fn fetch_with(&self, settings: &Settings) -> (Result<Fetched, FetchError>, Vec<String>) {
        let catalogue = self.catalogue();
        let watch = Diary::default();
        let fetched = fetch(&catalogue, &[catalogue.get("model").unwrap()], settings, &watch).await;
        (fetched, watch.0.into_inner().unwrap())
    }

    /// The real program, with an environment of its own.
    fn samovar(&self, hub: &Hub, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samovar"));
        command.arg("models").args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("HF_ENDPOINT", hub.endpoint.as_str()).env("SAMOVAR_WEIGHTS_DIR", self.weights());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, hub: &Hub, arguments: &[&str]) -> Output {
        let mut command = self.samovar(hub, arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

/// Writes down what happens, but for the bytes.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Watch for Diary {
    fn tell(&self, event: &Event<'_>) {
        if !matches!(event, Event::Received { .. }) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
}

/// One file at a time, in the manifest's order, so that what was there before a failure is known.
fn settings(hub: &Hub) -> Settings {
    let pause = Duration::from_millis(5);
    Settings { pause, parallel: 1, stall: Duration::from_secs(20), ..Settings::new(hub.endpoint.clone(), None) }
}

fn weights(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

async fn hub() -> Hub {
    let hub = Hub::start().await;
    hub.put_small(REPO, "config.json", b"{\"a\": 1}\n".to_vec());
    hub.put_large(REPO, "unet/weights.bin", weights(WEIGHTS));
    hub
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_fetched_once() {
    let (hub, home) = (hub().await, Home::new());
    let (fetched, _) = home.fetch(&hub).await;
    assert_eq!(fetched.unwrap(), Fetched { files: 2, bytes: WEIGHTS as u64 + 9 });
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(WEIGHTS));
    assert_eq!(std::fs::read(home.file("config.json")).unwrap(), b"{\"a\": 1}\n");
    assert!(home.partials().is_empty());
    let record = Records::read(&home.weights()).get(Path::new("model/config.json")).cloned().unwrap();
    assert_eq!((record.bytes, record.commit.as_deref(), record.repo.as_str()), (9, Some(COMMIT), REPO));
    assert!(!hub.seen().is_empty());
    // Nothing is missing now: the hub hears nothing.
    let (again, events) = home.fetch(&hub).await;
    assert_eq!(again.unwrap(), Fetched { files: 0, bytes: 0 });
    assert!(hub.seen().is_empty() && events.is_empty(), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_goes_on_where_it_stopped() {
    let (hub, home) = (hub().await, Home::new());
    let after = 1_000_000;
    hub.fail("unet/weights.bin", [Fault::Cut(after), Fault::Refuse(502, "x-a", "b")]);
    let (fetched, events) = home.fetch(&hub).await;
    fetched.unwrap();
    let ranges = hub.ranges("unet/weights.bin");
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert_eq!(ranges[0], None);
    let begin = |range: &Option<String>| -> usize {
        range.as_ref().unwrap().trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap()
    };
    assert!(begin(&ranges[1]) > 0 && begin(&ranges[1]) <= after, "{ranges:?}");
    // Nothing came with the 502, so the third request asks for the same.
    assert_eq!(ranges[1], ranges[2]);
    assert!(events.iter().any(|event| event.starts_with("Paused")), "{events:?}");
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(WEIGHTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_gave_up_goes_on_at_the_next_call() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("unet/weights.bin", [Fault::Cut(2_000_000)]);
    hub.fail("unet/weights.bin", std::iter::repeat_n(Fault::Refuse(503, "x-a", "b"), 20));
    let (failed, _) = home.fetch(&hub).await;
    assert!(failed.unwrap_err().to_string().contains("503"));
    assert!(!home.file("unet/weights.bin").exists());
    let kept = std::fs::metadata(&home.partials()[0]).unwrap().len();
    assert!(kept > 0);
    assert!(home.file("config.json").exists(), "what was whole stays");
    hub.fail("unet/weights.bin", []);
    let rest = Hub::start().await;
    rest.put_small(REPO, "config.json", b"{\"a\": 1}\n".to_vec());
    rest.put_large(REPO, "unet/weights.bin", weights(WEIGHTS));
    let (fetched, _) = home.fetch(&rest).await;
    assert_eq!(fetched.unwrap().files, 1);
    assert_eq!(rest.ranges("unet/weights.bin"), [Some(format!("bytes={kept}-"))]);
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(WEIGHTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_given_up_and_a_slow_one_is_not() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("unet/weights.bin", [Fault::Hang(1 << 20), Fault::Trickle(1 << 18, Duration::from_millis(300))]);
    let (fetched, events) = home.fetch_with(&Settings { stall: Duration::from_secs(2), ..settings(&hub) }).await;
    fetched.unwrap();
    // The slow answer takes longer than the silence that is allowed, and is waited for.
    assert_eq!(hub.ranges("unet/weights.bin").len(), 2);
    assert!(events.iter().any(|event| event.contains("no answer in time")), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_in_parallel() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("config.json", [Fault::Hang(3)]);
    let (fetched, events) =
        home.fetch_with(&Settings { parallel: 2, stall: Duration::from_secs(5), ..settings(&hub) }).await;
    fetched.unwrap();
    let at = |start: &str, file: &str| {
        events.iter().position(|event| event.starts_with(start) && event.contains(file)).unwrap()
    };
    // The second file does not wait for the first, which stands still.
    assert!(at("Finished", "weights.bin") < at("Paused", "config.json"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_ignores_ranges_is_read_from_the_start() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("unet/weights.bin", [Fault::Cut(1_000_000), Fault::WholeFile]);
    let (fetched, events) = home.fetch(&hub).await;
    fetched.unwrap();
    assert!(events.iter().any(|event| event.starts_with("Restarted")), "{events:?}");
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(WEIGHTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_length_is_measured_by_the_listing() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("config.json", [Fault::NoLength]);
    hub.fail("unet/weights.bin", [Fault::Cut(1_000_000), Fault::NoLength]);
    home.fetch(&hub).await.0.unwrap();
    assert_eq!(std::fs::read(home.file("config.json")).unwrap(), b"{\"a\": 1}\n");
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(WEIGHTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_hash_is_refused() {
    for listed in [true, false] {
        let (hub, home) = (hub().await, Home::new());
        hub.lie_about_hash(REPO, "unet/weights.bin");
        if !listed {
            hub.without_listing();
        }
        let (failed, _) = home.fetch(&hub).await;
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("unet/weights.bin does not hash to what the hub declares"), "{message}");
        assert!(!home.file("unet/weights.bin").exists() && home.partials().is_empty());
        assert!(home.catalogue().locate("model", false).unwrap_err().to_string().contains("in part"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_partial_file_is_begun_anew() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("unet/weights.bin", [Fault::Cut(1_000_000)]);
    hub.fail("unet/weights.bin", std::iter::repeat_n(Fault::Refuse(503, "x-a", "b"), 20));
    home.fetch(&hub).await.0.unwrap_err();
    let partial = &home.partials()[0];
    let length = std::fs::metadata(partial).unwrap().len();
    std::fs::write(partial, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let rest = self::hub().await;
    let (fetched, events) = home.fetch(&rest).await;
    fetched.unwrap();
    assert!(events.iter().any(|event| event.starts_with("Restarted")), "{events:?}");
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(WEIGHTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_hash_is_stronger_than_the_hub() {
    let pin = "0".repeat(64);
    let home = Home::with("", &format!(r#"{{ path = "unet/weights.bin", about = 10, sha256 = "{pin}" }}"#));
    let hub = hub().await;
    let (failed, _) = home.fetch(&hub).await;
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("the manifest pins sha256"), "{message}");
    assert!(hub.ranges("unet/weights.bin").is_empty(), "nothing is fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let with_token = |hub: &Hub| Settings { token: Some("hf_secret".into()), ..settings(hub) };
    let cases = [
        (401, "GatedRepo", false, "accept its terms at https://huggingface.co/owner/model, then set HF_TOKEN"),
        (403, "GatedRepo", true, "accept its terms at https://huggingface.co/owner/model, then set HF_TOKEN"),
        (401, "", true, "does not accept the token in HF_TOKEN"),
        (401, "RepoNotFound", false, "no repository owner/model"),
        (404, "RevisionNotFound", false, "owner/model has no revision main"),
        (404, "EntryNotFound", false, "owner/model has no file config.json at revision main"),
        (418, "", false, "418"),
    ];
    for (status, code, token, said) in cases {
        let home = Home::with("", r#"{ path = "config.json", about = 10 }"#);
        let hub = hub().await;
        hub.gate(REPO, status, code);
        let (failed, events) = home.fetch_with(&if token { with_token(&hub) } else { settings(&hub) }).await;
        let message = failed.unwrap_err().to_string();
        assert!(message.contains(said), "{status} {code}: {message}");
        assert!(!message.contains("hf_secret"));
        assert!(!events.iter().any(|event| event.starts_with("Paused")), "no second try for {status}: {events:?}");
        assert!(!home.file("config.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_repository_lacks_is_named() {
    let home = Home::with("", r#"{ path = "config.json", about = 10 }, { path = "absent.bin", about = 10 }"#);
    let (failed, _) = home.fetch(&hub().await).await;
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("owner/model has no file absent.bin at revision main"), "{message}");
    assert!(!home.file("config.json").exists(), "nothing is begun that cannot be finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_waited_for_as_long_as_the_hub_says() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail_listing(Fault::Refuse(429, "retry-after", "1"));
    hub.fail("unet/weights.bin", [Fault::Refuse(429, "retry-after", "1"), Fault::Refuse(503, "x-a", "b")]);
    let began = Instant::now();
    let (fetched, events) = home.fetch(&hub).await;
    fetched.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(2), "came back too early");
    let paused: Vec<_> = events.iter().filter(|event| event.starts_with("Paused")).collect();
    assert!(paused.iter().any(|event| event.contains("pause: 1s")), "{paused:?}");
    assert_eq!(paused.len(), 2, "{paused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_long_wait_is_left_to_the_person() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("unet/weights.bin", [Fault::Refuse(429, "retry-after", "7200")]);
    let (failed, _) = home.fetch(&hub).await;
    assert!(failed.unwrap_err().to_string().contains("429"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_out_of_order_is_given_up_with_its_status() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("config.json", std::iter::repeat_n(Fault::Refuse(503, "x-a", "b"), 50));
    let (failed, _) = home.fetch(&hub).await;
    assert!(failed.unwrap_err().to_string().contains("503"));
    let gone = Settings { endpoint: "http://127.0.0.1:9".parse().unwrap(), ..settings(&hub) };
    let (failed, _) = home.fetch_with(&gone).await;
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("the connection to the hub failed"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_too_small_is_told_before_anything_comes() {
    let (hub, home) = (hub().await, Home::new());
    hub.lie_about_size(REPO, "unet/weights.bin", 1 << 60);
    let (failed, events) = home.fetch(&hub).await;
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("not enough space in"), "{message}");
    assert!(hub.ranges("unet/weights.bin").is_empty() && hub.ranges("config.json").is_empty());
    assert!(!events.iter().any(|event| event.starts_with("Begun")), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_size_is_refused() {
    let (hub, home) = (hub().await, Home::new());
    hub.lie_about_size(REPO, "unet/weights.bin", WEIGHTS as u64 + 5);
    let (failed, _) = home.fetch(&hub).await;
    assert!(failed.unwrap_err().to_string().contains("two different lengths"));
    assert!(!home.file("unet/weights.bin").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_without_listings_serves_too() {
    let (hub, home) = (hub().await, Home::new());
    hub.without_listing();
    let (fetched, _) = home.fetch(&hub).await;
    assert_eq!(fetched.unwrap().files, 2);
    let record = Records::read(&home.weights()).get(Path::new("model/unet/weights.bin")).cloned().unwrap();
    assert_eq!(record.commit.as_deref(), Some(COMMIT));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_stays_with_the_hub() {
    let (hub, home) = (hub().await, Home::new());
    let token = Settings::new(hub.endpoint.clone(), Some("hf_secret, hf_another".into()));
    home.fetch_with(&token).await.0.unwrap();
    for seen in hub.seen() {
        let behind = seen.at == "bytes" && seen.path == "unet/weights.bin";
        let expected = if behind { None } else { Some("Bearer hf_secret".to_owned()) };
        assert_eq!(seen.authorisation, expected, "{} {}", seen.at, seen.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fetches_at_once_share_the_work() {
    let (hub, home) = (hub().await, Home::new());
    hub.fail("unet/weights.bin", [Fault::Trickle(1 << 18, Duration::from_millis(50))]);
    let (first, second) = tokio::join!(home.fetch(&hub), home.fetch(&hub));
    let files = first.0.unwrap().files + second.0.unwrap().files;
    assert_eq!(files, 2, "each file came once");
    assert_eq!(hub.ranges("unet/weights.bin").len(), 1);
    let queued = |events: &[String]| events.iter().any(|event| event == "Queued");
    assert!(queued(&first.1) != queued(&second.1), "one waited for the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reads_every_byte() {
    let (hub, home) = (hub().await, Home::new());
    home.fetch(&hub).await.0.unwrap();
    let catalogue = home.catalogue();
    let model = catalogue.get("model").unwrap();
    let verdicts: Vec<_> = verify(&catalogue, model).await.unwrap().into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(verdicts, [Verdict::Right, Verdict::Right]);
    let mut bytes = weights(WEIGHTS);
    bytes[WEIGHTS / 2] ^= 1;
    std::fs::write(home.file("unet/weights.bin"), bytes).unwrap();
    let output = home.run(&hub, &["verify"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = told(&output);
    assert!(
        said.contains("unet/weights.bin is damaged: it hashes to sha256") && said.contains("1 file is not"),
        "{said}"
    );
    // Without a record (a folder copied by hand) only sizes are known.
    std::fs::remove_file(home.weights().join("installed.json")).unwrap();
    let verdicts = verify(&home.catalogue(), model).await.unwrap();
    assert!(verdicts.iter().all(|(_, verdict)| *verdict == Verdict::SizeOnly));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_that_needs_consent_is_shown_first() {
    let (hub, home) = (hub().await, Home::new());
    let output = home.run(&hub, &["fetch", "model"]).await;
    let said = told(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("A licence (https://example.org/licence)") && said.contains("Not for sale."), "{said}");
    assert!(said.contains("--accept-licence"), "{said}");
    assert!(hub.seen().is_empty());
    let output = home.run(&hub, &["fetch", "model", "--accept-licence"]).await;
    assert!(output.status.success(), "{}", told(&output));
    let output = home.run(&hub, &["fetch", "model"]).await;
    assert!(output.status.success() && told(&output).contains("model is here already"), "{}", told(&output));
    let output = home.run(&hub, &["path", "model"]).await;
    assert_eq!(told(&output).trim(), home.weights().join("model").to_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_tells_what_is_missing() {
    let (hub, home) = (hub().await, Home::new());
    let listed = home.run(&hub, &["list", "--json"]).await;
    let models: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&models[0]["name"], &models[0]["state"]), (&"model".into(), &"missing".into()));
    assert_eq!((&models[0]["missing_files"], &models[0]["bytes"]), (&2.into(), &3_000_010.into()));
    home.fetch(&hub).await.0.unwrap();
    let output = home.run(&hub, &["list"]).await;
    assert!(told(&output).contains("ready"), "{}", told(&output));
    let unknown = home.run(&hub, &["fetch", "mudel"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(told(&unknown).contains("no model named 'mudel'"));
    let absent = Home::new().run(&hub, &["path", "model"]).await;
    assert_eq!(absent.status.code(), Some(1));
    assert!(told(&absent).contains("scripts/fetch_models.sh model"), "{}", told(&absent));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_fetch_keeps_what_came() {
    let home = Home::with("", r#"{ path = "unet/weights.bin", about = 12000000 }"#);
    let hub = Hub::start().await;
    let length = 12 << 20;
    hub.put_large(REPO, "unet/weights.bin", weights(length));
    hub.fail("unet/weights.bin", [Fault::Hang(8 << 20)]);
    let child = home.samovar(&hub, &["fetch", "model"]).spawn().unwrap();
    let some_came =
        || home.partials().iter().any(|path| std::fs::metadata(path).is_ok_and(|found| found.len() > 1 << 20));
    let guard = Instant::now();
    while !some_came() {
        assert!(guard.elapsed() < Duration::from_secs(60), "nothing came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the same command goes on from there"), "{said}");
    assert!(!home.file("unet/weights.bin").exists());
    let kept = std::fs::metadata(&home.partials()[0]).unwrap().len();
    let output = home.run(&hub, &["fetch", "model"]).await;
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(hub.ranges("unet/weights.bin"), [None, Some(format!("bytes={kept}-"))]);
    assert_eq!(std::fs::read(home.file("unet/weights.bin")).unwrap(), weights(length));
}
