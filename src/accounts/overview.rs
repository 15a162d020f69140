//! What an account has left, for its holder and for administrators.

use super::ledger::Use;
use super::{Accounts, Limit, keys, ledger};
use crate::db::{DbError, Row, Tx};
use crate::media::{Level, Owner, calendar};
use crate::values;
use std::collections::BTreeMap;

/// What an account has left today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The level that counts.
    pub level: Level,
    /// Kopecks.
    pub balance: i64,
    /// One for each task.
    pub tasks: Vec<Standing>,
    /// Seconds until the free units are back.
    pub resets_in_s: u64,
}

/// What is left of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub task: String,
    /// Free units of a day.
    pub limit: Limit,
    /// Of these, used today.
    pub used: u32,
    /// Kopecks for one unit beyond the free ones.
    pub price: i64,
    /// The same, of models that have a price of their own.
    pub model_prices: BTreeMap<String, i64>,
}

impl Standing {
    /// Free units that are left today. `None`: any number.
    #[must_use]
    pub fn left(&self) -> Option<u32> {
        match self.limit {
            Limit::Daily(limit) => Some(limit.saturating_sub(self.used)),
            Limit::Unlimited => None,
        }
    }
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As [`Owner::id`].
    pub id: String,
    /// The level that counts.
    pub level: Level,
    /// Whether an administrator set it.
    pub level_set: bool,
    /// How its holder is called, where that is known.
    pub name: Option<String>,
    /// Kopecks.
    pub balance: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// The same.
    pub seen_at: i64,
}

const ACCOUNTS: &str = "SELECT id, level, door_level, name, balance, created_at, seen_at FROM users ORDER BY id";
const ACCOUNT: &str = "SELECT id, level, door_level, name, balance, created_at, seen_at FROM users WHERE id = $1";

impl Accounts {
    /// What is left for this owner, also before there is an account.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn overview(&self, owner: &Owner) -> Result<Overview, DbError> {
        let now = self.db.now();
        let row = self.db.row("SELECT level, balance FROM users WHERE id = $1", values![&owner.id]).await?;
        let (level, balance) = match row {
            Some(row) => (ledger::level(row.get("level")?).unwrap_or(owner.level), row.get("balance")?),
            None => (owner.level, self.settings.start_balance),
        };
        let rows = self
            .db
            .rows(
                "SELECT task, CAST(SUM(free_units) AS BIGINT) AS used FROM operations
                 WHERE owner = $1 AND day = $2 AND status IN ('pending', 'charged') GROUP BY task",
                values![&owner.id, calendar::day(now)],
            )
            .await?;
        let mut used = BTreeMap::new();
        for row in rows {
            used.insert(row.get::<String>("task")?, u32::try_from(row.get::<i64>("used")?).unwrap_or(u32::MAX));
        }
        let standing = |(task, terms): (&String, &super::Terms)| Standing {
            task: task.clone(),
            limit: terms.limit(level),
            used: used.get(task).copied().unwrap_or_default(),
            price: terms.price,
            model_prices: terms.model_prices.clone(),
        };
        let tasks = self.settings.tasks.iter().map(standing).collect();
        Ok(Overview { level, balance, tasks, resets_in_s: calendar::until_midnight(now) })
    }

    /// Every account, by id.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn list(&self) -> Result<Vec<Account>, DbError> {
        self.db.rows(ACCOUNTS, &[]).await?.iter().map(account).collect()
    }

    /// One account, if there is one.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn find(&self, id: &str) -> Result<Option<Account>, DbError> {
        self.db.row(ACCOUNT, values![id]).await?.as_ref().map(account).transpose()
    }

    /// Sets the level of an account whatever the door says; `None`: what the door says. Makes the account when it is
    /// new.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn set_level(&self, tx: &mut Tx, owner: &Owner, level: Option<Level>) -> Result<(), DbError> {
        self.lock(tx, owner, Use::Managed).await?;
        let word = level.map(Level::word);
        tx.execute("UPDATE users SET level = $2 WHERE id = $1", values![&owner.id, word]).await?;
        tx.tell(keys::TOPIC, &owner.id);
        Ok(())
    }
}

fn account(row: &Row) -> Result<Account, DbError> {
    let set = ledger::level(row.get("level")?);
    let by_door = ledger::level(row.get("door_level")?).unwrap_or(Level::User);
    Ok(Account {
        id: row.get("id")?,
        level: set.unwrap_or(by_door),
        level_set: set.is_some(),
        name: row.get("name")?,
        balance: row.get("balance")?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
    })
}
