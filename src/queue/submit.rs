//! Into the line: limits, idempotency, the turn that makes it fair.

use super::state::{count, job_id};
use super::worker::living;
use super::{Queue, TOPIC};
use crate::db::{DbError, Tx};
use crate::media::{Door, Failure, JobId, Level, Owner};
use crate::{locking, values};

/// Seconds after which another try makes sense when the line is full and nothing was measured.
const BUSY_S: u64 = 5;

/// A job to put in the line.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// Its name, chosen before, so that submitting again after a lost answer finds it.
    pub id: JobId,
    /// What kind of job.
    pub task: &'a str,
    /// Whose.
    pub owner: &'a Owner,
    /// The way it came in.
    pub door: Door,
    /// A job of the same owner that must be done first.
    pub parent: Option<JobId>,
    /// What to do, as JSON.
    pub input: &'a str,
    /// What a worker must be able to do, such as `model:flux-schnell`. Where nobody here can, anybody may try.
    pub needs: Option<&'a str>,
    /// Marks a request that may be sent twice.
    pub idempotency: Option<&'a Idempotency>,
}

/// A request that is sent again under the same key is the same job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Chosen by the caller.
    pub key: String,
    /// Hash of the request: the same key with another request is a mistake.
    pub fingerprint: String,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It is in the line.
    Fresh(JobId),
    /// It was put there before, by a transaction that was committed with all that belongs to it, as this job.
    Known(JobId),
}

impl Queue {
    /// Puts a job at the end of its owner's turns.
    ///
    /// # Errors
    /// [`Failure::Busy`] when the line is full or the owner has too much in it, [`Failure::Invalid`] for a key that was
    /// used for another request or a parent that cannot be waited for.
    pub async fn submit(&self, tx: &mut Tx, job: &NewJob<'_>) -> Result<Submitted, Failure> {
        if let Some(known) = self.known(tx, job).await? {
            return Ok(known);
        }
        if self.is_there(tx, job).await? {
            return Ok(Submitted::Known(job.id));
        }
        let blocked = parent_unfinished(tx, job).await?;
        let needs = self.offered(tx, job.needs).await?;
        if insert(tx, job, blocked, needs, self.settings.max_attempts).await? == 0 {
            // Submitted under the same key since we looked.
            return Ok(self.known(tx, job).await?.unwrap_or(Submitted::Known(job.id)));
        }
        tx.tell(TOPIC, job.id.to_string());
        Ok(Submitted::Fresh(job.id))
    }

    async fn known(&self, tx: &mut Tx, job: &NewJob<'_>) -> Result<Option<Submitted>, Failure> {
        let Some(Idempotency { key, fingerprint }) = job.idempotency else { return Ok(None) };
        let sql = "SELECT id, fingerprint FROM jobs WHERE owner = $1 AND idempotency_key = $2";
        let Some(row) = tx.row(sql, values![&job.owner.id, key]).await? else { return Ok(None) };
        let (id, first) = (job_id(&row.get::<String>("id")?), row.get::<String>("fingerprint")?);
        if first == *fingerprint {
            return Ok(Some(Submitted::Known(id)));
        }
        let message = format!("the idempotency key {key} was used for another request, job {id}");
        Err(Failure::invalid("Idempotency-Key", message))
    }

    /// Refuses what the full line would refuse, without a transaction: a flood of requests must not keep the workers from
    /// writing. That the line has room now promises nothing.
    ///
    /// # Errors
    /// [`Failure::Busy`] when the line is full.
    pub async fn expect_room(&self) -> Result<(), Failure> {
        let waiting = self.length().await?;
        if waiting < self.settings.capacity {
            return Ok(());
        }
        Err(Failure::Busy { message: full(waiting), retry_after_s: Some(BUSY_S) })
    }

