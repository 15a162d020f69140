//! Who works: a process of some machine, and how to tell that it is gone before its leases end.

use super::state::milliseconds;
use super::{Claim, Queue, TOPIC};
use crate::db::DbError;
use crate::media::JobId;
use crate::values;
use rustix::io::Errno;
use rustix::process::{Pid, getpid, test_kill_process};
use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// One worker of one process.
#[derive(Debug, Clone)]
pub struct Worker {
    id: String,
    capabilities: Vec<String>,
    in_hand: Arc<Mutex<HashSet<(JobId, u32)>>>,
}

impl Worker {
    /// A worker of this process that can do this, such as `cuda` or `model:sdxl-turbo`.
    #[must_use]
    pub fn here(capabilities: Vec<String>) -> Self {
        let own = getpid();
        let started = started(own).unwrap_or_default();
        let own = own.as_raw_nonzero();
        let id = format!("{}/{own}/{started}/{}", machine().unwrap_or_default(), Uuid::new_v4().simple());
        Self { id, capabilities, in_hand: Arc::default() }
    }

    /// Notes a job that it works on from now on.
    pub fn takes(&self, claim: &Claim) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).insert((claim.id, claim.attempt));
    }

    /// Notes that it no longer works on a job.
    pub fn leaves(&self, claim: &Claim) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&(claim.id, claim.attempt));
    }

    /// Whether it works on this attempt of the job now.
    pub(super) fn has(&self, id: JobId, attempt: u32) -> bool {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).contains(&(id, attempt))
    }

    /// Its name in the rows.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process of this worker has surely ended: it was of this machine, and no process has its number and
    /// its time of start. Of other machines nothing is known.
    pub(super) fn gone(id: &str) -> bool {
        let mut parts = id.split('/');
        let (Some(at), Some(process), Some(begun)) = (parts.next(), parts.next(), parts.next()) else { return false };
        let here = !at.is_empty() && machine().is_some_and(|here| here == at);
        let process = process.parse().ok().and_then(Pid::from_raw);
        // Other users' processes may be hidden: only what is surely not there, or surely another one, is gone.
        here && process.is_some_and(|process| match started(process) {
            Some(now) => now != begun,
            None => test_kill_process(process) == Err(Errno::SRCH) || is_over(process),
        })
    }
}

impl Queue {
    /// Writes down that this worker works and what it can do. Again now and then: one not seen for two leases is taken
    /// to be gone.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn register(&self, worker: &Worker) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        let now = tx.now();
        let sql = "INSERT INTO workers (id, started_at, seen_at) VALUES ($1, $2, $2)
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
        tx.execute(sql, values![worker.id(), now]).await?;
        for tag in &worker.capabilities {
            let sql = "INSERT INTO capabilities (worker, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            tx.execute(sql, values![worker.id(), tag]).await?;
        }
        tx.commit().await
    }

    /// Strikes this worker off. A job that nobody else can do is open to all again.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn leave(&self, worker: &Worker) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM workers WHERE id = $1", values![worker.id()]).await?;
        tx.commit().await?;
        self.open_to_all().await
    }

    /// Lets everybody try the jobs that wait for a capability that no living worker has.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be used.
    pub async fn open_to_all(&self) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        let (since, until) = living(tx.now(), self.settings.lease);
        let sql = "UPDATE jobs SET needs = '' WHERE state = 'queued' AND needs <> '' AND needs NOT IN (
            SELECT c.tag FROM capabilities c JOIN workers w ON w.id = c.worker WHERE w.seen_at BETWEEN $1 AND $2)";
        if tx.execute(sql, values![since, until]).await? > 0 {
            tx.tell(TOPIC, "line");
        }
        tx.commit().await
    }
}

/// This machine since it was started, and the part of it whose processes we see: containers share the former.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let digits: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}-{digits}", boot.trim()))
}

/// When a worker must have been seen to be taken for alive: not long ago, and not in a time to come, which only a clock
/// that went back since can have written.
pub(super) fn living(now: i64, lease: Duration) -> (i64, i64) {
    let long = 2 * milliseconds(lease);
    (now - long, now + long)
}

/// When a process started, in ticks since the machine did; the 22nd field, counted behind the name, which may hold
/// anything. See proc_pid_stat(5). `None` for one that is over or cannot be looked at.
fn started(process: Pid) -> Option<String> {
    let (state, started) = stat(process)?;
    (!ended(&state)).then_some(started)
}

/// Whether a process has ended and only was not yet waited for.
fn is_over(process: Pid) -> bool {
    stat(process).is_some_and(|(state, _)| ended(&state))
}

fn ended(state: &str) -> bool {
    matches!(state, "Z" | "X")
}

/// State and time of start.
fn stat(process: Pid) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.to_owned();
    Some((state, fields.nth(18)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn this_process_is_not_gone() {
        assert!(!Worker::gone(Worker::here(Vec::new()).id()));
    }

    #[test]
    fn a_process_that_ended_is_gone_and_one_of_elsewhere_is_not_known() {
        let mut child = Command::new("true").spawn().unwrap();
        let process = child.id().to_string();
        child.wait().unwrap();
        assert!(Worker::gone(&format!("{}/{process}/1/x", machine().unwrap())));
        assert!(
            Worker::gone(&format!("{}/{}/1/x", machine().unwrap(), std::process::id())),
            "the number was used again"
        );
        assert!(!Worker::gone(&format!("elsewhere-1/{process}/1/x")));
        assert!(!Worker::gone("something else"));
    }
}
