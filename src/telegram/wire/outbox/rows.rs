//! The outbox's rows and every statement about them. Whatever came of a call is written down only while its number,
//! counted before the call, is still the row's.

use super::sent::Sent;
use crate::db::{Db, DbError, Row, Tx};
use crate::media::{AssetId, JobId};
use crate::telegram::parcel::{Act, Parcel, Place, Target, Urgency};
use crate::values;

/// Milliseconds.
const DAY: i64 = 86_400_000;
/// Topic of the news about parcels; each names its chat.
pub(in crate::telegram::wire) const TOPIC: &str = "telegram_outbox";
/// Tries to take the place of an earlier edit while others do the same.
const TRIES: usize = 3;

/// A parcel that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub id: i64,
    pub key: String,
    pub place: Place,
    pub urgency: Urgency,
    /// `None`: an earlier version wrote it, and nobody understands it any more.
    pub act: Option<Act>,
    pub job: Option<JobId>,
}

/// A parcel of which those whom it concerns have yet to hear.
pub(super) struct Untold {
    pub id: i64,
    pub key: String,
    pub place: Place,
    pub urgency: Urgency,
    pub job: Option<JobId>,
    pub state: String,
    pub attempts: i64,
    pub message: Option<i64>,
    pub reason: String,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Done.
    Sent(Sent),
    /// It may have been done.
    Unsure(String),
    /// It never will be.
    Refused(String),
    /// Nobody misses it.
    Dropped(String),
    /// To be tried again.
    Waiting,
}

/// Puts a parcel in. See [`super::Outbox::put`].
pub(super) async fn put(tx: &mut Tx, parcel: &Parcel) -> Result<(), DbError> {
    let (kind, slot) = (kind(&parcel.act), slot(&parcel.act));
    for _ in 0..TRIES {
        if kind == "edit" {
            // Also one that is on its way: what comes of it is then written down nowhere, and this one follows it.
            let sql = "DELETE FROM telegram_outbox WHERE key = $1 AND kind = 'edit'";
            tx.execute(sql, values![&parcel.key]).await?;
        }
        let added = insert(tx, parcel, kind, slot).await?;
        // With PostgreSQL another transaction may have put in an edit of this key since.
        if added > 0 || kind != "edit" {
            break;
        }
    }
    if kind == "delete"
        && let Some(slot) = slot
    {
        let sql = "UPDATE telegram_outbox SET state = 'dropped', settled_at = $2, reason = 'its message is deleted'
            WHERE slot = $1 AND state = 'waiting' AND (kind = 'edit' OR kind = 'send' AND job IS NULL)";
        let now = tx.now();
        tx.execute(sql, values![slot, now]).await?;
    }
    tx.tell(TOPIC, parcel.place.chat.to_string());
    Ok(())
}

async fn insert(tx: &mut Tx, parcel: &Parcel, kind: &str, slot: Option<&str>) -> Result<u64, DbError> {
    let sql =
        "INSERT INTO telegram_outbox (key, chat, topic, urgency, kind, slot, act, job, state, attempts, not_before,
            created_at, untold)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, 0, $9, 0) ON CONFLICT (key) DO NOTHING";
    let act = serde_json::to_string(&parcel.act).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let (job, now) = (parcel.job.map(|job| job.to_string()), tx.now());
    let (topic, urgency) = (i64::from(parcel.place.topic.unwrap_or(0)), rank(parcel.urgency));
    tx.execute(sql, values![&parcel.key, parcel.place.chat, topic, urgency, kind, slot, act, job, now]).await
}

/// Sends once more what may not have arrived. `false`: that is no longer the question.
pub(super) async fn resend(tx: &mut Tx, id: i64, chat: i64) -> Result<bool, DbError> {
    let sql =
        "UPDATE telegram_outbox SET state = 'waiting', not_before = 0, settled_at = NULL, reason = NULL, untold = 0
        WHERE id = $1 AND chat = $2 AND state = 'unsure'";
    let again = tx.execute(sql, values![id, chat]).await? > 0;
    tx.tell(TOPIC, chat.to_string());
    Ok(again)
}

