//! Who must be left alone for a while, because Telegram said so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many chats that are told to wait within [`TOGETHER`] mean that the bot as a whole is too fast.
const MANY: usize = 3;
const TOGETHER: Duration = Duration::from_secs(10);
/// A pause of everybody is no longer than this: it is only a guess.
const LONGEST_FOR_ALL: Duration = Duration::from_secs(60);
/// The longest pause that is believed.
pub(super) const LONGEST: Duration = Duration::from_secs(3 * 3600);

/// Pauses of chats, and of all of them. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    chats: HashMap<i64, Instant>,
    everybody: Option<Instant>,
    /// Who was told to wait lately.
    told: Vec<(Instant, i64)>,
}

impl Pauses {
    /// A pause that was written down before this program began.
    pub fn restore(&self, chat: i64, left: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(chat, Instant::now() + left.min(LONGEST));
    }

    /// Telegram wants nothing more for this chat for so long.
    pub fn pause(&self, chat: i64, long: Duration) {
        let (now, long) = (Instant::now(), long.min(LONGEST));
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.add(chat, now + long);
        state.chats.retain(|_, until| *until > now);
        state.told.retain(|(at, who)| now.duration_since(*at) < TOGETHER && *who != chat);
        state.told.push((now, chat));
        if state.told.len() >= MANY {
            let until = now + long.min(LONGEST_FOR_ALL);
            state.everybody = Some(state.everybody.map_or(until, |earlier| earlier.max(until)));
            tracing::warn!(chats = state.told.len(), "Telegram wants less of everything: all chats wait");
        }
    }

    /// Until when nothing may be sent to this chat; `None`: it may now.
    pub fn until(&self, chat: i64) -> Option<Instant> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = state.chats.get(&chat).copied().max(state.everybody);
        until.filter(|until| *until > Instant::now())
    }
}

impl State {
    fn add(&mut self, chat: i64, until: Instant) {
        let known = self.chats.entry(chat).or_insert(until);
        *known = until.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_for_its_chat_alone() {
        let pauses = Pauses::default();
        let start = Instant::now();
        pauses.pause(1, MINUTE);
        assert_eq!((pauses.until(1), pauses.until(2)), (Some(start + MINUTE), None));
        pauses.pause(1, Duration::from_secs(1));
        assert_eq!(pauses.until(1), Some(start + MINUTE), "the longer one counts");
        tokio::time::advance(MINUTE).await;
        assert_eq!(pauses.until(1), None);
        pauses.pause(1, Duration::MAX);
        assert_eq!(pauses.until(1), Some(start + MINUTE + LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn several_chats_at_once_pause_everybody() {
        let pauses = Pauses::default();
        for _ in 0..MANY {
            pauses.pause(1, MINUTE * 10);
        }
        pauses.pause(2, MINUTE);
        tokio::time::advance(TOGETHER).await;
        pauses.pause(3, MINUTE);
        assert_eq!(pauses.until(4), None, "one chat many times, others long ago: nothing to do with it");
        pauses.pause(5, MINUTE);
        let now = Instant::now();
        pauses.pause(6, MINUTE * 10);
        assert_eq!(pauses.until(4), Some(now + LONGEST_FOR_ALL));
        assert_eq!(pauses.until(6), Some(now + MINUTE * 10));
    }
}
