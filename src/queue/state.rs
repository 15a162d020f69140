//! What can be told about a job: whose it is, where it stands, what came of it; and how that is read from its row.

use crate::db::{DbError, Row};
use crate::media::tried::Tried;
use crate::media::{Answer, Door, Failure, JobId};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const SELECT_ONE: &str = "SELECT * FROM jobs WHERE id = $1";
pub(super) const SELECT_ALL: &str = "SELECT * FROM jobs WHERE id < $1 ORDER BY id DESC LIMIT $2";
pub(super) const SELECT_OF_OWNER: &str = "SELECT * FROM jobs WHERE owner = $3 AND id < $1 ORDER BY id DESC LIMIT $2";

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Waits.
    Queued {
        /// 1 is next.
        position: u32,
        /// Expected seconds until it starts; `None` before anything was measured.
        eta_s: Option<u64>,
    },
    /// Is computed.
    Running {
        /// Steps finished.
        step: u32,
        /// Steps in all; 0 until the first sign of life.
        of: u32,
    },
    /// Answered.
    Done(Arc<Answer>),
    /// Not answered.
    Failed(Failure),
    /// Cancelled before it was answered.
    Cancelled,
}

impl State {
    /// Whether nothing more will happen to the job.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Cancelled)
    }

    /// Its word in the database and the API.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Its label in the metrics.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.class(),
            other => other.word(),
        }
    }
}

/// One job, as shown to its owner.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// The job.
    pub id: JobId,
    /// What kind of job.
    pub task: String,
    /// The account it belongs to.
    pub owner: String,
    /// The way it came in.
    pub door: Door,
    /// The job that it waited or waits for.
    pub parent: Option<JobId>,
    /// When it was submitted.
    pub created: SystemTime,
    /// When its last attempt started.
    pub started: Option<SystemTime>,
    /// When it ended.
    pub finished: Option<SystemTime>,
    /// How often it was claimed.
    pub attempt: u32,
    /// Everybody who was asked for the answer.
    pub tried: Vec<Tried>,
    /// Where it stands.
    pub state: State,
}

/// Reads a whole row of `jobs`. The place in the line is not in it.
pub(super) fn view(row: &Row) -> Result<JobView, DbError> {
    let parent: Option<String> = row.get("parent")?;
    let door: String = row.get("door")?;
    Ok(JobView {
        id: job_id(&row.get::<String>("id")?),
        task: row.get("task")?,
        owner: row.get("owner")?,
        door: self::door(&door),
        parent: parent.as_deref().map(job_id),
        created: time(row.get("created_at")?),
        started: row.get::<Option<i64>>("started_at")?.map(time),
        finished: row.get::<Option<i64>>("finished_at")?.map(time),
        attempt: count(row.get("attempt")?),
        tried: tried(row)?,
        state: state(row)?,
    })
}

/// Everybody who was asked for the answer of a row of `jobs`.
pub(super) fn tried(row: &Row) -> Result<Vec<Tried>, DbError> {
    let tried: Option<String> = row.get("attempts")?;
    Ok(tried.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn state(row: &Row) -> Result<State, DbError> {
    let word: String = row.get("state")?;
    Ok(match word.as_str() {
        "queued" => State::Queued { position: 0, eta_s: None },
        "running" => State::Running { step: count(row.get("step")?), of: count(row.get("steps")?) },
        "cancelled" => State::Cancelled,
        "done" => match read::<Answer>(row, "answer")? {
            Some(answer) => State::Done(Arc::new(answer)),
            None => State::Failed(unreadable()),
        },
        _ => State::Failed(read(row, "failure")?.unwrap_or_else(unreadable)),
    })
}

/// What this version cannot read was written by another one: the row stays as it is, and this is what is shown.
fn unreadable() -> Failure {
    Failure::internal("what came of this job was written by another version and cannot be read")
}

fn read<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, DbError> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

pub(super) fn door(word: &str) -> Door {
    if word == Door::Telegram.word() { Door::Telegram } else { Door::Http }
}

/// Only this program writes ids; a foreign one becomes the nil id, which no job has.
pub(super) fn job_id(text: &str) -> JobId {
    text.parse().unwrap_or(JobId(uuid::Uuid::nil()))
}

pub(super) fn time(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

pub(super) fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Milliseconds, as rows keep them.
pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