/// Chats in which something is to be done.
pub(super) async fn chats(db: &Db) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT chat FROM telegram_outbox WHERE state IN ('waiting', 'sending')
        UNION SELECT chat FROM telegram_outbox WHERE untold = 1";
    db.rows(sql, &[]).await?.iter().map(|row| row.get("chat")).collect()
}

/// How many parcels wait.
pub(super) async fn length(db: &Db) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS waiting FROM telegram_outbox WHERE state IN ('waiting', 'sending')";
    db.row(sql, &[]).await?.map_or(Ok(0), |row| row.get("waiting"))
}

/// What was on its way when a process ended: messages may have arrived, edits and deletions are done again.
pub(super) async fn recover(db: &Db, chat: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let sql = "UPDATE telegram_outbox SET state = 'unsure', settled_at = $2, untold = 1,
            reason = 'the program ended while it was on its way'
        WHERE chat = $1 AND state = 'sending' AND kind = 'send'";
    let now = tx.now();
    let lost = tx.execute(sql, values![chat, now]).await?;
    let sql = "UPDATE telegram_outbox SET state = 'waiting' WHERE chat = $1 AND state = 'sending'";
    let again = tx.execute(sql, values![chat]).await?;
    if lost + again > 0 {
        metrics::counter!("samovar_telegram_unsure_total").increment(lost);
        tracing::warn!(chat, lost, again, "parcels were on their way when a program ended");
    }
    tx.commit().await
}

/// When a chat may be written to again, and whether something is on its way there, as a process left it that ended.
pub(super) async fn left_behind(db: &Db, chat: i64) -> Result<(i64, bool), DbError> {
    let sql = "SELECT COALESCE(MAX(not_before), 0) AS until, COUNT(CASE WHEN state = 'sending' THEN 1 END) AS sending
        FROM telegram_outbox WHERE chat = $1 AND state IN ('waiting', 'sending')";
    let Some(row) = db.row(sql, values![chat]).await? else { return Ok((0, false)) };
    Ok((row.get("until")?, row.get::<i64>("sending")? > 0))
}

/// What comes next in a chat. What is about a message that has yet to be sent waits for that.
pub(super) async fn next(db: &Db, chat: i64) -> Result<Option<Waiting>, DbError> {
    let sql = "SELECT id, key, chat, topic, urgency, act, job FROM telegram_outbox o
        WHERE chat = $1 AND state = 'waiting' AND (kind = 'send' OR slot IS NULL OR NOT EXISTS (
            SELECT 1 FROM telegram_outbox s
            WHERE s.slot = o.slot AND s.kind = 'send' AND s.state IN ('waiting', 'sending')))
        ORDER BY urgency, id LIMIT 1";
    let Some(row) = db.row(sql, values![chat]).await? else { return Ok(None) };
    Ok(Some(Waiting {
        id: row.get("id")?,
        key: row.get("key")?,
        place: place(&row)?,
        urgency: urgency(row.get("urgency")?),
        act: serde_json::from_str(&row.get::<String>("act")?).ok(),
        job: job(&row)?,
    }))
}

/// Writes down that it is on its way and returns the number of the call. `None`: it no longer waits.
pub(super) async fn claim(db: &Db, id: i64) -> Result<Option<i64>, DbError> {
    let mut tx = db.begin().await?;
    let sql = "UPDATE telegram_outbox SET state = 'sending', attempts = attempts + 1
        WHERE id = $1 AND state = 'waiting' RETURNING attempts";
    let claimed = tx.row(sql, values![id]).await?;
    tx.commit().await?;
    claimed.map(|row| row.get("attempts")).transpose()
}

/// It was not called after all.
pub(super) async fn unclaim(db: &Db, id: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let sql = "UPDATE telegram_outbox SET state = 'waiting' WHERE id = $1 AND state = 'sending'";
    tx.execute(sql, values![id]).await?;
    tx.commit().await
}

