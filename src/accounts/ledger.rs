//! Money: every change of a balance is a row that stays, and the balance is always the sum of the rows.

use super::Accounts;
use super::operations::Standing;
use crate::db::{Db, DbError, Tx};
use crate::media::failure::roubles;
use crate::media::{Failure, JobId, Level, Owner};
use crate::values;
use std::fmt;

/// The largest balance: far more than anybody pays in, far less than a number of the database holds.
const MOST: i64 = 1_000_000_000_000;

/// Why a balance changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The balance that every account begins with.
    Start,
    /// Paid in, or taken back, by an administrator.
    TopUp,
    /// Set aside for a job.
    Hold,
    /// Given back.
    Release,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::TopUp => "topup",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }
}

/// Why an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Its holder came through a door, which says the level.
    Asked,
    /// An administrator changes it.
    Managed,
}

/// A row of the ledger to be.
pub(super) struct Entry<'a> {
    pub(super) amount: i64,
    pub(super) kind: Kind,
    pub(super) job: Option<JobId>,
    pub(super) reason: Option<&'a str>,
    pub(super) once: Option<&'a str>,
}

/// Changes a balance and writes why: the only place where either is done. A balance below zero is refused by the table.
pub(super) async fn book(tx: &mut Tx, owner: &str, entry: &Entry<'_>) -> Result<(), DbError> {
    tx.execute("UPDATE users SET balance = balance + $2 WHERE id = $1", values![owner, entry.amount]).await?;
    let now = tx.now();
    let job = entry.job.map(|job| job.to_string());
    tx.execute(
        "INSERT INTO ledger (owner, at, amount, kind, job, reason, once) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        values![owner, now, entry.amount, entry.kind.word(), job, entry.reason, entry.once],
    )
    .await?;
    Ok(())
}

/// A level as it stands in the database.
pub(super) fn level(word: Option<String>) -> Option<Level> {
    word.and_then(|word| word.parse().ok())
}

/// A change of a balance by an administrator.
#[derive(Debug, Clone, Copy)]
pub struct TopUp<'a> {
    /// Kopecks; negative to take back.
    pub amount: i64,
    /// Why.
    pub reason: &'a str,
    /// A change with this name happens once, however often it is asked for.
    pub once: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToppedUp {
    /// The balance now.
    pub balance: i64,
    /// Whether this very change had been made before, so that nothing was done.
    pub repeated: bool,
}

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Kopecks.
    pub amount: i64,
    /// The balance after it.
    pub balance: i64,
    /// `start`, `topup`, `hold` or `release`.
    pub kind: String,
    /// The job it is about.
    pub job: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Two numbers that should be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// The account or the job.
    pub of: String,
    /// Kopecks that it says.
    pub says: i64,
    /// Kopecks that its rows in the ledger add up to.
    pub ledger: i64,
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, says, ledger } = self;
        write!(f, "{of} says {} and its rows in the ledger add up to {}", roubles(*says), roubles(*ledger))
    }
}

impl Accounts {
    /// The account's level and balance, locked until the transaction ends. Makes the account when it is new.
    pub(super) async fn lock(&self, tx: &mut Tx, owner: &Owner, why: Use) -> Result<Standing, DbError> {
        if let Some(found) = locked(tx, owner, why).await? {
            return Ok(found);
        }
        let now = tx.now();
        let added = tx
            .execute(
                "INSERT INTO users (id, door_level, balance, created_at, seen_at) VALUES ($1, $2, 0, $3, $3)
                 ON CONFLICT (id) DO NOTHING",
                values![&owner.id, owner.level.word(), now],
            )
            .await?;
        let start = self.settings.start_balance;
        if added > 0 && start > 0 {
            let entry = Entry { amount: start, kind: Kind::Start, job: None, reason: None, once: None };
            book(tx, &owner.id, &entry).await?;
        }
        // Somebody else may have made it in this moment: then it is theirs that counts.
        let found = locked(tx, owner, why).await?;
        Ok(found.unwrap_or(Standing { level: owner.level, balance: 0 }))
    }

