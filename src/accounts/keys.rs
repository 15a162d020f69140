//! API keys: those of the configuration and those of the database, both kept only as hashes. A copy in memory answers
//! every request; the database's bell tells when it is out of date, so that revoking works at once.

use super::ledger;
use super::pace::Pace;
use crate::db::{Db, DbError, Event, Tx};
use crate::media::{Failure, Level, Owner, calendar, hex};
use crate::values;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// News about keys, and about levels that were set.
pub(super) const TOPIC: &str = "keys";
/// What every key that is made here begins with, so that one is recognised where it should not be.
const PREFIX: &str = "samovar_";
/// How often the keys are read without news, and after they could not be read.
const LOOK: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(1);
/// The longest name of a key.
const LONGEST_NAME: usize = 64;

/// One key as it is configured.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is: owner of the jobs made with it.
    pub name: String,
    /// The key itself.
    pub key: SecretString,
    /// What it allows.
    pub level: Level,
}

/// A key to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// Whose it is.
    pub name: &'a str,
    /// What it allows.
    pub level: Level,
    /// Requests a minute that submit work; `None`: as configured for all.
    pub rate: Option<u32>,
}

/// A key of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Whose it is.
    pub name: String,
    /// What it allows.
    pub level: Level,
    /// Requests a minute that submit work; `None`: as configured for all.
    pub rate: Option<u32>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// The same; `None` while it is in force.
    pub revoked_at: Option<i64>,
}

/// Whoever holds a key that is in force.
#[derive(Clone)]
pub struct Holder {
    /// The account and its level.
    pub owner: Owner,
    /// How fast it may submit work.
    pub pace: Arc<Pace>,
}

/// The keys in force.
pub struct Keys {
    db: Db,
    configured: Vec<(Owner, [u8; 32])>,
    rate: u32,
    known: RwLock<Arc<Known>>,
}

#[derive(Default)]
struct Known {
    holders: Vec<(Holder, [u8; 32])>,
    /// Levels that administrators set for accounts of this door.
    levels: BTreeMap<String, Level>,
    /// Whether there was ever a key since the start. Revoking the last one must not open the door to everybody.
    keyed: bool,
}

