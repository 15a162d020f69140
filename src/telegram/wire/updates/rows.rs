//! Updates as they stand in the table `telegram_updates`.

use crate::db::{Db, DbError, Tx};
use crate::values;
use serde_json::Value;

/// Topic of the news about updates.
pub(super) const TOPIC: &str = "telegram_updates";
/// How long handled updates stay, so that one that comes again is known, in milliseconds.
const KEPT: i64 = 7 * 86_400_000;

/// One that is kept.
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) body: String,
}

/// Keeps a batch, those that are kept already aside. Returns the largest number of it.
pub(super) async fn keep(db: &Db, batch: &[Value]) -> Result<Option<i64>, DbError> {
    if batch.is_empty() {
        return Ok(None);
    }
    db.retrying(|| async {
        let mut tx = db.begin().await?;
        let (now, mut last) = (tx.now(), None);
        for update in batch {
            // Without a number nothing can be acknowledged, and nothing be asked for again.
            let Some(id) = update.get("update_id").and_then(Value::as_i64) else { continue };
            let sql = "INSERT INTO telegram_updates (id, body, received_at) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO NOTHING";
            tx.execute(sql, values![id, update.to_string(), now]).await?;
            last = last.max(Some(id));
        }
        tx.tell(TOPIC, "new");
        tx.commit().await?;
        Ok(last)
    })
    .await
}

/// Those that wait to be handled, the first first.
pub(super) async fn open(db: &Db, after: i64, most: u32) -> Result<Vec<Stored>, DbError> {
    let sql = "SELECT id, body FROM telegram_updates WHERE handled_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
    let rows = db.rows(sql, values![after, most]).await?;
    rows.iter().map(|row| Ok(Stored { id: row.get("id")?, body: row.get("body")? })).collect()
}

/// An update was handled: what came of it is in the same transaction. What it said is not kept any longer.
///
/// # Errors
/// [`DbError::Refused`] when it was handled before, by this process or another: then the transaction must come to
/// nothing. Another [`DbError`] when it could not be written.
pub async fn handled(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    if mark(tx, id).await? { Ok(()) } else { Err(DbError::Refused(sqlx::Error::RowNotFound)) }
}

/// As [`handled`]; `false`: it was handled before.
pub(super) async fn mark(tx: &mut Tx, id: i64) -> Result<bool, DbError> {
    let now = tx.now();
    let sql = "UPDATE telegram_updates SET handled_at = $2, body = '' WHERE id = $1 AND handled_at IS NULL";
    Ok(tx.execute(sql, values![id, now]).await? > 0)
}

/// Whether one still waits to be handled.
pub(super) async fn is_open(db: &Db, id: i64) -> Result<bool, DbError> {
    let sql = "SELECT id FROM telegram_updates WHERE id = $1 AND handled_at IS NULL";
    Ok(db.row(sql, values![id]).await?.is_some())
}

/// Deletes updates that were handled long ago.
///
/// # Errors
/// [`DbError`] when it could not be written.
pub async fn sweep(db: &Db) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let before = tx.now() - KEPT;
    tx.execute("DELETE FROM telegram_updates WHERE handled_at < $1", values![before]).await?;
    tx.commit().await
}
