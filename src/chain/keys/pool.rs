//! The keys of one provider, in memory: which is next, how many calls each has under way, who waits for a place. Must
//! not know the database.

use super::slot::{Slot, State, Verdict};
use super::store::Store;
use super::{NoKey, Taken};
use crate::media::providers::KeyView;
use crate::providers::Key;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The keys of one provider.
pub(super) struct Pool {
    pub provider: String,
    /// Whether the provider wants keys; without, one nameless key stands for it.
    pub keyed: bool,
    /// Calls at a time with one key.
    places: usize,
    /// Held by whoever is next to get a place while there is none. It is fair: who came first is next.
    turn: tokio::sync::Mutex<()>,
    /// Something changed that the next one may have waited for.
    changed: Notify,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    slots: Vec<Slot>,
    /// Counts the uses, so that the least recently used key is known whatever the clocks say.
    uses: u64,
}

/// What there is at a moment.
enum Pick {
    /// A key, and whether it is a retired one that is tried.
    Key(Key, bool),
    /// Every usable key has as many calls under way as it may; one more may become usable then.
    Full(Option<Instant>),
    Nothing(NoKey),
}

impl Pool {
    pub fn new(provider: String, keyed: bool, places: usize) -> Self {
        let (turn, changed, keys) = (tokio::sync::Mutex::default(), Notify::new(), Mutex::default());
        Self { provider, keyed, places: places.max(1), turn, changed, keys }
    }

    /// The next key, as soon as one has a free place. Dropping the future gives up the place in the line.
    pub async fn next(self: &Arc<Self>, store: &Arc<Store>) -> Result<Taken, NoKey> {
        let _turn = self.turn.lock().await;
        loop {
            match self.pick(Instant::now()) {
                Pick::Key(key, trying) => {
                    return Ok(Taken { key, trying, pool: Arc::clone(self), store: Arc::clone(store) });
                }
                Pick::Nothing(why) => return Err(why),
                Pick::Full(None) => self.changed.notified().await,
                Pick::Full(Some(usable)) => {
                    tokio::select! { () = self.changed.notified() => {}, () = sleep_until(usable) => {} }
                }
            }
        }
    }

    fn pick(&self, now: Instant) -> Pick {
        let mut keys = self.locked();
        let usable = |slot: &Slot| slot.usable_from(now).is_some_and(|from| from <= now);
        let free = |slot: &&mut Slot| usable(slot) && slot.busy < self.places;
        let turn = keys.uses + 1;
        if let Some(slot) = keys.slots.iter_mut().filter(free).min_by_key(|slot| slot.turn) {
            (slot.busy, slot.turn) = (slot.busy + 1, turn);
            let (key, trying) = (slot.key.clone(), slot.begin_try());
            keys.uses = turn;
            return Pick::Key(key, trying);
        }
        let later = keys.slots.iter().filter_map(|slot| slot.usable_from(now)).filter(|from| *from > now).min();
        if keys.slots.iter().any(usable) {
            return Pick::Full(later);
        }
        let rested = |slot: &Slot| match slot.state {
            State::Resting { until } => Some(until),
            _ => None,
        };
        Pick::Nothing(match keys.slots.iter().filter_map(rested).min() {
            Some(until) => NoKey::Resting { after: until - now },
            None if keys.slots.is_empty() => NoKey::None,
            None => NoKey::Retired,
        })
    }

    /// Ends a call.
    pub fn release(&self, id: &str, trying: bool, used_at: i64) {
        self.with(id, |slot| {
            slot.busy = slot.busy.saturating_sub(1);
            (slot.used_at, slot.untold) = (slot.used_at.max(Some(used_at)), true);
            if trying && slot.end_try() {
                // The database says that this process is trying the key: it is not any more.
                slot.note(used_at);
            }
        });
        self.changed.notify_one();
    }

    /// Takes a verdict about a key in; true where it stands otherwise now, `None` where there is no such key.
    pub fn judge(&self, id: &str, verdict: Verdict, at: i64) -> Option<bool> {
        let changed = self.with(id, |slot| {
            let changed = slot.judge(verdict, Instant::now());
            if changed {
                slot.note(at);
            }
            changed
        });
        if changed == Some(true) {
            self.changed.notify_one();
        }
        changed
    }

    /// These are the keys from now on. Those that were there before stand as they did.
    pub fn set(&self, keys: Vec<Key>) {
        let mut known = self.locked();
        let mut before: Vec<Slot> = std::mem::take(&mut known.slots);
        for key in keys {
            let same = before.iter().position(|slot| slot.key.id == key.id);
            let slot = same.map(|at| before.swap_remove(at)).map(|slot| Slot { key: key.clone(), ..slot });
            known.slots.push(slot.unwrap_or_else(|| Slot::new(key)));
        }
        drop(known);
        self.changed.notify_one();
    }

    /// Orders the keys by their last use, as far as it is known.
    pub fn order(&self) {
        let mut keys = self.locked();
        keys.slots.sort_by_key(|slot| slot.used_at);
        let mut uses = 0;
        for slot in &mut keys.slots {
            uses += 1;
            slot.turn = uses;
        }
        keys.uses = uses;
    }

    /// Does something to a key, if it is here.
    pub fn with<T>(&self, id: &str, work: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        self.locked().slots.iter_mut().find(|slot| slot.key.id == id).map(work)
    }

    /// Looks at every key.
    pub fn each<T>(&self, work: impl FnMut(&mut Slot) -> T) -> Vec<T> {
        self.locked().slots.iter_mut().map(work).collect()
    }

    /// Lets the one who is next look again.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    pub fn view(&self, now: Instant, stamp: impl Fn(Instant) -> i64) -> Vec<KeyView> {
        self.each(|slot| KeyView {
            provider: self.provider.clone(),
            tail: if self.keyed { slot.key.tail() } else { String::new() },
            state: slot.word(now).to_owned(),
            until: slot.usable_from(now).filter(|from| *from > now).map(&stamp),
            used_at: slot.used_at,
            class: slot.class.clone(),
            busy: slot.busy,
            places: self.places,
        })
    }

    fn locked(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