    /// Whether this very job is in the line, by a commit whose answer was lost. If not, whether there is room for it.
    async fn is_there(&self, tx: &mut Tx, job: &NewJob<'_>) -> Result<bool, Failure> {
        let owner = job.owner;
        // SQLite has one writer. Here, two submissions of one owner must not both count before either is written.
        let lock = tx.dialect("", "SELECT pg_advisory_xact_lock(hashtext($1))");
        if !lock.is_empty() {
            tx.execute(lock, values![&owner.id]).await?;
        }
        let most = match owner.level {
            Level::User => self.settings.open_user,
            Level::Subscriber => self.settings.open_subscriber,
            Level::Admin => u32::MAX,
        };
        let sql = "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') AS waiting,
                (SELECT COUNT(*) FROM jobs WHERE owner = $1 AND state IN ('queued', 'running')) AS open,
                (SELECT COUNT(*) FROM jobs WHERE id = $2) AS there";
        let Some(row) = tx.row(sql, values![&owner.id, job.id.to_string()]).await? else { return Ok(false) };
        if row.get::<i64>("there")? > 0 {
            return Ok(true);
        }
        let (waiting, open) = (count(row.get("waiting")?), count(row.get("open")?));
        let message = if waiting >= self.settings.capacity {
            full(waiting)
        } else if open >= most {
            format!("{open} of your requests are waiting or running, which is the most at a time; please wait for one")
        } else {
            return Ok(false);
        };
        let job_s = self.line.job_s(tx).await?;
        Err(Failure::Busy { message, retry_after_s: Some(job_s.unwrap_or(BUSY_S).max(1)) })
    }

    /// The capability, where somebody who works now has it.
    async fn offered<'a>(&self, tx: &mut Tx, needs: Option<&'a str>) -> Result<&'a str, DbError> {
        let Some(tag) = needs else { return Ok("") };
        let sql = "SELECT 1 AS one FROM capabilities c JOIN workers w ON w.id = c.worker
            WHERE c.tag = $1 AND w.seen_at BETWEEN $2 AND $3 LIMIT 1";
        let (since, until) = living(tx.now(), self.settings.lease);
        Ok(if tx.row(sql, values![tag, since, until]).await?.is_some() { tag } else { "" })
    }
}

fn full(waiting: u32) -> String {
    format!("{waiting} jobs are waiting already; please try again later")
}

async fn parent_unfinished(tx: &mut Tx, job: &NewJob<'_>) -> Result<bool, Failure> {
    let Some(parent) = job.parent else { return Ok(false) };
    // Locked, so that it cannot end between this look and the child's insert.
    let sql = locking!(tx, "SELECT owner, state FROM jobs WHERE id = $1", "FOR SHARE");
    let row = tx.row(sql, values![parent.to_string()]).await?;
    let found =
        row.map(|row| Ok::<_, DbError>((row.get::<String>("owner")?, row.get::<String>("state")?))).transpose()?;
    match found.filter(|(owner, _)| job.owner.may_see(owner)) {
        Some((_, state)) if state == "done" => Ok(false),
        Some((_, state)) if state == "queued" || state == "running" => Ok(true),
        Some((_, state)) => {
            Err(Failure::invalid("parent", format!("the job {parent} is {state}: nothing can follow it")))
        }
        None => Err(Failure::invalid("parent", format!("there is no job {parent}"))),
    }
}

/// The turn is one more than the owner's last, and at least that of the line's head: whoever has many jobs waits with
/// them, and whoever comes fresh starts beside the head, as in start-time fair queueing.
async fn insert(tx: &mut Tx, job: &NewJob<'_>, blocked: bool, needs: &str, max_attempts: u32) -> Result<u64, DbError> {
    let sql =
        "INSERT INTO jobs (id, task, owner, door, parent, blocked, input, needs, state, priority, turn, not_before,
            attempt, max_attempts, cancel_requested, step, steps, idempotency_key, fingerprint, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9,
            (SELECT COALESCE(MAX(turn), 0) + 1 FROM (
                SELECT MAX(turn) AS turn FROM jobs WHERE owner = $3 AND state IN ('queued', 'running')
                UNION ALL SELECT COALESCE(
                    (SELECT MIN(turn) FROM jobs WHERE priority = $9 AND state = 'queued' AND blocked = 0),
                    (SELECT MAX(turn) FROM jobs WHERE priority = $9 AND state = 'running')) - 1) AS turns),
            $10, 0, $11, 0, 0, 0, $12, $13, $10)
        ON CONFLICT DO NOTHING";
    let (key, fingerprint) = job.idempotency.map_or((None, ""), |i| (Some(i.key.as_str()), i.fingerprint.as_str()));
    let now = tx.now();
    let values = values![
        job.id.to_string(),
        job.task,
        &job.owner.id,
        job.door.word(),
        job.parent.map(|id| id.to_string()),
        blocked,
        job.input,
        needs,
        priority(job.owner.level),
        now,
        max_attempts,
        key,
        fingerprint,
    ];
    tx.execute(sql, values).await
}

fn priority(level: Level) -> i64 {
    match level {
        Level::User => 0,
        Level::Subscriber => 10,
        Level::Admin => 20,
    }
}
