//! Keys of providers: which one is used next, how many calls each has under way, which ones rest or are retired. Used in
//! turn, the least recently used first; how each stands is kept in the database, which several servers share.
//!
//! Must not know what is asked of a provider, nor who asks; it is told what came of a call.

pub mod file;
mod pool;
mod slot;
mod store;
mod supply;

pub use slot::Verdict;
pub use supply::{Found, Supply, Wanted, WantedVar};

use crate::db::{Db, Event, Hearing};
use crate::media::providers::KeyView;
use crate::providers::Key;
use file::{FileKey, KeyFile, KeyFileError, Stamp};
use pool::Pool;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often the file of keys is looked at.
const LOOK_AT_FILE: Duration = Duration::from_secs(2);
/// How often the database is read without news, and told of uses.
const LOOK: Duration = Duration::from_secs(30);
/// How often what could not be written at once is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Why there is no key to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is none.
    #[error("no key is set")]
    None,
    /// All of them were used too often.
    #[error("every key rests for another {} s", after.as_secs().max(1))]
    Resting {
        /// Until the first of them may be used again.
        after: Duration,
    },
    /// All of them were refused or have no money left.
    #[error("every key was refused or has no money left")]
    Retired,
    /// Whoever wanted it wants it no more.
    #[error("cancelled")]
    Cancelled,
}

/// A key with a place for one call. Dropping it frees the place.
pub struct Taken {
    /// The key.
    pub key: Key,
    /// Whether this call finds out if a retired key works again.
    trying: bool,
    pool: Arc<Pool>,
    store: Arc<Store>,
}

impl Taken {
    /// The key to call with; `None` for a provider that wants none.
    #[must_use]
    pub fn secret(&self) -> Option<&Key> {
        self.pool.keyed.then_some(&self.key)
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({}, {:?})", self.pool.provider, self.key)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.pool.release(&self.key.id, self.trying, self.store.now());
    }
}

/// The keys of every provider. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct KeyPools {
    pools: Arc<BTreeMap<String, Arc<Pool>>>,
    supplies: Arc<Vec<Supply>>,
    store: Arc<Store>,
    file: Option<KeyFile>,
    /// The file as it was read last; `None` inside: there was none.
    seen: Arc<Mutex<Option<Stamp>>>,
}

impl KeyPools {
    /// The configured keys and those of the file, as they stood when they were last used. Without a database, or while
    /// it is out of reach, what is known is kept in memory alone.
    ///
    /// # Errors
    /// When the file of keys is there and cannot be used.
    pub async fn open(db: Option<Db>, supplies: Vec<Supply>, file: Option<KeyFile>) -> Result<Self, KeyFileError> {
        let pool = |supply: &Supply| {
            let Supply { provider, keyed, concurrency, .. } = supply;
            (provider.clone(), Arc::new(Pool::new(provider.clone(), *keyed, *concurrency)))
        };
        let pools = Arc::new(supplies.iter().map(pool).collect());
        let (supplies, store) = (Arc::new(supplies), Arc::new(Store { db }));
        let known = Self { pools, supplies, store, file, seen: Arc::default() };
        known.stock(&known.read_file()?);
        for work in [known.store.forget().await, known.store.load(&known.pools).await] {
            if let Err(error) = work {
                tracing::warn!(%error, "how the keys of providers stand is not known; all of them are used");
            }
        }
        known.pools.values().for_each(|pool| pool.order());
        Ok(known)
    }

    /// Whether there is any key for this provider, or it wants none.
    #[must_use]
    pub fn supplied(&self, provider: &str) -> bool {
        self.pools.get(provider).is_some_and(|pool| !pool.each(|_| ()).is_empty())
    }

    /// Whether a key of this provider may be used now or soon; for a provider that wants none, whether it may be asked.
    #[must_use]
    pub fn ready(&self, provider: &str, soon: Duration) -> bool {
        let now = Instant::now();
        let usable = |slot: &mut slot::Slot| slot.usable_from(now).is_some_and(|from| from <= now + soon);
        self.pools.get(provider).is_some_and(|pool| pool.each(usable).contains(&true))
    }

    /// Whether money is what a key of this provider lacks.
    #[must_use]
    pub fn unpaid(&self, provider: &str) -> bool {
        let unpaid = |slot: &mut slot::Slot| slot.class.as_deref() == Some(Verdict::Payment.class());
        self.pools.get(provider).is_some_and(|pool| pool.each(unpaid).contains(&true))
    }

