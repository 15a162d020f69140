//! Real workers, killed, stopped and starved: every job ends exactly once and no kopeck is lost or made.

mod killed;
mod outage;
mod stopped;

use crate::support::database::{Kind, on_every_url};
use crate::support::desk::Desk;
use rustix::process::{Pid, Signal, kill_process};
use samovar::accounts::Accounts;
use samovar::app::House;
use samovar::config::Config;
use samovar::db::{Clock, Db};
use samovar::intake::{JobView, State, Wish};
use samovar::media::{Door, ImageRequest, JobId, Level, Owner};
use samovar::values;
use std::ffi::OsString;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A hang is a failure, not a slow test.
const HANG: Duration = Duration::from_secs(600);
/// A write that has not begun by then waits for somebody's lock.
const LOCKED: Duration = Duration::from_secs(2);
/// Jobs of one account: three are free, the fourth is paid.
const JOBS_EACH: usize = 4;

/// One installation: a database, a folder, and as many workers as a test wants.
struct Rig {
    desk: Desk,
    url: String,
    kind: Kind,
    db: Db,
    house: House,
}

impl Rig {
    async fn open(desk: Desk, url: String, kind: Kind) -> Self {
        let mut environment: Vec<(OsString, OsString)> = desk.environment();
        environment.push(("DATABASE_URL".into(), OsString::from(&url)));
        let config = Config::read(&desk.path(""), environment).unwrap();
        let house = House::open(&config, &CancellationToken::new()).await.unwrap();
        let db = Db::open(&url, Clock::system()).await.unwrap();
        Self { desk, url, kind, db, house }
    }

    /// The command of a worker that draws with the bundled model, its lease being this long.
    fn worker(&self, lease: &str) -> Command {
        let mut command = self.desk.command(&["worker"]);
        command.env("DATABASE_URL", &self.url).env("SAMOVAR_LEASE", lease).env("RUST_LOG", "info");
        command.env("SAMOVAR_ROUTE_IMAGE_GENERATE", "local:demo").stderr(Stdio::null());
        command
    }

    /// As many jobs for accounts of which each gets [`JOBS_EACH`].
    async fn submit(&self, jobs: std::ops::Range<usize>) -> Vec<JobId> {
        let mut ids = Vec::new();
        for n in jobs {
            let owner = Owner::key(&format!("user-{}", n / JOBS_EACH), Level::User);
            ids.push(self.submit_one(&owner, ImageRequest { seed: Some(n as u64), ..small() }).await);
        }
        ids
    }

    async fn submit_one(&self, owner: &Owner, request: ImageRequest) -> JobId {
        self.house.intake.submit(owner, Wish::new(Door::Http, request)).await.unwrap()
    }

    async fn view(&self, id: JobId) -> JobView {
        self.house.intake.view(id, &Owner::local()).await.unwrap().expect("the job is kept")
    }

    /// Waits until the job is in this state.
    async fn until(&self, id: JobId, wanted: impl Fn(&State) -> bool) {
        let mut states = self.house.intake.watch(id, &Owner::local()).await.unwrap().unwrap();
        tokio::time::timeout(HANG, states.wait_for(wanted)).await.expect("it hangs").unwrap();
    }

    /// Stops a worker where it holds no lock on this job: one that stands still within a transaction holds up everybody
    /// else, with SQLite wherever they write.
    async fn stop(&self, worker: &Running, job: JobId) {
        loop {
            worker.signal(Signal::STOP);
            let write = async {
                let mut tx = self.db.begin().await?;
                tx.rows("UPDATE jobs SET id = id WHERE id = $1", values![job.to_string()]).await?;
                tx.commit().await
            };
            if let Ok(written) = tokio::time::timeout(LOCKED, write).await {
                return written.unwrap();
            }
            worker.signal(Signal::CONT);
        }
    }

    async fn open_jobs(&self) -> i64 {
        self.count("SELECT COUNT(*) AS n FROM jobs WHERE state IN ('queued', 'running')").await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        self.db.row(sql, &[]).await.unwrap().unwrap().get("n").unwrap()
    }

    /// Ends the test unless the books are right: every job over, paid for if and only if answered, its picture there,
    /// every balance the sum of its ledger. Returns how many were done and how many failed.
    async fn audit(&self, jobs: &[JobId]) -> (usize, usize) {
        let (mut done, mut failed) = (0, 0);
        for id in jobs {
            let view = self.view(*id).await;
            let sql = "SELECT status FROM operations WHERE job = $1";
            let row = self.db.row(sql, values![id.to_string()]).await.unwrap().expect("every job has its operation");
            let status: String = row.get("status").unwrap();
            match &view.state {
                State::Done(answer) => {
                    done += 1;
                    assert_eq!(status, "charged", "{view:?}");
                    for kept in &answer.files {
                        let bytes = self.house.storage().bytes(kept.asset, None).await.unwrap();
                        assert!(bytes.is_some_and(|bytes| bytes.starts_with(b"\x89PNG")), "{view:?}");
                    }
                }
                State::Failed(failure) => {
                    failed += 1;
                    assert_eq!((status.as_str(), failure.class(), view.attempt), ("failed", "crashed", 3), "{view:?}");
                }
                other => panic!("{id} is {other:?}"),
            }
        }
        assert_eq!(self.count("SELECT COUNT(*) AS n FROM operations WHERE status = 'pending'").await, 0);
        let wrong = Accounts::audit(&self.db).await.unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        (done, failed)
    }
}

fn small() -> ImageRequest {
    ImageRequest { width: Some(64), height: Some(64), ..ImageRequest::new("red apple") }
}

/// Runs a test on both databases, each in a folder of its own.
async fn on_every_rig(test: impl AsyncFn(Rig)) {
    on_every_url(async |url, kind, folder| {
        test(Rig::open(Desk::new(), url, kind).await).await;
        drop(folder);
    })
    .await;
}

/// A worker's process, killed with the test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// As the kernel or an operator does it: no chance to say anything.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
