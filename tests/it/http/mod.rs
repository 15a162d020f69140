//! The HTTP door with everything behind it but a model: a painter that does what a test tells it stands in.

mod access;
mod account;
mod admin;
mod assets;
mod durable;
mod images;
mod jobs;
mod odd_input;
mod painter;
mod served;
mod settling;
mod tasks;
mod transcripts;
mod uploads;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use metrics_exporter_prometheus::PrometheusBuilder;
use painter::{Painter, Turn};
use samovar::accounts::{Accounts, ApiKey, Keys};
use samovar::chain::Chain;
use samovar::chain::keys::{KeyPools, Supply};
use samovar::config::Config;
use samovar::db::{Clock, Db};
use samovar::http;
use samovar::intake::Intake;
use samovar::media;
use samovar::media::Level;
use samovar::pipeline::{self, Pipeline};
use samovar::providers::Provider;
use samovar::queue::{self, Queue, Worker};
use samovar::statistics::Statistics;
use samovar::storage::Storage;
use serde_json::Value;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A server without a socket.
struct Server {
    router: Router,
    painter: Arc<Painter>,
    pipeline: Pipeline,
    works: tokio::task::JoinHandle<()>,
    /// What the database stamps its rows with.
    clock: Clock,
    stop: CancellationToken,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn key(name: &str, key: &str, level: Level) -> ApiKey {
    ApiKey { name: name.to_owned(), key: key.into(), level }
}

/// A server without keys whose painter does this each time it is asked.
async fn server(turn: Turn) -> Server {
    server_with(turn, Vec::new(), 8).await
}

async fn server_with(turn: Turn, api_keys: Vec<ApiKey>, capacity: u32) -> Server {
    server_in(tempfile::tempdir().unwrap(), turn, settings(), &api_keys, capacity).await
}

fn settings() -> http::Settings {
    http::Settings { listen: ([127, 0, 0, 1], 0).into(), public_url: None }
}

/// A server whose database and files are in this folder, perhaps from an earlier one.
async fn server_in(
    dir: tempfile::TempDir,
    turn: Turn,
    settings: http::Settings,
    api_keys: &[ApiKey],
    capacity: u32,
) -> Server {
    let Behind { painter, pipeline, state, stop, clock } = behind(turn, capacity, api_keys, dir.path()).await;
    let router = http::router(&settings, state, stop.clone());
    let works = tokio::spawn(pipeline::run(pipeline.clone(), Worker::here(Vec::new()), stop.clone()));
    Server { router, painter, pipeline, works, clock, stop, dir }
}

/// Everything behind the door.
struct Behind {
    painter: Arc<Painter>,
    pipeline: Pipeline,
    state: http::State,
    stop: CancellationToken,
    clock: Clock,
}

async fn behind(turn: Turn, capacity: u32, api_keys: &[ApiKey], dir: &std::path::Path) -> Behind {
    let config = Config::read(dir, [("SAMOVAR_DATA_DIR".into(), dir.into())]).unwrap();
    let painter = Arc::new(Painter::new(turn));
    let route = ["local:sdxl-turbo", "hf", "local:demo"].map(|link| link.parse().unwrap()).to_vec();
    let mut settings = config.chain(false);
    settings.routes.values_mut().for_each(|route| *route = vec!["local:demo".parse().unwrap()]);
    settings.routes.insert("image.generate".to_owned(), route);
    let clock = Clock::system();
    let db = Db::open(config.database(), clock.clone()).await.unwrap();
    let keys = KeyPools::open(Some(db.clone()), vec![without_a_key("hf")], None).await.unwrap();
    let providers: Vec<Arc<dyn Provider>> = vec![painter.clone(), Arc::new(Painter::elsewhere("hf"))];
    let chain = Arc::new(Chain::new(settings, providers, keys).unwrap());
    let queue = Queue::new(db.clone(), queue::Settings { capacity, ..config.queue() });
    let accounts = Accounts::new(db.clone(), config.accounts.clone());
    let storage = Arc::new(Storage::open(config.storage(), db.clone()).await.unwrap());
    let stop = CancellationToken::new();
    let engine: http::Probe = Arc::new(|| Box::pin(async { Ok(()) }));
    let keys = Arc::new(Keys::open(db.clone(), api_keys, config.rate_limit).await.unwrap());
    let (known, ended) = (keys.clone(), stop.clone());
    tokio::spawn(async move { known.follow(ended).await });
    let state = http::State {
        keys,
        accounts: accounts.clone(),
        intake: Intake::new(db.clone(), queue.clone(), accounts.clone(), storage.clone(), stop.clone()),
        storage: storage.clone(),
        models: chain.clone(),
        providers: chain.clone(),
        readiness: vec![("engine", engine)],
        statistics: Statistics::new(db.clone()),
        beside: Router::new(),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
    };
    let pipeline = Pipeline {
        db,
        queue,
        chain,
        storage,
        accounts,
        statistics: state.statistics.clone(),
        grace: Duration::ZERO,
        lanes: 1,
    };
    Behind { painter, pipeline, state, stop, clock }
}

/// A provider that nobody has a key for.
fn without_a_key(id: &str) -> Supply {
    Supply { provider: id.to_owned(), keyed: true, concurrency: 1, keys: Vec::new() }
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    /// The one error of the answer, after checking that it has OpenAI's shape and nothing else.
    fn error(&self) -> Value {
        let json = self.json();
        let error = json["error"].as_object().unwrap_or_else(|| panic!("no error in {json}"));
        assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "param", "type"], "{json}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
        json["error"].clone()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Server {
    async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, json: &Value) -> Answer {
        let request = request("POST", path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(json.to_string().into()).unwrap()).await
    }

    async fn generate(&self, json: &Value) -> Answer {
        self.post("/v1/images/generations", json).await
    }

    /// The files that the storage keeps.
    fn files(&self) -> Vec<std::path::PathBuf> {
        let folders = std::fs::read_dir(self.dir.path().join("media")).unwrap();
        folders
            .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .collect()
    }

    async fn form(&self, path: &str, parts: &[Part<'_>]) -> Answer {
        self.send(form(path, parts)).await
    }
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:8080")
}

/// A part of a form.
enum Part<'a> {
    Text(&'a str, &'a str),
    File(&'a str, &'a [u8]),
}

fn form(path: &str, parts: &[Part]) -> Request<Body> {
    const BOUNDARY: &str = "----a-boundary";
    let mut body = Vec::new();
    for part in parts {
        let (head, bytes) = match part {
            Part::Text(name, text) => (format!("name=\"{name}\""), text.as_bytes()),
            Part::File(name, bytes) => {
                (format!("name=\"{name}\"; filename=\"a.png\"\r\nContent-Type: image/png"), *bytes)
            }
        };
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    request("POST", path).header(header::CONTENT_TYPE, kind).body(body.into()).unwrap()
}

/// A PNG of one colour, with transparency.
fn png(width: u32, height: u32, color: [u8; 4]) -> Vec<u8> {
    encoded(&image::RgbaImage::from_pixel(width, height, image::Rgba(color)))
}

fn encoded(picture: &image::RgbaImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn decoded(base64: &Value) -> media::Picture {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64.as_str().unwrap()).unwrap();
    media::Picture::decode(&bytes, "answer").unwrap()
}
