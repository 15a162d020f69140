//! Who is before whom, and how long that will take: from the rows themselves and the measured times of each task.

use super::Settings;
use super::state::{count, job_id};
use super::worker::living;
use crate::db::{Db, DbError, Row, Tx};
use crate::media::JobId;
use crate::values;
use std::collections::HashMap;
use std::time::Duration;

/// Weight of the newest job in the running mean: about the last ten count.
const NEWEST: f64 = 0.2;

/// The waiting jobs in order.
pub(super) struct Line {
    db: Db,
    lease: Duration,
}

/// Position (1 is next) and expected seconds until it starts.
pub(super) type Place = (u32, Option<u64>);

/// What every place hangs on.
struct Ahead {
    means: HashMap<String, f64>,
    /// Until those that run now are done; `None` where one of them was never measured.
    running_ms: Option<f64>,
    workers: i64,
}

impl Line {
    pub(super) fn new(db: Db, settings: &Settings) -> Self {
        Self { db, lease: settings.lease }
    }

    /// The place of a waiting job; (0, None) for one that does not wait any more. Told from the index of the line.
    pub(super) async fn place(&self, id: JobId) -> Result<Place, DbError> {
        // The job itself makes the group of its task, so that one that waits has a row even where nobody is ahead.
        let sql = "SELECT o.task, CAST(SUM(CASE WHEN o.id = j.id THEN 0 ELSE 1 END) AS BIGINT) AS ahead
            FROM jobs j JOIN jobs o ON o.state = 'queued' AND (o.priority > j.priority
                OR (o.priority = j.priority AND (o.turn < j.turn OR (o.turn = j.turn AND o.id <= j.id))))
            WHERE j.id = $1 AND j.state = 'queued' GROUP BY o.task";
        let rows = self.db.rows(sql, values![id.to_string()]).await?;
        if rows.is_empty() {
            return Ok((0, None));
        }
        let Ahead { means, running_ms, workers } = self.ahead().await?;
        let (mut position, mut wait_ms) = (1, running_ms);
        for row in rows {
            let jobs = row.get::<i64>("ahead")?;
            position += jobs;
            if jobs > 0 {
                #[allow(clippy::cast_precision_loss)]
                let all = means.get(&row.get::<String>("task")?).map(|mean| mean * jobs as f64);
                wait_ms = add(wait_ms, all);
            }
        }
        Ok((count(position), starts_in(wait_ms, workers)))
    }

    /// The places of all waiting jobs, the first first.
    pub(super) async fn places(&self) -> Result<HashMap<JobId, Place>, DbError> {
        let Ahead { means, running_ms, workers } = self.ahead().await?;
        let mut wait_ms = running_ms;
        let sql = "SELECT id, task FROM jobs WHERE state = 'queued' ORDER BY priority DESC, turn, id";
        let mut places = HashMap::new();
        for (position, row) in (1..).zip(self.db.rows(sql, &[]).await?) {
            places.insert(job_id(&row.get::<String>("id")?), (position, starts_in(wait_ms, workers)));
            wait_ms = add(wait_ms, means.get(&row.get::<String>("task")?).copied());
        }
        Ok(places)
    }

    async fn ahead(&self) -> Result<Ahead, DbError> {
        let now = self.db.now();
        let means = means(&self.db.rows("SELECT task, mean_ms FROM paces", &[]).await?)?;
        let mut running_ms = Some(0.0);
        for row in self.db.rows("SELECT task, started_at FROM jobs WHERE state = 'running'", &[]).await? {
            let since = now - row.get::<i64>("started_at")?;
            #[allow(clippy::cast_precision_loss)]
            let left = |mean: &f64| (mean - since as f64).max(0.0);
            running_ms = add(running_ms, means.get(&row.get::<String>("task")?).map(left));
        }
        let sql = "SELECT COUNT(*) AS workers FROM workers WHERE seen_at BETWEEN $1 AND $2";
        let (since, until) = living(now, self.lease);
        let seen = self.db.row(sql, values![since, until]).await?;
        let workers = seen.map(|row| row.get::<i64>("workers")).transpose()?.unwrap_or(0).max(1);
        Ok(Ahead { means, running_ms, workers })
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

fn starts_in(wait_ms: Option<f64>, workers: i64) -> Option<u64> {
    #[allow(clippy::cast_precision_loss)]
    wait_ms.map(|ms| whole(ms / 1000.0 / workers as f64))
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
