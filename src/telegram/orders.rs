//! What people asked for, in the table `telegram_orders`: written down in the transaction that handles their message,
//! submitted as a job when its files are here, concluded when its last message stands in the outbox. It must not know
//! what any mode does.

mod order;

pub use order::{Asked, FileRef, HELD, NewOrder, Order, Outcome, SentFile};

use super::parcel::Place;
use super::texts::Lang;
use crate::db::{Db, DbError, Row, Tx};
use crate::media::JobId;
use crate::values;

/// Topic of the news about orders.
pub const TOPIC: &str = "telegram-orders";
/// How long an order waits for its owner to agree, in milliseconds.
const PATIENCE: i64 = 86_400_000;

/// How many orders there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// All of them.
    pub all: i64,
    /// Answered.
    pub done: i64,
    /// Not answered.
    pub failed: i64,
    /// Cancelled.
    pub cancelled: i64,
}

/// The orders. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    db: Db,
}

impl Orders {
    /// Those of this database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes an order down, unless it is there already. Returns its number.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn add(&self, tx: &mut Tx, order: &NewOrder) -> Result<i64, DbError> {
        let now = tx.now();
        let not_before = if order.held { HELD } else { now + order.delay };
        tx.execute(
            "INSERT INTO telegram_orders (key, chat, topic, person, message, lang, asked, created_at, not_before)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (key) DO NOTHING",
            values![
                &order.key,
                order.place.chat,
                i64::from(order.place.topic.unwrap_or_default()),
                order.person,
                i64::from(order.message.unwrap_or_default()),
                order.lang.word(),
                written(&order.asked),
                now,
                not_before,
            ],
        )
        .await?;
        let row = tx.row("SELECT number FROM telegram_orders WHERE key = $1", values![&order.key]).await?;
        let number: i64 = row.map(|row| row.get("number")).transpose()?.unwrap_or_default();
        tx.tell(TOPIC, number.to_string());
        Ok(number)
    }

    /// The open order of this key, to be added to while it was not submitted.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn growing(&self, tx: &mut Tx, key: &str) -> Result<Option<Order>, DbError> {
        let sql = "SELECT * FROM telegram_orders WHERE key = $1 AND job IS NULL AND concluded_at IS NULL";
        tx.row(sql, values![key]).await?.as_ref().map(read).transpose()
    }

    /// Changes what is asked by an order that was not submitted yet, and puts it off by so many milliseconds, unless it
    /// waits for its owner anyway.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn grow(&self, tx: &mut Tx, number: i64, asked: &Asked, delay: i64) -> Result<(), DbError> {
        let now = tx.now();
        let sql = "UPDATE telegram_orders SET asked = $2,
                not_before = CASE WHEN not_before = $4 THEN not_before ELSE $3 END
            WHERE number = $1 AND job IS NULL";
        tx.execute(sql, values![number, written(asked), now + delay, HELD]).await?;
        tx.tell(TOPIC, number.to_string());
        Ok(())
    }

    /// Lets an order go that waited for its owner to agree. `false` when it did not wait any more.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn agree(&self, tx: &mut Tx, number: i64) -> Result<bool, DbError> {
        let now = tx.now();
        let sql = "UPDATE telegram_orders SET not_before = $2
            WHERE number = $1 AND not_before = $3 AND concluded_at IS NULL";
        let changed = tx.execute(sql, values![number, now, HELD]).await?;
        tx.tell(TOPIC, number.to_string());
        Ok(changed > 0)
    }

    /// The order became this job.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn submitted(&self, number: i64, job: JobId) -> Result<(), DbError> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                let sql = "UPDATE telegram_orders SET job = $2 WHERE number = $1 AND job IS NULL";
                tx.execute(sql, values![number, job.to_string()]).await?;
                tx.commit().await
            })
            .await
    }

    /// The last message of an order stands in the outbox. `false` when that was so before: nothing is to be said then.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn conclude(&self, tx: &mut Tx, number: i64, outcome: Outcome) -> Result<bool, DbError> {
        let now = tx.now();
        let sql =
            "UPDATE telegram_orders SET concluded_at = $2, outcome = $3 WHERE number = $1 AND concluded_at IS NULL";
        let changed = tx.execute(sql, values![number, now, outcome.word()]).await?;
        tx.tell(TOPIC, number.to_string());
        Ok(changed > 0)
    }

    /// One order.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn find(&self, number: i64) -> Result<Option<Order>, DbError> {
        let row = self.db.row("SELECT * FROM telegram_orders WHERE number = $1", values![number]).await?;
        row.as_ref().map(read).transpose()
    }

    /// The order that became this job.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn of_job(&self, job: JobId) -> Result<Option<Order>, DbError> {
        let row = self.db.row("SELECT * FROM telegram_orders WHERE job = $1", values![job.to_string()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Orders that are neither concluded nor wait for their owners, the oldest first.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn open(&self) -> Result<Vec<Order>, DbError> {
        let sql = "SELECT * FROM telegram_orders WHERE concluded_at IS NULL AND not_before < $1 ORDER BY number";
        self.db.rows(sql, values![HELD]).await?.iter().map(read).collect()
    }

    /// The last order of somebody that was submitted and is not concluded.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn running_of(&self, person: i64) -> Result<Option<Order>, DbError> {
        let sql = "SELECT * FROM telegram_orders WHERE person = $1 AND concluded_at IS NULL AND job IS NOT NULL
            ORDER BY number DESC LIMIT 1";
        self.db.row(sql, values![person]).await?.as_ref().map(read).transpose()
    }

    /// How many orders there were since this moment, by what came of them.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn counted(&self, since: i64) -> Result<Counted, DbError> {
        let sql = "SELECT COALESCE(outcome, '') AS outcome, COUNT(*) AS orders FROM telegram_orders
            WHERE created_at >= $1 AND (job IS NOT NULL OR outcome IS NOT NULL) GROUP BY COALESCE(outcome, '')";
        let mut counted = Counted::default();
        for row in self.db.rows(sql, values![since]).await? {
            let orders: i64 = row.get("orders")?;
            match row.get::<String>("outcome")?.as_str() {
                "done" => counted.done = orders,
                "failed" => counted.failed = orders,
                "cancelled" => counted.cancelled = orders,
                "declined" => continue,
                _ => {}
            }
            counted.all += orders;
        }
        Ok(counted)
    }

    /// Whether somebody asked for the very same after this moment.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn repeats(&self, person: i64, asked: &Asked, after: i64) -> Result<bool, DbError> {
        let sql =
            "SELECT asked FROM telegram_orders WHERE person = $1 AND created_at > $2 ORDER BY number DESC LIMIT 5";
        let rows = self.db.rows(sql, values![person, after]).await?;
        let same = |row: &Row| {
            let text: String = row.get("asked")?;
            let known: Option<Asked> = serde_json::from_str(&text).ok();
            let same = known.is_some_and(|known| {
                (known.mode, &known.request, &known.files, &known.words)
                    == (asked.mode, &asked.request, &asked.files, &asked.words)
            });
            Ok::<_, DbError>(same)
        };
        for row in &rows {
            if same(row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answered orders of somebody, the newest first: a page of them, and how many there are in all.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn history(&self, person: i64, page: u32, size: u32) -> Result<(Vec<Order>, u32), DbError> {
        let sql = "SELECT COUNT(*) AS orders FROM telegram_orders WHERE person = $1 AND outcome = 'done'";
        let row = self.db.row(sql, values![person]).await?;
        let all = row.map(|row| row.get::<i64>("orders")).transpose()?.unwrap_or_default();
        let sql = "SELECT * FROM telegram_orders WHERE person = $1 AND outcome = 'done'
            ORDER BY number DESC LIMIT $2 OFFSET $3";
        let rows = self.db.rows(sql, values![person, size, i64::from(page) * i64::from(size)]).await?;
        Ok((rows.iter().map(read).collect::<Result<_, _>>()?, u32::try_from(all).unwrap_or(u32::MAX)))
    }

    /// Concludes orders that nobody agreed to within a day. Returns how many.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn forget_held(&self) -> Result<u64, DbError> {
        let mut tx = self.db.begin().await?;
        let now = tx.now();
        let sql = "UPDATE telegram_orders SET concluded_at = $1, outcome = 'declined'
            WHERE concluded_at IS NULL AND not_before = $2 AND created_at < $3";
        let forgotten = tx.execute(sql, values![now, HELD, now - PATIENCE]).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Deletes what somebody asked for; orders under way go on and are forgotten when they end.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn delete_of(&self, tx: &mut Tx, person: i64) -> Result<(), DbError> {
        let sql = "DELETE FROM telegram_orders WHERE person = $1 AND concluded_at IS NOT NULL";
        tx.execute(sql, values![person]).await.map(drop)
    }
}

fn written(asked: &Asked) -> String {
    serde_json::to_string(asked).unwrap_or_default()
}

fn read(row: &Row) -> Result<Order, DbError> {
    let (topic, message): (i64, i64) = (row.get("topic")?, row.get("message")?);
    let narrow = |number: i64| i32::try_from(number).ok().filter(|number| *number != 0);
    let asked: String = row.get("asked")?;
    let outcome: Option<String> = row.get("outcome")?;
    Ok(Order {
        number: row.get("number")?,
        place: Place { chat: row.get("chat")?, topic: narrow(topic) },
        person: row.get("person")?,
        message: narrow(message),
        lang: row.get::<String>("lang")?.parse().unwrap_or(Lang::Ru),
        // What another version wrote cannot be submitted; its owner is told.
        asked: serde_json::from_str(&asked).unwrap_or_else(|_| Asked::unreadable()),
        job: row.get::<Option<String>>("job")?.and_then(|job| job.parse().ok()),
        created_at: row.get("created_at")?,
        not_before: row.get("not_before")?,
        outcome: outcome.and_then(|word| Outcome::ALL.into_iter().find(|outcome| outcome.word() == word)),
    })
}
