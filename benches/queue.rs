//! How fast the line is by itself, with jobs that do nothing: through the queue alone, and submitted over HTTP by many
//! clients to a real server, whose memory is watched. Start it by
//! `cargo bench --no-default-features --bench queue -- --help`.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on should stop where it stands")]
#![allow(clippy::cast_precision_loss, reason = "these numbers are small")]

use clap::Parser;
use samovar::db::{Clock, Db};
use samovar::media::{Answer, Door, JobId, Owner, Provenance};
use samovar::queue::{NewJob, Queue, Settings, State, Worker};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Measures the line.
#[derive(Parser)]
struct Args {
    /// Where the jobs are written down; without it, a new SQLite file
    #[arg(long)]
    url: Option<String>,
    /// Jobs through the queue alone
    #[arg(long, default_value_t = 5000)]
    alone: usize,
    /// Workers that finish them
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Clients that submit over HTTP at the same time, each waiting for its answer before the next
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// Jobs that they submit; the server's memory is looked at after a tenth of them and after all
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let folder = tempfile::tempdir().unwrap();
    let url = args.url.unwrap_or_else(|| format!("sqlite://{}", folder.path().join("samovar.db").display()));
    let db = Db::open(&url, Clock::system()).await.unwrap();
    let queue = Queue::new(db.clone(), Settings { capacity: u32::MAX, ..Settings::default() });
    alone(&db, &queue, args.alone, args.workers).await;
    {
        let server = Server::start(folder.path(), &url, &["--no-worker"]);
        let room = 900;
        over_http(&server, args.clients, room, Duration::ZERO, "all at once, one after the other").await;
        drain(&db, &queue).await;
        over_http(&server, args.clients, room, Duration::from_secs(1), "one a second each").await;
        drain(&db, &queue).await;
    }
    // With a worker of its own; nobody is there to draw, so every job ends at once.
    let server = Server::start(folder.path(), &url, &[]);
    over_http(&server, args.clients, args.jobs / 10, Duration::ZERO, "with a worker, first tenth").await;
    let begin = server.rss();
    over_http(&server, args.clients, args.jobs - args.jobs / 10, Duration::ZERO, "with a worker, the rest").await;
    let end = server.rss();
    println!("server's memory after {} jobs: {begin} MiB, after {}: {end} MiB", args.jobs / 10, args.jobs);
}

/// Ends what is in the line.
async fn drain(db: &Db, queue: &Queue) {
    let worker = Worker::here(Vec::new());
    while let Some(claim) = queue.claim(&worker).await.unwrap() {
        finish(db, queue, claim).await;
    }
}

/// Submitting, then claiming and finishing, without a door.
async fn alone(db: &Db, queue: &Queue, jobs: usize, workers: usize) {
    let owner = Owner::local();
    let start = Instant::now();
    for _ in 0..jobs {
        let mut tx = db.begin().await.unwrap();
        let job = NewJob {
            id: JobId::fresh(),
            task: "nothing",
            owner: &owner,
            door: Door::Http,
            parent: None,
            input: "{}",
            needs: None,
            idempotency: None,
        };
        queue.submit(&mut tx, &job).await.unwrap();
        tx.commit().await.unwrap();
    }
    let submitted = start.elapsed();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let (db, queue) = (db.clone(), queue.clone());
        tasks.spawn(async move {
            let worker = Worker::here(Vec::new());
            while let Some(claim) = queue.claim(&worker).await.unwrap() {
                finish(&db, &queue, claim).await;
            }
        });
    }
    tasks.join_all().await;
    let finished = start.elapsed();
    let each = |took: Duration| jobs as f64 / took.as_secs_f64();
    println!("queue alone: {:.0} submits/s, {:.0} jobs/s claimed and finished", each(submitted), each(finished));
    println!("queue alone: {:.0} jobs/s from submit to done", each(submitted + finished));
}

async fn finish(db: &Db, queue: &Queue, claim: samovar::queue::Claim) {
    let provenance = Provenance { provider: "nobody".into(), model: "nothing".into(), fallback_reason: None };
    let answer = Answer { files: Vec::new(), text: None, provenance, notices: Vec::new(), from_cache: false };
    let mut tx = db.begin().await.unwrap();
    queue.finish(&mut tx, &claim, State::Done(Arc::new(answer)), &[]).await.unwrap();
    tx.commit().await.unwrap();
}

/// `clients` that submit one after the other until `jobs` are there. Tells how long a submit takes.
async fn over_http(server: &Server, clients: usize, jobs: usize, think: Duration, part: &str) {
    let http = reqwest::Client::new();
    let left = Arc::new(AtomicUsize::new(jobs));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (http, left, url) = (http.clone(), Arc::clone(&left), format!("http://{}/v1/jobs", server.address));
        tasks.spawn(async move {
            let (mut took, mut refused) = (Vec::new(), 0_usize);
            tokio::time::sleep(think.mul_f64(rand::random())).await;
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                loop {
                    let order = json!({"task": "image.generate", "input": {"prompt": "nothing"}});
                    let start = Instant::now();
                    let answer = http.post(&url).json(&order).send().await.unwrap();
                    if answer.status() == 202 {
                        took.push(start.elapsed());
                        tokio::time::sleep(think).await;
                        break;
                    }
                    assert_eq!(answer.status(), 429, "{}", answer.text().await.unwrap());
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            (took, refused)
        });
    }
    let (mut took, mut refused) = (Vec::new(), 0);
    for (times, more) in tasks.join_all().await {
        took.extend(times);
        refused += more;
    }
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let rate = took.len() as f64 / start.elapsed().as_secs_f64();
    println!(
        "{part}: {} submits by {clients} clients, {rate:.0}/s; p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms; line full {refused} times",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// The real program.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, url: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samovar"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(more).current_dir(folder).env_clear();
        command.env("SAMOVAR_MODELS_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
        command.env("SAMOVAR_ROUTE_IMAGE_GENERATE", "local:sdxl-turbo");
        // One line a request would measure the log.
        command.env("DATABASE_URL", url).env("RUST_LOG", "warn,samovar::http=info,tower_http=warn");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address =
            log.find_map(|line| line.unwrap().split_once("listening on http://").map(|(_, to)| to.to_owned()));
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address: address.expect("the server says where it listens") }
    }

    /// Resident size, MiB.
    fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
