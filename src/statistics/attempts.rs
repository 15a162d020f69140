//! Every attempt by itself, for administrators to look at, until its time is over.

use super::Statistics;
use crate::db::{DbError, Tx};
use crate::media::{JobId, Tried};
use crate::values;
use std::time::Duration;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it was noted, milliseconds since 1970.
    pub at: i64,
    /// For which job.
    pub job: String,
    /// What was asked for, such as `image.generate`.
    pub task: String,
    /// What came of it.
    pub tried: Tried,
}

impl Statistics {
    pub(super) async fn note(&self, tx: &mut Tx, job: JobId, task: &str, tried: &Tried) -> Result<(), DbError> {
        let Tried { provider, model, took_ms, class, key, status, spend_unknown, .. } = tried;
        let (now, took_ms) = (tx.now(), i64::try_from(*took_ms).unwrap_or(i64::MAX));
        let status = status.map(i64::from);
        tx.execute(
            "INSERT INTO attempts (at, job, task, provider, model, key_tail, class, status, took_ms, spend_unknown)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                now,
                job.to_string(),
                task,
                provider,
                model,
                key.as_deref(),
                class,
                status,
                took_ms,
                *spend_unknown
            ],
        )
        .await?;
        Ok(())
    }

    /// The latest attempts, of all jobs or of one, the latest first.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn attempts(&self, job: Option<&str>, limit: u32) -> Result<Vec<Attempt>, DbError> {
        let sql = "SELECT at, job, task, provider, model, key_tail, class, status, took_ms, spend_unknown
             FROM attempts WHERE job = COALESCE($1, job) ORDER BY id DESC LIMIT $2";
        let rows = self.db.rows(sql, values![job, limit]).await?;
        rows.iter()
            .map(|row| {
                let tried = Tried {
                    provider: row.get("provider")?,
                    model: row.get("model")?,
                    took_ms: u64::try_from(row.get::<i64>("took_ms")?).unwrap_or_default(),
                    class: row.get("class")?,
                    key: row.get("key_tail")?,
                    status: row.get::<Option<i64>>("status")?.and_then(|status| u16::try_from(status).ok()),
                    spend_unknown: row.get::<i64>("spend_unknown")? != 0,
                    ..Tried::default()
                };
                Ok(Attempt { at: row.get("at")?, job: row.get("job")?, task: row.get("task")?, tried })
            })
            .collect()
    }

    /// Deletes the attempts that are older than `keep`; what was counted of them stays. Returns how many.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be deleted.
    pub async fn forget(&self, keep: Duration) -> Result<u64, DbError> {
        let mut tx = self.db.begin().await?;
        let before = tx.now() - i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let deleted = tx.execute("DELETE FROM attempts WHERE at < $1", values![before]).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}
