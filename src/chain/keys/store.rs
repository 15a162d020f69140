//! How keys stand, in the database: so that several servers know the same, and a restart forgets nothing. Rows hold a
//! key's hash and its last characters.
//!
//! Moments are told from each other by the process's own clock in memory and by the database's in the rows.

use super::pool::Pool;
use super::slot::{Slot, State};
use crate::db::{Clock, Db, DbError, Row};
use crate::values;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// News about the keys of providers.
pub(super) const TOPIC: &str = "provider_keys";
/// The longest that the chain waits for the database; then memory alone counts.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the process that tries a retired key has it for itself.
const TRY: Duration = Duration::from_secs(300);
/// A key that was not used for so long is forgotten.
const KEEP: Duration = Duration::from_secs(90 * 86_400);

/// Where the states are kept; without a database, nowhere.
pub(super) struct Store {
    pub db: Option<Db>,
}

/// One row, its moments in milliseconds since 1970.
struct Kept {
    state: String,
    class: Option<String>,
    until: i64,
    times: u32,
    changed_at: i64,
    used_at: Option<i64>,
}

/// What a row shall say.
struct Saved {
    id: String,
    tail: String,
    kept: Kept,
    /// Which change of the key it tells.
    changes: u64,
}

impl Store {
    pub fn now(&self) -> i64 {
        self.db.as_ref().map_or_else(|| Clock::system().now(), Db::now)
    }

    /// A moment of this process as rows have it.
    pub fn stamp(&self, at: Instant) -> i64 {
        let now = Instant::now();
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.now().saturating_add(milliseconds(at - now)).saturating_sub(milliseconds(now - at))
    }

    /// A moment of a row for this process.
    fn moment(&self, at: i64) -> Instant {
        let wait = u64::try_from(at.saturating_sub(self.now())).unwrap_or_default();
        // A row of nonsense must not rest a key for ever, nor a sum overflow.
        Instant::now() + Duration::from_millis(wait).min(KEEP)
    }

    /// Takes over what the database knows, but for what it does not know yet.
    pub async fn load(&self, pools: &BTreeMap<String, Arc<Pool>>) -> Result<(), DbError> {
        let Some(db) = &self.db else { return Ok(()) };
        let sql = "SELECT id, provider, state, class, until, times, changed_at, used_at FROM provider_keys";
        for row in within(db.rows(sql, &[])).await? {
            let (id, provider): (String, String) = (row.get("id")?, row.get("provider")?);
            let kept = Kept::read(&row)?;
            if let Some(pool) = pools.get(&provider)
                && pool.with(&id, |slot| self.merge(slot, &kept)) == Some(true)
            {
                pool.wake();
            }
        }
        Ok(())
    }

    /// True where the key stands otherwise now.
    fn merge(&self, slot: &mut Slot, kept: &Kept) -> bool {
        slot.used_at = slot.used_at.max(kept.used_at);
        let trying = matches!(slot.state, State::Retired { trying: true, .. });
        let older = slot.unsaved() || trying || kept.changed_at < slot.changed_at;
        !older && self.take_over(slot, kept)
    }

    fn take_over(&self, slot: &mut Slot, kept: &Kept) -> bool {
        let until = self.moment(kept.until);
        let before = slot.state;
        slot.state = match kept.state.as_str() {
            "resting" => State::Resting { until },
            "retired" => State::Retired { due: until, times: kept.times, trying: false },
            _ => State::Ready,
        };
        (slot.class, slot.changed_at) = (kept.class.clone().or(slot.class.take()), kept.changed_at);
        before != slot.state
    }

    /// Writes down what the database does not know. What another process wrote later stays.
    pub async fn save(&self, pool: &Pool) -> Result<(), DbError> {
        let Some(db) = &self.db else { return Ok(()) };
        let unsaved = pool.each(|slot| slot.unsaved().then(|| self.saved(slot)));
        for Saved { id, tail, kept, changes } in unsaved.into_iter().flatten() {
            let Kept { state, class, until, times, changed_at, used_at } = kept;
            let write = async {
                let mut tx = db.begin().await?;
                tx.execute(
                    "INSERT INTO provider_keys (id, provider, tail, state, class, until, times, changed_at, used_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                     ON CONFLICT (id) DO UPDATE SET state = excluded.state, class = excluded.class,
                        until = excluded.until, times = excluded.times, changed_at = excluded.changed_at
                     WHERE provider_keys.changed_at <= excluded.changed_at",
                    values![&id, &pool.provider, tail, state, class, until, times, changed_at, used_at],
                )
                .await?;
                tx.tell(TOPIC, &id);
                tx.commit().await
            };
            within(write).await?;
            pool.with(&id, |slot| slot.saved = slot.saved.max(changes));
        }
        Ok(())
    }