/// Writes down what came of the call with this number.
pub(super) async fn settle(db: &Db, parcel: &Waiting, attempt: i64, end: &End) -> Result<(), DbError> {
    let (state, reason) = match end {
        End::Sent(_) => ("sent", None),
        End::Unsure(reason) => ("unsure", Some(reason)),
        End::Refused(reason) => ("refused", Some(reason)),
        End::Dropped(reason) => ("dropped", Some(reason)),
        End::Waiting => ("waiting", None),
    };
    let untold = match end {
        End::Sent(_) | End::Refused(_) => parcel.job.is_some(),
        End::Unsure(_) => true,
        End::Dropped(_) | End::Waiting => false,
    };
    let mut tx = db.begin().await?;
    let settled = (state != "waiting").then_some(tx.now());
    let message = if let End::Sent(sent) = end { sent.message.map(i64::from) } else { None };
    let sql = "UPDATE telegram_outbox SET state = $3, reason = $4, untold = $5, settled_at = $6, message = $7
        WHERE id = $1 AND attempts = $2 AND state = 'sending'";
    let values = values![parcel.id, attempt, state, reason.map(String::as_str), untold, settled, message];
    let ours = tx.execute(sql, values).await? > 0;
    if let (End::Sent(sent), true) = (end, ours) {
        remember(&mut tx, parcel, sent).await?;
    }
    tx.commit().await
}

/// The message by its name, and the files by their assets.
async fn remember(tx: &mut Tx, parcel: &Waiting, sent: &Sent) -> Result<(), DbError> {
    let now = tx.now();
    match (&parcel.act, sent.message) {
        (Some(Act::Send { slot: Some(slot), .. }), Some(message)) => {
            let sql = "INSERT INTO telegram_messages (slot, chat, message, created_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (slot) DO UPDATE SET chat = excluded.chat, message = excluded.message,
                    created_at = excluded.created_at";
            tx.execute(sql, values![slot, parcel.place.chat, i64::from(message), now]).await?;
        }
        (Some(Act::Delete { target: Target::Slot(slot) }), _) => {
            tx.execute("DELETE FROM telegram_messages WHERE slot = $1", values![slot]).await?;
        }
        _ => {}
    }
    for file in &sent.files {
        let sql = "INSERT INTO telegram_files (asset, kind, file) VALUES ($1, $2, $3)
            ON CONFLICT (asset, kind) DO UPDATE SET file = excluded.file";
        tx.execute(sql, values![file.asset.to_string(), &file.kind, &file.id]).await?;
    }
    Ok(())
}

/// Telegram wants a pause: everything of the chat waits until then, and news of how jobs get on are dropped.
pub(super) async fn postpone(db: &Db, chat: i64, milliseconds: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let now = tx.now();
    let sql = "UPDATE telegram_outbox SET state = 'dropped', settled_at = $2, reason = 'the chat had to wait'
        WHERE chat = $1 AND state = 'waiting' AND kind = 'edit' AND urgency = $3";
    tx.execute(sql, values![chat, now, rank(Urgency::Status)]).await?;
    let sql = "UPDATE telegram_outbox SET not_before = $2 WHERE chat = $1 AND state = 'waiting'";
    tx.execute(sql, values![chat, now + milliseconds]).await?;
    tx.commit().await
}

/// A chat cannot be reached: what waits there is dropped, except for results, whose owners must be told one by one; a
/// person is marked as one who blocked the bot.
pub(super) async fn unreachable(db: &Db, chat: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let now = tx.now();
    let sql = "UPDATE telegram_outbox SET state = 'dropped', settled_at = $2, reason = 'the chat cannot be reached'
        WHERE chat = $1 AND state = 'waiting' AND job IS NULL";
    tx.execute(sql, values![chat, now]).await?;
    // The number of a chat with one person is that person's.
    let sql = "UPDATE telegram_people SET blocked_at = $2 WHERE id = $1 AND blocked_at IS NULL";
    tx.execute(sql, values![chat, now]).await?;
    tx.commit().await
}

