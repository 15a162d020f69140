//! What nobody does by asking: jobs whose worker is gone go on or end, children follow their parents, old rows leave.

use super::claim::backoff;
use super::state::{self, State, count, job_id, milliseconds};
use super::worker::Worker;
use super::{Queue, TOPIC};
use crate::db::{DbError, Row, Tx};
use crate::media::{Door, Failure, JobId};
use crate::{locking, values};

/// Milliseconds.
const DAY: i64 = 86_400_000;
/// Rows deleted in one statement.
const BATCH: u32 = 500;

/// A job and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub id: JobId,
    /// What kind of job.
    pub task: String,
    /// The way its answer goes out.
    pub door: Door,
    /// How it ended.
    pub standing: Standing,
}

/// Where a job stands, without the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Waits or runs.
    Open,
    /// Answered.
    Done,
    /// Not answered.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl Standing {
    pub(super) fn of(state: &State) -> Self {
        match state {
            State::Queued { .. } | State::Running { .. } => Self::Open,
            State::Done(_) => Self::Done,
            State::Failed(_) => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

impl Queue {
    /// Deletes the jobs of an account that are over, with everything that was asked.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn forget_of(&self, tx: &mut Tx, owner: &str) -> Result<u64, DbError> {
        let sql = "DELETE FROM jobs WHERE owner = $1 AND state IN ('done', 'failed', 'cancelled')";
        tx.execute(sql, values![owner]).await
    }

    /// Takes up the jobs whose lease ended or whose worker's process is gone: back into the line, or, after their last
    /// attempt, to their end. Returns those that ended. `me` is the worker that asks: the job in its hand is its own affair.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn take_up(&self, tx: &mut Tx, me: &Worker) -> Result<Vec<Ended>, DbError> {
        let sql = locking!(tx, "SELECT * FROM jobs WHERE state = 'running'", "FOR UPDATE SKIP LOCKED");
        let now = tx.now();
        // Nobody's lease reaches further than one lease from now, unless the clock went back since.
        let furthest = now + 2 * milliseconds(self.settings.lease);
        let mut ended = Vec::new();
        for row in tx.rows(sql, &[]).await? {
            let lease_until: i64 = row.get("lease_until")?;
            let worker: String = row.get("worker")?;
            if me.has(job_id(&row.get::<String>("id")?), count(row.get("attempt")?)) {
                continue;
            }
            if (lease_until < now || lease_until > furthest || Worker::gone(&worker))
                && let Some(end) = self.abandon(tx, &row, now).await?
            {
                let mut with_children = vec![end];
                let outcome = if with_children[0].standing == Standing::Cancelled { "cancelled" } else { "crashed" };
                self.after(tx, &mut with_children, outcome).await?;
                ended.append(&mut with_children);
            }
        }
        Ok(ended)
    }

    /// One job that lost its worker.
    async fn abandon(&self, tx: &mut Tx, row: &Row, now: i64) -> Result<Option<Ended>, DbError> {
        let (id, attempt) = (row.get::<String>("id")?, count(row.get("attempt")?));
        let tries = count(row.get("max_attempts")?);
        let (state, failure, not_before, finished) = if row.get::<i64>("cancel_requested")? != 0 {
            ("cancelled", None, now, Some(now))
        } else if attempt >= tries {
            let message = format!("the worker that did this job was lost {} times", self.settings.max_attempts);
            ("failed", Some(Failure::Crashed { message }), now, Some(now))
        } else {
            ("queued", None, now + milliseconds(backoff(attempt)), None)
        };
        tracing::warn!(job = id, attempt, worker = row.get::<String>("worker")?, "the job's worker is gone: {state}");
        let sql = "UPDATE jobs SET state = $3, failure = COALESCE($4, failure), not_before = $5, finished_at = $6,
                worker = NULL, lease_until = NULL
            WHERE id = $1 AND attempt = $2 AND state = 'running'";
        let failure = failure.and_then(|failure| serde_json::to_string(&failure).ok());
        let changed = tx.execute(sql, values![&id, attempt, state, failure, not_before, finished]).await?;
        tx.tell(TOPIC, id.clone());
        if changed == 0 || finished.is_none() {
            return Ok(None);
        }
        let standing = if state == "failed" { Standing::Failed } else { Standing::Cancelled };
        let door = state::door(&row.get::<String>("door")?);
        Ok(Some(Ended { id: job_id(&id), task: row.get("task")?, door, standing }))
    }

    /// What follows from the end of the last of `ended`: its children may start, or end with it and are added.
    pub(super) async fn after(
        &self,
        tx: &mut Tx,
        ended: &mut Vec<Ended>,
        outcome: &'static str,
    ) -> Result<(), DbError> {
        let mut next = ended.len().saturating_sub(1);
        while let Some(end) = ended.get(next).cloned() {
            next += 1;
            metrics::counter!("samovar_jobs_total", "task" => end.task.clone(), "outcome" => outcome).increment(1);
            tx.tell(TOPIC, end.id.to_string());
            if end.standing == Standing::Done {
                let sql = "UPDATE jobs SET blocked = 0 WHERE parent = $1 AND state = 'queued'";
                tx.execute(sql, values![end.id.to_string()]).await?;
                continue;
            }
            let (state, failure) = match end.standing {
                Standing::Cancelled => ("cancelled", None),
                _ => ("failed", Some(orphaned(end.id))),
            };
            let sql = "UPDATE jobs SET state = $2, failure = $3, finished_at = $4
                WHERE parent = $1 AND state = 'queued' RETURNING id, task, door";
            let failure = failure.and_then(|failure| serde_json::to_string(&failure).ok());
            let now = tx.now();
            for row in tx.rows(sql, values![end.id.to_string(), state, failure, now]).await? {
                let (id, door) = (job_id(&row.get::<String>("id")?), state::door(&row.get::<String>("door")?));
                ended.push(Ended { id, task: row.get("task")?, door, standing: end.standing });
            }
        }
        Ok(())
    }

    /// Where a job stands and when it ended (milliseconds since 1970); `None` for one that is no longer kept.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn standing(&self, tx: &mut Tx, id: JobId) -> Result<Option<(Ended, i64)>, DbError> {
        let sql = "SELECT task, door, state, COALESCE(finished_at, 0) AS finished_at FROM jobs WHERE id = $1";
        let Some(row) = tx.row(sql, values![id.to_string()]).await? else { return Ok(None) };
        let standing = match row.get::<String>("state")?.as_str() {
            "done" => Standing::Done,
            "failed" => Standing::Failed,
            "cancelled" => Standing::Cancelled,
            _ => Standing::Open,
        };
        let door = state::door(&row.get::<String>("door")?);
        Ok(Some((Ended { id, task: row.get("task")?, door, standing }, row.get("finished_at")?)))
    }

    /// Deletes jobs that ended longer ago than they are kept, and workers not seen for a day. Returns how many jobs.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn forget(&self) -> Result<u64, DbError> {
        let mut forgotten = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let (before, day_ago) = (tx.now() - milliseconds(self.settings.keep_finished), tx.now() - DAY);
            let sql = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished_at < $1 LIMIT $2)";
            let deleted = tx.execute(sql, values![before, BATCH]).await?;
            let day_ahead = tx.now() + DAY;
            let sql = "DELETE FROM workers WHERE seen_at < $1 OR seen_at > $2";
            tx.execute(sql, values![day_ago, day_ahead]).await?;
            tx.commit().await?;
            forgotten += deleted;
            if deleted < u64::from(BATCH) {
                return Ok(forgotten);
            }
        }
    }
}

fn orphaned(parent: JobId) -> Failure {
    Failure::Forbidden { message: format!("the job {parent}, which had to be done first, was not") }
}
