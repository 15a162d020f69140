//! Who is before whom, and how long that will take: from the rows themselves and the measured times of each task.

use super::Settings;
use super::state::job_id;
use super::worker::living;
use crate::db::{Db, DbError, Row, Tx};
use crate::media::JobId;
use crate::values;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Weight of the newest job in the running mean: about the last ten count.
const NEWEST: f64 = 0.2;

/// The waiting jobs in order. Read at most once for all who ask at the same time.
pub(super) struct Line {
    db: Db,
    lease: Duration,
    asked: AtomicU64,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// Every question up to this one was asked before the rows were read.
    covers: u64,
    places: HashMap<JobId, Place>,
}

/// Position (1 is next) and expected seconds until it starts.
type Place = (u32, Option<u64>);

impl Line {
    pub(super) fn new(db: Db, settings: &Settings) -> Self {
        Self { db, lease: settings.lease, asked: AtomicU64::new(0), read: Mutex::default() }
    }

    /// The places of those of these jobs that wait.
    pub(super) async fn places(&self, ids: &[JobId]) -> Result<HashMap<JobId, Place>, DbError> {
        let question = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut read = self.read.lock().await;
        if read.covers < question {
            let covers = self.asked.load(Ordering::Relaxed);
            *read = Read { covers, places: self.read().await? };
        }
        Ok(ids.iter().filter_map(|id| Some((*id, *read.places.get(id)?))).collect())
    }

    async fn read(&self) -> Result<HashMap<JobId, Place>, DbError> {
        let now = self.db.now();
        let means = means(&self.db.rows("SELECT task, mean_ms FROM paces", &[]).await?)?;
        let running = self.db.rows("SELECT task, started_at FROM jobs WHERE state = 'running'", &[]).await?;
        let sql = "SELECT COUNT(*) AS workers FROM workers WHERE seen_at BETWEEN $1 AND $2";
        let (since, until) = living(now, self.lease);
        let seen = self.db.row(sql, values![since, until]).await?;
        let workers = seen.map(|row| row.get::<i64>("workers")).transpose()?.unwrap_or(0).max(1);
        let mut wait_ms = Some(0.0);
        for row in &running {
            let since = now - row.get::<i64>("started_at")?;
            #[allow(clippy::cast_precision_loss)]
            let left = |mean: &f64| (mean - since as f64).max(0.0);
            wait_ms = add(wait_ms, means.get(&row.get::<String>("task")?).map(left));
        }
        let sql = "SELECT id, task FROM jobs WHERE state = 'queued' ORDER BY priority DESC, turn, id";
        let mut places = HashMap::new();
        for (position, row) in (1..).zip(self.db.rows(sql, &[]).await?) {
            #[allow(clippy::cast_precision_loss)]
            let eta_s = wait_ms.map(|ms: f64| whole(ms / 1000.0 / workers as f64));
            places.insert(job_id(&row.get::<String>("id")?), (position, eta_s));
            wait_ms = add(wait_ms, means.get(&row.get::<String>("task")?).copied());
        }
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("samovar_queue_length").set(places.len() as f64);
        Ok(places)
    }

    /// Takes the time of one finished job into the mean of its task.
    pub(super) async fn note(&self, tx: &mut Tx, task: &str, took: Duration) -> Result<(), DbError> {
        let sql = "INSERT INTO paces (task, mean_ms) VALUES ($1, $2)
            ON CONFLICT (task) DO UPDATE SET mean_ms = paces.mean_ms + $3 * (excluded.mean_ms - paces.mean_ms)";
        tx.execute(sql, values![task, took.as_secs_f64() * 1000.0, NEWEST]).await?;
        Ok(())
    }

    /// Seconds that one job takes, of the slowest task. `None` before the first has finished.
    pub(super) async fn job_s(&self, tx: &mut Tx) -> Result<Option<u64>, DbError> {
        let rows = tx.rows("SELECT task, mean_ms FROM paces", &[]).await?;
        let slowest = means(&rows)?.into_values().fold(0.0, f64::max);
        Ok((slowest > 0.0).then(|| whole(slowest / 1000.0)))
    }
}

fn means(rows: &[Row]) -> Result<HashMap<String, f64>, DbError> {
    rows.iter().map(|row| Ok((row.get("task")?, row.get("mean_ms")?))).collect()
}

/// Nothing is promised where one of the two was never measured.
fn add(sum: Option<f64>, more: Option<f64>) -> Option<f64> {
    Some(sum? + more?)
}

fn whole(seconds: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds.ceil() as u64;
    seconds
}