    /// The key of this id, if it is still here.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Key> {
        self.pools.values().find_map(|pool| pool.with(id, |slot| slot.key.clone()))
    }

    /// The least recently used of the keys that may be used now, as soon as one has a free place. Whoever asks first is
    /// served first. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn take(&self, provider: &str, cancel: &CancellationToken) -> Result<Taken, NoKey> {
        let Some(pool) = self.pools.get(provider) else { return Err(NoKey::None) };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(NoKey::Cancelled),
            taken = self.next(pool) => taken,
        }
    }

    async fn next(&self, pool: &Arc<Pool>) -> Result<Taken, NoKey> {
        loop {
            let mut taken = pool.next(&self.store).await?;
            if !taken.trying || self.store.claim(pool, &taken.key.id).await {
                return Ok(taken);
            }
            // Another process tries it. How it stands is known now.
            taken.trying = false;
        }
    }

    /// Tells what came of a call with this key. What could not be written down is written later.
    pub async fn report(&self, key: &Key, verdict: Verdict) {
        let at = self.store.now();
        let judged = self.pools.values().find_map(|pool| Some((pool, pool.judge(&key.id, verdict, at)?)));
        let Some((pool, true)) = judged else { return };
        if verdict != Verdict::Works {
            let (provider, key, class) = (&pool.provider, key.tail(), verdict.class());
            tracing::warn!(provider, key, class, "this key is not used for a while");
        }
        if let Err(error) = self.store.save(pool).await {
            tracing::warn!(%error, "how a key stands could not be written down; it will be tried again");
        }
    }

    /// The keys of a provider, however they stand.
    #[must_use]
    pub fn of(&self, provider: &str) -> Vec<Key> {
        self.pools.get(provider).map(|pool| pool.each(|slot| slot.key.clone())).unwrap_or_default()
    }

    /// Tells what came of a call that was made with this key to find out how it stands: one that works is used again,
    /// however long it was retired for. That a retired key is still of no use changes nothing.
    pub async fn tested(&self, key: &Key, verdict: Verdict) {
        if matches!(verdict, Verdict::Works | Verdict::Rate { .. }) {
            for pool in self.pools.values() {
                pool.with(&key.id, slot::Slot::begin_try);
            }
        }
        self.report(key, verdict).await;
    }

    /// Every key, by provider, for administrators.
    #[must_use]
    pub fn view(&self) -> Vec<KeyView> {
        let now = Instant::now();
        self.pools.values().flat_map(|pool| pool.view(now, |at| self.store.stamp(at))).collect()
    }

    /// Follows the file of keys and the database, and writes down what could not be written at once, until `stop`.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut file = tokio::time::interval(LOOK_AT_FILE);
        let mut look = tokio::time::interval(LOOK);
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hearing = self.store.db.as_ref().map(Db::listen);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = file.tick() => self.look_at_file().await,
                _ = again.tick() => self.save().await,
                _ = look.tick() => {
                    self.save_uses().await;
                    self.reload().await;
                }
                event = heard(&mut hearing) => {
                    if !matches!(&event, Event::Changed { topic, .. } if topic != store::TOPIC) {
                        self.reload().await;
                    }
                }
            }
        }
        self.save().await;
        self.save_uses().await;
    }

    /// Reads again how the keys stand.
    pub async fn reload(&self) {
        if let Err(error) = self.store.load(&self.pools).await {
            tracing::debug!(%error, "how the keys of providers stand could not be read again");
        }
    }

    /// Takes over the file of keys, if it was changed. A file that cannot be used changes nothing.
    pub async fn look_at_file(&self) {
        let pools = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let stamp = pools.file.as_ref().and_then(KeyFile::stamp);
            let known = *pools.seen.lock().unwrap_or_else(PoisonError::into_inner) == stamp;
            (!known).then(|| pools.read_file())
        });
        match looked.await {
            Ok(None) => {}
            Ok(Some(Ok(keys))) => {
                tracing::info!(keys = keys.len(), "the file of keys was read again");
                self.stock(&keys);
                self.reload().await;
            }
            Ok(Some(Err(error))) => tracing::warn!("{error}; the keys that were known before stay in use"),
            Err(error) => tracing::error!(%error, "reading the file of keys broke"),
        }
    }

    fn read_file(&self) -> Result<Vec<FileKey>, KeyFileError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        // Before reading: what is changed meanwhile is seen the next time.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = file.stamp();
        file.read()
    }

    /// Gives every provider its keys: those of the configuration, then those of the file that are others.
    fn stock(&self, file: &[FileKey]) {
        for supply in self.supplies.iter() {
            let mut keys: Vec<Key> = Vec::new();
            let of_file = file.iter().filter(|key| supply.keyed && key.provider == supply.provider);
            for key in supply.keys.iter().cloned().chain(of_file.map(FileKey::key)) {
                if !keys.iter().any(|known| known.id == key.id) {
                    keys.push(key);
                }
            }
            if let Some(pool) = self.pools.get(&supply.provider) {
                pool.set(keys);
            }
        }
        let takes_keys = |id: &str| self.supplies.iter().any(|supply| supply.keyed && supply.provider == id);
        for provider in file.iter().map(|key| &key.provider).filter(|id| !takes_keys(id)).collect::<BTreeSet<_>>() {
            tracing::warn!(provider, "the file of keys has a key for a provider that takes none or does not exist");
        }
    }

    async fn save(&self) {
        for pool in self.pools.values() {
            if let Err(error) = self.store.save(pool).await {
                tracing::debug!(%error, "how a key stands could not be written down");
                return;
            }
        }
    }

    async fn save_uses(&self) {
        for pool in self.pools.values() {
            if let Err(error) = self.store.save_uses(pool).await {
                tracing::debug!(%error, "when the keys were last used could not be written down");
                return;
            }
        }
    }
}

/// The next news, if there is a database to hear from.
async fn heard(hearing: &mut Option<Hearing>) -> Event {
    match hearing {
        Some(hearing) => hearing.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