/// What the chat's people, or whoever looks after its jobs, have yet to hear; the oldest first.
pub(super) async fn untold(db: &Db, chat: i64) -> Result<Vec<Untold>, DbError> {
    let sql = "SELECT id, key, chat, topic, urgency, job, state, attempts, message, COALESCE(reason, '') AS reason
        FROM telegram_outbox WHERE chat = $1 AND untold = 1 ORDER BY id LIMIT 100";
    let read = |row: &Row| {
        Ok(Untold {
            id: row.get("id")?,
            key: row.get("key")?,
            place: place(row)?,
            urgency: urgency(row.get("urgency")?),
            job: job(row)?,
            state: row.get("state")?,
            attempts: row.get("attempts")?,
            message: row.get("message")?,
            reason: row.get("reason")?,
        })
    };
    db.rows(sql, values![chat]).await?.iter().map(read).collect()
}

/// Writes down that it was heard, together with what follows from it.
pub(super) async fn told(db: &Db, id: i64, follows: Option<&Parcel>) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    // While it is still the question: it may have been sent again since.
    let sql = "UPDATE telegram_outbox SET untold = 0 WHERE id = $1 AND untold = 1";
    if tx.execute(sql, values![id]).await? > 0
        && let Some(parcel) = follows
    {
        put(&mut tx, parcel).await?;
    }
    tx.commit().await
}

/// Which message is meant. `None`: none was ever sent by this name, or it is deleted.
pub(super) async fn message(db: &Db, target: &Target) -> Result<Option<i32>, DbError> {
    let slot = match target {
        Target::Message(message) => return Ok(Some(*message)),
        Target::Slot(slot) => slot,
    };
    let row = db.row("SELECT message FROM telegram_messages WHERE slot = $1", values![slot]).await?;
    let message: Option<i64> = row.map(|row| row.get("message")).transpose()?;
    Ok(message.and_then(|message| i32::try_from(message).ok()))
}

/// The id under which Telegram has a file.
pub(super) async fn file(db: &Db, asset: AssetId, kind: &str) -> Result<Option<String>, DbError> {
    let sql = "SELECT file FROM telegram_files WHERE asset = $1 AND kind = $2";
    db.row(sql, values![asset.to_string(), kind]).await?.map(|row| row.get("file")).transpose()
}

/// Telegram has a file no longer.
pub(super) async fn forget_file(db: &Db, asset: AssetId, kind: &str) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    tx.execute("DELETE FROM telegram_files WHERE asset = $1 AND kind = $2", values![asset.to_string(), kind]).await?;
    tx.commit().await
}

fn place(row: &Row) -> Result<Place, DbError> {
    let topic = i32::try_from(row.get::<i64>("topic")?).ok().filter(|topic| *topic != 0);
    Ok(Place { chat: row.get("chat")?, topic })
}

fn job(row: &Row) -> Result<Option<JobId>, DbError> {
    Ok(row.get::<Option<String>>("job")?.and_then(|job| job.parse().ok()))
}

fn rank(urgency: Urgency) -> i64 {
    match urgency {
        Urgency::Result => 0,
        Urgency::Answer => 1,
        Urgency::Status => 2,
    }
}

fn urgency(rank: i64) -> Urgency {
    match rank {
        0 => Urgency::Result,
        1 => Urgency::Answer,
        _ => Urgency::Status,
    }
}

fn kind(act: &Act) -> &'static str {
    match act {
        Act::Send { .. } => "send",
        Act::Edit { .. } | Act::Rearrange { .. } => "edit",
        Act::Delete { .. } => "delete",
    }
}

fn slot(act: &Act) -> Option<&str> {
    match act {
        Act::Send { slot, .. } => slot.as_deref(),
        Act::Edit { target: Target::Slot(slot), .. }
        | Act::Rearrange { target: Target::Slot(slot), .. }
        | Act::Delete { target: Target::Slot(slot) } => Some(slot),
        Act::Edit { .. } | Act::Rearrange { .. } | Act::Delete { .. } => None,
    }
}

/// Deletes parcels that were settled and told of a week ago, and names of messages of a month ago.
pub(super) async fn sweep(db: &Db) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let (week, month) = (tx.now() - 7 * DAY, tx.now() - 30 * DAY);
    tx.execute("DELETE FROM telegram_outbox WHERE settled_at < $1 AND untold = 0", values![week]).await?;
    tx.execute("DELETE FROM telegram_messages WHERE created_at < $1", values![month]).await?;
    tx.commit().await
}
