//! Keeps calls with one key a little apart, where a provider wants that. It must not know what is called.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When each key may be used next.
#[derive(Debug, Default)]
pub struct Pace {
    next: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    /// Takes the next turn of a key; it comes at the instant returned, `gap` after the one before.
    #[must_use]
    pub fn turn(&self, key: &str, gap: Duration, now: Instant) -> Instant {
        // A map of instants is whole even if somebody panicked while holding it.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.retain(|_, at| *at > now);
        let turn = next.get(key).copied().unwrap_or(now);
        next.insert(key.to_owned(), turn + gap);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_one_key_are_apart() {
        let (pace, gap, start) = (Pace::default(), Duration::from_secs(1), Instant::now());
        let turn = |key, at| pace.turn(key, gap, at);
        assert_eq!([turn("a", start), turn("a", start), turn("b", start)], [start, start + gap, start]);
        let later = start + 5 * gap;
        assert_eq!([turn("a", later), turn("a", later)], [later, later + gap]);
    }
}
