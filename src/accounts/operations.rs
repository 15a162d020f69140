//! What a job takes of its owner's account: reserved with the job, charged when it was delivered, given back when not.

use super::ledger::{self, Entry, Kind, Use};
use super::{Accounts, Limit};
use crate::db::{DbError, Tx};
use crate::media::{Failure, JobId, Level, Owner, calendar};
use crate::values;

/// How old `seen_at` of an account may be that is not changed otherwise.
const SEEN: i64 = 60_000;

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// The job that will do it.
    pub job: JobId,
    /// What kind of work.
    pub task: &'a str,
    /// The model, where one was named.
    pub model: Option<&'a str>,
    /// How many: pictures, for example.
    pub units: u32,
}

/// What was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Units taken from the day's free ones.
    pub free: u32,
    /// Kopecks held for the rest.
    pub price: i64,
}

/// What a job took of its owner's account, for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// Units taken from the day's free ones.
    pub free: u32,
    /// Kopecks for the rest.
    pub price: i64,
    /// Whether it was given back.
    pub returned: bool,
}

/// An account as the rules need it.
pub(super) struct Standing {
    pub(super) level: Level,
    pub(super) balance: i64,
}

impl Accounts {
    /// Sets aside what a job takes: free units of the day in Moscow first, money for the rest. Makes the account when
    /// it is new. Safe to repeat: a job that has its part already gets the same again.
    ///
    /// # Errors
    /// [`Failure::Quota`] when neither is enough, [`Failure::Forbidden`] for a model that the level may not name.
    pub async fn reserve(&self, tx: &mut Tx, owner: &Owner, purchase: &Purchase<'_>) -> Result<Reserved, Failure> {
        let Purchase { job, task, model, units } = *purchase;
        let terms = self.terms(task)?;
        let unbounded = |level: Level| terms.limit(level) == Limit::Unlimited;
        let Standing { level, balance } = self.standing(tx, owner, unbounded).await?;
        self.check_model(level, model)?;
        let day = calendar::day(tx.now());
        let limit = terms.limit(level);
        let free = match limit {
            Limit::Unlimited => units,
            Limit::Daily(0) => 0,
            Limit::Daily(limit) => limit.saturating_sub(used(tx, &owner.id, task, &day).await?).min(units),
        };
        let price = terms.price_of(model) * i64::from(units - free);
        if price > balance {
            return match reserved(tx, job).await? {
                Some(before) => Ok(before),
                None => Err(unpaid(limit, price, balance, tx.now())),
            };
        }
        let added = tx
            .execute(
                "INSERT INTO operations (job, owner, task, model, units, free_units, price, status, day, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9) ON CONFLICT (job) DO NOTHING",
                values![job.to_string(), &owner.id, task, model, units, free, price, day, tx.now()],
            )
            .await?;
        if added == 0 {
            let before = reserved(tx, job).await?;
            return before.ok_or_else(|| Failure::internal("an operation is there and is not"));
        }
        if price > 0 {
            let entry = Entry { amount: -price, kind: Kind::Hold, job: Some(job), reason: None, once: None };
            ledger::book(tx, &owner.id, &entry).await?;
        }
        Ok(Reserved { free, price })
    }

