//! How long to wait before an engine that keeps dying is started again.

use std::time::Duration;
use tokio::time::Instant;

/// Wait after the first death; each further one doubles it.
const FIRST: Duration = Duration::from_millis(100);
/// Never longer than this.
const LONGEST: Duration = Duration::from_secs(60);

/// Deaths in a row and when the next start is due.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    deaths: u32,
    due: Option<Instant>,
}

impl Backoff {
    /// An engine died.
    pub(super) fn died(&mut self, now: Instant) {
        let wait = FIRST.saturating_mul(1 << self.deaths.min(16)).min(LONGEST);
        self.deaths += 1;
        self.due = Some(now + wait);
    }

    /// An engine did its work.
    pub(super) fn worked(&mut self) {
        *self = Self::default();
    }

    /// What is left to wait, zero when a start is due.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }

    /// Deaths in a row.
    pub(super) fn deaths(&self) -> u32 {
        self.deaths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_a_success() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.left(now), Duration::ZERO);
        let mut waits = Vec::new();
        for _ in 0..40 {
            backoff.died(now);
            waits.push(backoff.left(now).as_millis());
        }
        assert_eq!(waits[..4], [100, 200, 400, 800]);
        assert_eq!(waits[39], 60_000);
        assert_eq!(backoff.left(now + LONGEST), Duration::ZERO);
        backoff.worked();
        assert_eq!((backoff.left(now), backoff.deaths()), (Duration::ZERO, 0));
    }
}
