//! Who works: a process of some machine, and how to tell that it is gone before its leases end.

use super::state::milliseconds;
use super::{Queue, TOPIC};
use crate::db::DbError;
use crate::values;
use std::fs;
use uuid::Uuid;

/// One worker of one process.
#[derive(Debug, Clone)]
pub struct Worker {
    id: String,
    capabilities: Vec<String>,
}

impl Worker {
    /// A worker of this process that can do this, such as `cuda` or `model:sdxl-turbo`.
    #[must_use]
    pub fn here(capabilities: Vec<String>) -> Self {
        let own = std::process::id().to_string();
        let started = started(&own).unwrap_or_default();
        let id = format!("{}/{own}/{started}/{}", machine().unwrap_or_default(), Uuid::new_v4().simple());
        Self { id, capabilities }
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
        !at.is_empty() && machine().is_some_and(|here| here == at) && started(process).is_none_or(|now| now != begun)
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
        let since = tx.now() - 2 * milliseconds(self.settings.lease);
        let sql = "UPDATE jobs SET needs = '' WHERE state = 'queued' AND needs <> '' AND needs NOT IN (
            SELECT c.tag FROM capabilities c JOIN workers w ON w.id = c.worker WHERE w.seen_at > $1)";
        if tx.execute(sql, values![since]).await? > 0 {
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

/// When a process started, in ticks since the machine did; the 22nd field, counted behind the name, which may hold
/// anything. See proc_pid_stat(5). A process that ended and was not yet waited for has ended.
fn started(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    if ended { None } else { fields.nth(18).map(str::to_owned) }
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
