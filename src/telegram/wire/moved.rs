//! A group that became a supergroup: everything that was about the old chat is about the new one.

use super::outbox;
use crate::db::{DbError, Tx};
use crate::values;

/// Writes the new number of a chat wherever the old one stands.
///
/// # Errors
/// [`DbError`] when that could not be written.
pub async fn moved(tx: &mut Tx, from: i64, to: i64) -> Result<(), DbError> {
    for sql in [
        "UPDATE telegram_outbox SET chat = $2 WHERE chat = $1",
        "UPDATE telegram_orders SET chat = $2 WHERE chat = $1",
        "UPDATE telegram_messages SET chat = $2 WHERE chat = $1",
        // Somebody may be in the middle of something in the new chat already: that counts.
        "UPDATE telegram_sessions SET chat = $2 WHERE chat = $1 AND NOT EXISTS (
            SELECT 1 FROM telegram_sessions n
            WHERE n.chat = $2 AND n.person = telegram_sessions.person AND n.topic = telegram_sessions.topic)",
    ] {
        tx.execute(sql, values![from, to]).await?;
    }
    tx.execute("DELETE FROM telegram_sessions WHERE chat = $1", values![from]).await?;
    tx.tell(outbox::TOPIC, to.to_string());
    Ok(())
}