impl Keys {
    /// Reads the keys. `rate`: requests a minute that submit work with one key, 0 for any number.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn open(db: Db, configured: &[ApiKey], rate: u32) -> Result<Self, DbError> {
        let hashed = |key: &ApiKey| (Owner::key(&key.name, key.level), hash(key.key.expose_secret()));
        let configured = configured.iter().map(hashed).collect();
        let keys = Self { db, configured, rate, known: RwLock::default() };
        keys.reload().await?;
        Ok(keys)
    }

    /// Whether only programs of this machine may come in, because there is no key and was none since the start.
    #[must_use]
    pub fn none(&self) -> bool {
        !self.known().keyed
    }

    /// Whoever holds this key.
    #[must_use]
    pub fn holder(&self, key: &str) -> Option<Holder> {
        let given = hash(key);
        let known = self.known();
        // Every key is looked at, whichever fits: the time tells nothing.
        let mut found = None;
        for (holder, hash) in &known.holders {
            if bool::from(hash.ct_eq(&given)) {
                found = Some(holder);
            }
        }
        found.cloned()
    }

    /// Whoever sits at this machine, where there is no key.
    #[must_use]
    pub fn local(&self) -> Owner {
        let local = Owner::local();
        let level = self.known().levels.get(&local.id).copied();
        Owner { level: level.unwrap_or(local.level), ..local }
    }

    /// Reads the keys again whenever they changed, until `stop`.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut hearing = self.db.listen();
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                event = hearing.next() => {
                    if matches!(&event, Event::Changed { topic, .. } if topic != TOPIC) {
                        continue;
                    }
                }
                () = tokio::time::sleep_until(next) => {}
            }
            let wait = match self.reload().await {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::warn!(%error, "the API keys could not be read again; those known before stay in force");
                    AGAIN
                }
            };
            next = Instant::now() + wait;
        }
    }

    async fn reload(&self) -> Result<(), DbError> {
        let levels = "SELECT id, level FROM users WHERE level IS NOT NULL AND (id LIKE 'key:%' OR id = 'local')";
        let mut set = BTreeMap::new();
        for row in self.db.rows(levels, &[]).await? {
            if let Some(level) = ledger::level(row.get("level")?) {
                set.insert(row.get("id")?, level);
            }
        }
        let sql = "SELECT name, hash, level, rate FROM api_keys WHERE revoked_at IS NULL ORDER BY name";
        let configured = self.configured.iter().map(|(owner, hash)| (owner.clone(), *hash, self.rate));
        let mut found: Vec<_> = configured.collect();
        for row in self.db.rows(sql, &[]).await? {
            let level = ledger::level(row.get("level")?).unwrap_or(Level::User);
            let rate = row.get::<Option<i64>>("rate")?.and_then(|rate| u32::try_from(rate).ok());
            if let Some(hash) = unhex(&row.get::<String>("hash")?) {
                found.push((Owner::key(&row.get::<String>("name")?, level), hash, rate.unwrap_or(self.rate)));
            }
        }
        let before = self.known();
        let holder = |(owner, hash, rate): (Owner, [u8; 32], u32)| {
            let level = set.get(&owner.id).copied().unwrap_or(owner.level);
            // The same key goes on at its pace: reading the keys must not let anybody begin anew.
            let same = before.holders.iter().find(|(_, known)| *known == hash).map(|(holder, _)| &holder.pace);
            let pace = same.filter(|pace| pace.rate() == rate).map_or_else(|| Arc::new(Pace::new(rate)), Arc::clone);
            (Holder { owner: Owner { level, ..owner }, pace }, hash)
        };
        let holders: Vec<_> = found.into_iter().map(holder).collect();
        let keyed = before.keyed || !holders.is_empty();
        let known = Arc::new(Known { holders, levels: set, keyed });
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a key and returns it; it is kept nowhere. A name whose key was revoked may have a new one, for the same
    /// account.
    ///
    /// # Errors
    /// [`Failure::Invalid`] for a name that is none, or whose key is in force.
    pub async fn add(tx: &mut Tx, new: &NewKey<'_>) -> Result<SecretString, Failure> {
        let NewKey { name, level, rate } = *new;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(allowed) {
            let accepted = format!("1 to {LONGEST_NAME} letters, digits and - _ . @ are accepted");
            return Err(Failure::invalid("name", format!("'{name}' cannot be the name of a key: {accepted}")));
        }
        let secret: [u8; 32] = rand::random();
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        let now = tx.now();
        let added = tx
            .execute(
                "INSERT INTO api_keys (name, hash, level, rate, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, level = excluded.level, rate = excluded.rate,
                    created_at = excluded.created_at, revoked_at = NULL
                 WHERE api_keys.revoked_at IS NOT NULL",
                values![name, hex::encode(hash(&key)), level.word(), rate.map(i64::from), now],
            )
            .await?;
        if added == 0 {
            return Err(Failure::invalid("name", format!("there is a key named {name} already; revoke it first")));
        }
        tx.tell(TOPIC, name);
        Ok(key.into())
    }

    /// Ends a key at once, also in servers that run.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when there is no such key, or it was revoked before.
    pub async fn revoke(tx: &mut Tx, name: &str) -> Result<(), Failure> {
        let now = tx.now();
        let sql = "UPDATE api_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL";
        if tx.execute(sql, values![name, now]).await? > 0 {
            tx.tell(TOPIC, name);
            return Ok(());
        }
        let row = tx.row("SELECT revoked_at FROM api_keys WHERE name = $1", values![name]).await?;
        let message = match row {
            Some(row) => format!("the key of {name} was revoked on {}", calendar::shown(row.get("revoked_at")?)),
            None => format!("there is no key named {name}"),
        };
        Err(Failure::invalid("name", message))
    }

    /// The keys of the database, by name, without the keys themselves.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn list(db: &Db) -> Result<Vec<StoredKey>, DbError> {
        let sql = "SELECT name, level, rate, created_at, revoked_at FROM api_keys ORDER BY name";
        let mut keys = Vec::new();
        for row in db.rows(sql, &[]).await? {
            keys.push(StoredKey {
                name: row.get("name")?,
                level: ledger::level(row.get("level")?).unwrap_or(Level::User),
                rate: row.get::<Option<i64>>("rate")?.and_then(|rate| u32::try_from(rate).ok()),
                created_at: row.get("created_at")?,
                revoked_at: row.get("revoked_at")?,
            });
        }
        Ok(keys)
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    hex::decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hashed = hash("tulip");
        assert_eq!(unhex(&hex::encode(hashed)), Some(hashed));
        for wrong in ["", "zz", "00", &"00".repeat(33), &"0g".repeat(32)] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