    /// The job was delivered: what was set aside is spent. `receipt` says how it was delivered. Changes nothing when
    /// it was charged or given back before.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn charge(&self, tx: &mut Tx, job: JobId, receipt: &str) -> Result<(), DbError> {
        let now = tx.now();
        tx.execute(
            "UPDATE operations SET status = 'charged', settled_at = $2, receipt = $3
             WHERE job = $1 AND status = 'pending'",
            values![job.to_string(), now, receipt],
        )
        .await?;
        Ok(())
    }

    /// The job came to nothing: free units and money are given back. Changes nothing when it was charged or given back
    /// before.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn release(&self, tx: &mut Tx, job: JobId, reason: &str) -> Result<(), DbError> {
        let now = tx.now();
        let row = tx
            .row(
                "UPDATE operations SET status = 'failed', settled_at = $2, reason = $3
                 WHERE job = $1 AND status = 'pending' RETURNING owner, price",
                values![job.to_string(), now, reason],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        let (owner, price) = (row.get::<String>("owner")?, row.get::<i64>("price")?);
        if price > 0 {
            let entry = Entry { amount: price, kind: Kind::Release, job: Some(job), reason: Some(reason), once: None };
            ledger::book(tx, &owner, &entry).await?;
        }
        Ok(())
    }

    /// What a job took of its owner's account. `None` for a job that took nothing.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn bill(&self, job: JobId) -> Result<Option<Bill>, DbError> {
        let sql = "SELECT free_units, price, status FROM operations WHERE job = $1";
        let Some(row) = self.db.row(sql, values![job.to_string()]).await? else { return Ok(None) };
        let free = u32::try_from(row.get::<i64>("free_units")?).unwrap_or(u32::MAX);
        Ok(Some(Bill { free, price: row.get("price")?, returned: row.get::<String>("status")? == "failed" }))
    }

    /// Kopecks that were charged today, by the day in Moscow.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn charged_today(&self) -> Result<i64, DbError> {
        let sql = "SELECT CAST(COALESCE(SUM(price), 0) AS BIGINT) AS charged FROM operations
            WHERE day = $1 AND status = 'charged'";
        let row = self.db.row(sql, values![calendar::day(self.db.now())]).await?;
        row.map_or(Ok(0), |row| row.get("charged"))
    }

    /// Jobs whose part is set aside, neither spent nor given back, and since when; the oldest first.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn pending(&self, tx: &mut Tx) -> Result<Vec<(JobId, i64)>, DbError> {
        let sql = "SELECT job, created_at FROM operations WHERE status = 'pending' ORDER BY created_at, job";
        let rows = tx.rows(sql, &[]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            match row.get::<String>("job")?.parse() {
                Ok(job) => found.push((job, row.get("created_at")?)),
                Err(_) => tracing::error!("an operation does not name a job"),
            }
        }
        Ok(found)
    }

    /// The account's level and balance. Locked until the transaction ends, unless at its level nothing is counted:
    /// then jobs of one busy account need not wait for each other.
    async fn standing(
        &self,
        tx: &mut Tx,
        owner: &Owner,
        unbounded: impl Fn(Level) -> bool,
    ) -> Result<Standing, DbError> {
        if unbounded(owner.level) {
            let seen = tx.now() - SEEN;
            let sql = "SELECT level, balance FROM users WHERE id = $1 AND seen_at > $2";
            if let Some(row) = tx.row(sql, values![&owner.id, seen]).await? {
                let level = ledger::level(row.get("level")?).unwrap_or(owner.level);
                if unbounded(level) {
                    return Ok(Standing { level, balance: row.get("balance")? });
                }
            }
        }
        self.lock(tx, owner, Use::Asked).await
    }

    fn check_model(&self, level: Level, model: Option<&str>) -> Result<(), Failure> {
        let (Some(model), Some(allowed)) = (model, self.allowed_models(level)) else { return Ok(()) };
        if allowed.iter().any(|name| name == model) {
            return Ok(());
        }
        let choice = if allowed.is_empty() { "none can".to_owned() } else { allowed.join(", ") + " can" };
        Err(Failure::Forbidden { message: format!("the model {model} cannot be named at the level {level}; {choice}") })
    }
}

/// Free units used on that day, counted from the operations themselves.
async fn used(tx: &mut Tx, owner: &str, task: &str, day: &str) -> Result<u32, DbError> {
    let row = tx
        .row(
            "SELECT CAST(COALESCE(SUM(free_units), 0) AS BIGINT) AS used FROM operations
             WHERE owner = $1 AND task = $2 AND day = $3 AND status IN ('pending', 'charged')",
            values![owner, task, day],
        )
        .await?;
    let used: i64 = row.map(|row| row.get("used")).transpose()?.unwrap_or_default();
    Ok(u32::try_from(used).unwrap_or(u32::MAX))
}

/// What was set aside for this job before.
async fn reserved(tx: &mut Tx, job: JobId) -> Result<Option<Reserved>, DbError> {
    let sql = "SELECT free_units, price FROM operations WHERE job = $1";
    let Some(row) = tx.row(sql, values![job.to_string()]).await? else { return Ok(None) };
    let free = u32::try_from(row.get::<i64>("free_units")?).unwrap_or(u32::MAX);
    Ok(Some(Reserved { free, price: row.get("price")? }))
}

fn unpaid(limit: Limit, price: i64, balance: i64, now: i64) -> Failure {
    let limit = match limit {
        Limit::Daily(limit) => limit,
        Limit::Unlimited => u32::MAX,
    };
    let retry_after_s = (limit > 0).then(|| calendar::until_midnight(now));
    Failure::Quota { limit, price, balance, retry_after_s }
}