    fn saved(&self, slot: &Slot) -> Saved {
        let (state, until, times) = match slot.state {
            State::Ready => ("ready", None, 0),
            State::Resting { until } => ("resting", Some(until), 0),
            State::Retired { due, times, .. } => ("retired", Some(due), times),
        };
        let until = until.map_or(0, |until| self.stamp(until));
        let (state, class) = (state.to_owned(), slot.class.clone());
        let kept = Kept { state, class, until, times, changed_at: slot.changed_at, used_at: slot.used_at };
        Saved { id: slot.key.id.clone(), tail: slot.key.tail(), kept, changes: slot.changes }
    }

    /// Writes down when keys were used last.
    pub async fn save_uses(&self, pool: &Pool) -> Result<(), DbError> {
        let Some(db) = &self.db else { return Ok(()) };
        let used = |slot: &mut Slot| {
            let at = slot.used_at.filter(|_| std::mem::take(&mut slot.untold));
            at.map(|at| (slot.key.id.clone(), slot.key.tail(), at))
        };
        for (id, tail, at) in pool.each(used).into_iter().flatten() {
            let write = async {
                let mut tx = db.begin().await?;
                tx.execute(
                    "INSERT INTO provider_keys (id, provider, tail, state, times, changed_at, used_at)
                     VALUES ($1, $2, $3, 'ready', 0, 0, $4)
                     ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at
                     WHERE provider_keys.used_at IS NULL OR provider_keys.used_at < excluded.used_at",
                    values![id, &pool.provider, tail, at],
                )
                .await?;
                tx.commit().await
            };
            within(write).await?;
        }
        Ok(())
    }

    /// Whether this process is the one that tries a retired key. While the database cannot be asked, every process may.
    pub async fn claim(&self, pool: &Pool, id: &str) -> bool {
        // A row that does not know yet that an earlier try is over would refuse this one.
        let claimed = match self.save(pool).await {
            Ok(()) => self.claimed(id).await,
            Err(error) => Err(error),
        };
        match claimed {
            Ok(None) => true,
            Ok(Some(kept)) => {
                pool.with(id, |slot| self.take_over(slot, &kept));
                false
            }
            Err(error) => {
                tracing::warn!(%error, provider = pool.provider, "a retired key is tried without the database knowing");
                true
            }
        }
    }

    /// How the key stands by the row, where it is not for this process to try.
    async fn claimed(&self, id: &str) -> Result<Option<Kept>, DbError> {
        let Some(db) = &self.db else { return Ok(None) };
        within(async {
            let mut tx = db.begin().await?;
            let now = tx.now();
            let others = now.saturating_add(i64::try_from(TRY.as_millis()).unwrap_or(i64::MAX));
            let sql = "UPDATE provider_keys SET until = $2, changed_at = $3
                 WHERE id = $1 AND state = 'retired' AND until <= $3";
            if tx.execute(sql, values![id, others, now]).await? > 0 {
                tx.tell(TOPIC, id);
                tx.commit().await?;
                return Ok(None);
            }
            let sql = "SELECT state, class, until, times, changed_at, used_at FROM provider_keys WHERE id = $1";
            tx.row(sql, values![id]).await?.map(|row| Kept::read(&row)).transpose()
        })
        .await
    }

    /// Deletes the rows of keys that nobody used for long.
    pub async fn forget(&self) -> Result<(), DbError> {
        let Some(db) = &self.db else { return Ok(()) };
        let before = db.now() - i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX);
        within(async {
            let mut tx = db.begin().await?;
            let sql = "DELETE FROM provider_keys WHERE changed_at < $1 AND COALESCE(used_at, 0) < $1";
            tx.execute(sql, values![before]).await?;
            tx.commit().await
        })
        .await
    }
}

impl Kept {
    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            state: row.get("state")?,
            class: row.get("class")?,
            until: row.get::<Option<i64>>("until")?.unwrap_or_default(),
            times: u32::try_from(row.get::<i64>("times")?).unwrap_or_default(),
            changed_at: row.get("changed_at")?,
            used_at: row.get("used_at")?,
        })
    }
}

/// What the work came to, or that the database is out of reach when it takes too long.
async fn within<T>(work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let late = |_| DbError::Unavailable(sqlx::Error::PoolTimedOut);
    timeout(PATIENCE, work).await.map_err(late)?
}
