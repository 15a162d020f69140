//! The worker's side: claim a job, hold it, end it. Every change names the attempt.

use super::state::{self, State, count, job_id, milliseconds};
use super::sweep::{Ended, Standing};
use super::worker::Worker;
use super::{POLL, Queue, STOP, TOPIC};
use crate::db::{DbError, Event, Hearing, Row, Tx};
use crate::media::tried::Tried;
use crate::media::{Door, Failure, JobId};
use crate::{locking, values};
use std::time::Duration;

/// First pause before a failed attempt is repeated; each further one is four times as long.
const BACKOFF: Duration = Duration::from_secs(1);
/// The longest pause.
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// The claim, with the lock by which several workers pass each other's rows, or without.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = 'running', attempt = attempt + 1, worker = $1, lease_until = $2, started_at = $3,
                step = 0, steps = 0
            WHERE id = (SELECT id FROM jobs WHERE state = 'queued' AND blocked = 0
                AND (not_before <= $3 OR not_before > $4)
                AND (needs = '' OR needs IN (SELECT tag FROM capabilities WHERE worker = $1))
                ORDER BY priority DESC, turn, id LIMIT 1 ",
            $lock,
            ") RETURNING *"
        )
    };
}

/// A job handed to a worker. It ends with [`Queue::finish`], [`Queue::retry`] or [`Queue::hand_back`].
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job.
    pub id: JobId,
    /// What kind of job.
    pub task: String,
    /// The account it belongs to.
    pub owner: String,
    /// The way it came in.
    pub door: Door,
    /// The job that came first.
    pub parent: Option<JobId>,
    /// What to do, as JSON.
    pub input: String,
    /// Which attempt this is; the first is 1.
    pub attempt: u32,
    /// What an earlier attempt noted with [`Queue::note`].
    pub remote: Option<String>,
    /// Who was asked by earlier attempts.
    pub tried: Vec<Tried>,
    started: i64,
}

/// Whether a worker still has its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Go on.
    Ours,
    /// Stop: somebody cancelled it.
    Cancelled,
    /// Stop and change nothing: the lease ended and the job went on without this worker.
    Lost,
}

/// What a worker's last word about a job did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// It counts; these jobs are over now, this one first, then children that waited in vain. None of them where all of
    /// this was written down before.
    Ended(Vec<Ended>),
    /// The job waits for another attempt.
    Requeued,
    /// Nothing: the job had gone on without this worker.
    Lost,
}

impl Queue {
    /// The first job of the line that this worker can do, if there is one.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used; no job is claimed then that a sweep would not find again.
    pub async fn claim(&self, worker: &Worker) -> Result<Option<Claim>, DbError> {
        let mut tx = self.db.begin().await?;
        let now = tx.now();
        let lease_until = now + milliseconds(self.settings.lease);
        // A time to wait for that is further away than any pause was set before the clock went back.
        let never = now + 2 * milliseconds(LONGEST_BACKOFF);
        let sql = tx.dialect(claim!(""), claim!("FOR UPDATE SKIP LOCKED"));
        let row = tx.row(sql, values![worker.id(), lease_until, now, never]).await?;
        let claim = row.map(|row| claimed(&row, now)).transpose()?;
        if let Some(claim) = &claim {
            tx.tell(TOPIC, claim.id.to_string());
        }
        tx.commit().await?;
        if let Some(claim) = &claim {
            worker.takes(claim);
        }
        Ok(claim)
    }