    /// Pays into an account, or takes back from it. Makes the account when it is new.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the balance would fall below zero or grow beyond all bounds, and when the name of the
    /// change was given to another one.
    pub async fn top_up(&self, tx: &mut Tx, owner: &Owner, top_up: &TopUp<'_>) -> Result<ToppedUp, Failure> {
        let TopUp { amount, reason, once } = *top_up;
        // The account first: two with one name then wait for each other.
        let Standing { balance, .. } = self.lock(tx, owner, Use::Managed).await?;
        let sql = "SELECT owner, amount FROM ledger WHERE once = $1";
        if let Some(row) = tx.row(sql, values![once]).await? {
            if (row.get::<String>("owner")?, row.get::<i64>("amount")?) != (owner.id.clone(), amount) {
                let message = format!("the key '{once}' was used for another change; nothing was changed");
                return Err(Failure::invalid("once", message));
            }
            return Ok(ToppedUp { balance, repeated: true });
        }
        let after = balance.saturating_add(amount);
        if amount == 0 {
            return Err(Failure::invalid("amount", "0 ₽ change nothing"));
        }
        if after < 0 {
            let (balance, amount) = (roubles(balance), roubles(-amount));
            let message = format!("the balance is {balance}, so {amount} cannot be taken from it");
            return Err(Failure::invalid("amount", message));
        }
        if after > MOST {
            return Err(Failure::invalid("amount", format!("a balance can be at most {}", roubles(MOST))));
        }
        let entry = Entry { amount, kind: Kind::TopUp, job: None, reason: Some(reason), once: Some(once) };
        book(tx, &owner.id, &entry).await?;
        Ok(ToppedUp { balance: after, repeated: false })
    }

    /// The last changes of an account's balance, the newest first.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn history(&self, id: &str, limit: u32) -> Result<Vec<Movement>, DbError> {
        let rows = self
            .db
            .rows(
                "SELECT at, amount, CAST(SUM(amount) OVER (ORDER BY id) AS BIGINT) AS balance, kind, job, reason
                 FROM ledger WHERE owner = $1 ORDER BY id DESC LIMIT $2",
                values![id, limit],
            )
            .await?;
        let movement = |row: crate::db::Row| {
            Ok(Movement {
                at: row.get("at")?,
                amount: row.get("amount")?,
                balance: row.get("balance")?,
                kind: row.get("kind")?,
                job: row.get("job")?,
                reason: row.get("reason")?,
            })
        };
        rows.into_iter().map(movement).collect()
    }

    /// Every account whose balance is not the sum of its ledger, and every job that does not cost what the ledger says.
    /// There must never be any.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn audit(db: &Db) -> Result<Vec<Discrepancy>, DbError> {
        let accounts = "SELECT users.id AS of_what, users.balance AS says,
                CAST(COALESCE(SUM(ledger.amount), 0) AS BIGINT) AS ledger
            FROM users LEFT JOIN ledger ON ledger.owner = users.id GROUP BY users.id, users.balance
            HAVING users.balance <> COALESCE(SUM(ledger.amount), 0) ORDER BY users.id";
        let jobs = "SELECT job AS of_what, says, ledger FROM (
                SELECT job, CASE WHEN status = 'failed' THEN 0 ELSE price END AS says,
                    -(SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger WHERE ledger.job = operations.job)
                        AS ledger
                FROM operations) AS costs
            WHERE says <> ledger ORDER BY job";
        let mut found = Vec::new();
        for sql in [accounts, jobs] {
            for row in db.rows(sql, &[]).await? {
                found.push(Discrepancy { of: row.get("of_what")?, says: row.get("says")?, ledger: row.get("ledger")? });
            }
        }
        Ok(found)
    }
}

/// Locks the account and reads it, if there is one.
async fn locked(tx: &mut Tx, owner: &Owner, why: Use) -> Result<Option<Standing>, DbError> {
    let (now, level_word) = match why {
        Use::Asked => (Some(tx.now()), Some(owner.level.word())),
        Use::Managed => (None, None),
    };
    let row = tx
        .row(
            "UPDATE users SET seen_at = COALESCE($2, seen_at), door_level = COALESCE($3, door_level)
             WHERE id = $1 RETURNING level, balance",
            values![&owner.id, now, level_word],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let level = level(row.get("level")?).unwrap_or(owner.level);
    Ok(Some(Standing { level, balance: row.get("balance")? }))
}
