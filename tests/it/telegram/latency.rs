//! How fast a bot reacts.

use std::time::Duration;

/// Times from something that happened to the bot's first call about that chat.
#[derive(Debug, Clone, PartialEq)]
pub struct Latencies {
    /// From the shortest to the longest.
    pub times: Vec<Duration>,
    /// How often nothing came at all.
    pub unanswered: usize,
}

impl Latencies {
    /// The time within which this share of all answers came, such as `0.99`.
    ///
    /// # Panics
    ///
    /// If there were none.
    pub fn within(&self, share: f64) -> Duration {
        assert!(!self.times.is_empty(), "nothing was answered");
        let last = self.times.len() - 1;
        self.times[((last as f64 * share).ceil() as usize).min(last)]
    }
}