    /// As [`Self::claim`], but waits for a job. Dropping the future may leave a claimed job to the sweep.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub async fn claim_next(&self, worker: &Worker) -> Result<Claim, DbError> {
        let mut news = self.db.listen();
        loop {
            if let Some(claim) = self.claim(worker).await? {
                return Ok(claim);
            }
            // News of any kind may mean a job; a pause that ends makes no news.
            let _ = tokio::time::timeout(POLL, news.next()).await;
        }
    }

    /// Renews the lease and notes how far the job is.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used: then the lease runs on as it was.
    pub async fn heartbeat(&self, claim: &Claim, step: u32, of: u32) -> Result<Held, DbError> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE jobs SET lease_until = $3, step = $4, steps = $5
            WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING cancel_requested";
        let lease_until = tx.now() + milliseconds(self.settings.lease);
        let values = values![claim.id.to_string(), claim.attempt, lease_until, step, of];
        let Some(row) = tx.row(sql, values).await? else { return Ok(Held::Lost) };
        tx.tell(TOPIC, claim.id.to_string());
        tx.commit().await?;
        holds(&row)
    }

    /// Resolves when the job may have to stop: then [`Self::held`] says whether.
    pub async fn may_have_to_stop(&self, news: &mut Hearing, claim: &Claim) {
        let own = claim.id.to_string();
        loop {
            match news.next().await {
                Event::Changed { topic, id } if topic == STOP && id == own => return,
                Event::Changed { .. } => {}
                Event::Perhaps => return,
            }
        }
    }

    /// Notes with a job to whom its request was sent, for the next attempt to go on from.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn note(&self, claim: &Claim, remote: &str) -> Result<Held, DbError> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE jobs SET remote = $3 WHERE id = $1 AND attempt = $2 AND state = 'running'
            RETURNING cancel_requested";
        let Some(row) = tx.row(sql, values![claim.id.to_string(), claim.attempt, remote]).await? else {
            return Ok(Held::Lost);
        };
        tx.commit().await?;
        holds(&row)
    }

    /// As [`Self::heartbeat`], but changes nothing.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn held(&self, claim: &Claim) -> Result<Held, DbError> {
        let sql = "SELECT cancel_requested FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'running'";
        let row = self.db.row(sql, values![claim.id.to_string(), claim.attempt]).await?;
        row.as_ref().map_or(Ok(Held::Lost), holds)
    }

    /// Ends a job. An answer to a job that was cancelled meanwhile ends it as cancelled: its owner was told so.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn finish(&self, tx: &mut Tx, claim: &Claim, end: State, tried: &[Tried]) -> Result<Finished, DbError> {
        let end =
            if matches!(end, State::Done(_)) && cancel_requested(tx, claim).await? { State::Cancelled } else { end };
        let (answer, failure) = match &end {
            State::Done(answer) => (serde_json::to_string(&**answer).ok(), None),
            State::Failed(failure) => (None, serde_json::to_string(failure).ok()),
            _ => (None, None),
        };
        let sql = "UPDATE jobs SET state = $3, answer = $4, failure = $5, attempts = $6, finished_at = $7,
                worker = NULL, lease_until = NULL
            WHERE id = $1 AND attempt = $2 AND state = 'running'";
        let now = tx.now();
        let tried = all_tried(claim, tried);
        let values = values![claim.id.to_string(), claim.attempt, end.word(), answer, failure, tried, now];
        if tx.execute(sql, values).await? == 0 {
            // Only this claim can have ended it so: by a commit whose answer was lost.
            return Ok(if done_by(tx, claim).await? { Finished::Ended(Vec::new()) } else { Finished::Lost });
        }
        let took = Duration::from_millis(u64::try_from(now - claim.started).unwrap_or(0));
        let from_cache = matches!(&end, State::Done(answer) if answer.from_cache);
        if matches!(end, State::Done(_)) && !from_cache {
            self.line.note(tx, &claim.task, took).await?;
        }
        metrics::histogram!("samovar_job_seconds", "task" => claim.task.clone()).record(took);
        let standing = Standing::of(&end);
        let mut ended = vec![Ended { id: claim.id, task: claim.task.clone(), door: claim.door, standing }];
        self.after(tx, &mut ended, end.outcome()).await?;
        Ok(Finished::Ended(ended))
    }

    /// Puts a job back in the line after a failure that may be over later, or ends it when that was its last attempt.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn retry(
        &self,
        tx: &mut Tx,
        claim: &Claim,
        failure: Failure,
        tried: &[Tried],
    ) -> Result<Finished, DbError> {
        let sql = "UPDATE jobs SET state = 'queued', not_before = $3, worker = NULL, lease_until = NULL, failure = $4,
                attempts = $5
            WHERE id = $1 AND attempt = $2 AND state = 'running' AND attempt < max_attempts AND cancel_requested = 0";
        let not_before = tx.now() + milliseconds(backoff(claim.attempt));
        let said = serde_json::to_string(&failure).ok();
        if tx
            .execute(sql, values![claim.id.to_string(), claim.attempt, not_before, said, all_tried(claim, tried)])
            .await?
            == 1
        {
            tx.tell(TOPIC, claim.id.to_string());
            return Ok(Finished::Requeued);
        }
        let end = if cancel_requested(tx, claim).await? { State::Cancelled } else { State::Failed(failure) };
        self.finish(tx, claim, end, tried).await
    }

    /// Puts a job back in the line that this worker has no time to end. The attempt does not count. `false` when it is
    /// not this worker's any more, or was cancelled and has to end instead.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used; then the lease will end.
    pub async fn hand_back(&self, claim: &Claim, tried: &[Tried]) -> Result<bool, DbError> {
        let mut tx = self.db.begin().await?;
        // The attempt is never counted back: it fences off this worker.
        let sql =
            "UPDATE jobs SET state = 'queued', max_attempts = max_attempts + 1, worker = NULL, lease_until = NULL,
                attempts = $3
            WHERE id = $1 AND attempt = $2 AND state = 'running' AND cancel_requested = 0";
        let values = values![claim.id.to_string(), claim.attempt, all_tried(claim, tried)];
        let changed = tx.execute(sql, values).await?;
        tx.tell(TOPIC, claim.id.to_string());
        tx.commit().await?;
        Ok(changed > 0)
    }
}

/// Everybody who was asked so far, as JSON.
fn all_tried(claim: &Claim, tried: &[Tried]) -> Option<String> {
    serde_json::to_string(&claim.tried.iter().chain(tried).collect::<Vec<_>>()).ok()
}

fn holds(row: &Row) -> Result<Held, DbError> {
    Ok(if row.get::<i64>("cancel_requested")? == 0 { Held::Ours } else { Held::Cancelled })
}

/// The pause after this attempt.
pub(super) fn backoff(attempt: u32) -> Duration {
    BACKOFF.saturating_mul(4_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST_BACKOFF)
}

fn claimed(row: &Row, now: i64) -> Result<Claim, DbError> {
    let parent: Option<String> = row.get("parent")?;
    Ok(Claim {
        id: job_id(&row.get::<String>("id")?),
        task: row.get("task")?,
        owner: row.get("owner")?,
        door: state::door(&row.get::<String>("door")?),
        parent: parent.as_deref().map(job_id),
        input: row.get("input")?,
        attempt: count(row.get("attempt")?),
        remote: row.get("remote")?,
        tried: state::tried(row)?,
        started: now,
    })
}

async fn done_by(tx: &mut Tx, claim: &Claim) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'done'";
    Ok(tx.row(sql, values![claim.id.to_string(), claim.attempt]).await?.is_some())
}

async fn cancel_requested(tx: &mut Tx, claim: &Claim) -> Result<bool, DbError> {
    let sql = locking!(tx, "SELECT cancel_requested FROM jobs WHERE id = $1", "FOR UPDATE");
    let row = tx.row(sql, values![claim.id.to_string()]).await?;
    Ok(row.map(|row| row.get::<i64>("cancel_requested")).transpose()?.unwrap_or(0) != 0)
}
