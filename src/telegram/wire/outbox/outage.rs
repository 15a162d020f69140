//! Whether Telegram can be reached at all: after a call that surely was not heard, nobody calls for a while, longer
//! and longer, until one gets through.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How long everybody waits.
#[derive(Default)]
pub(super) struct Outage(Mutex<Option<Waiting>>);

#[derive(Clone, Copy)]
struct Waiting {
    until: Instant,
    pause: Duration,
}

impl Outage {
    /// A call was not heard. `at_least`: there is no sense in trying earlier.
    pub fn not_heard(&self, at_least: Duration) {
        let now = Instant::now();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = match *waiting {
            // Many calls that fail at once are one failure.
            Some(earlier) if earlier.until > now => return,
            Some(earlier) => (earlier.pause * 2).min(LONGEST),
            None => FIRST,
        };
        let pause = pause.max(at_least);
        *waiting = Some(Waiting { until: now + pause, pause });
        tracing::warn!("Telegram cannot be reached; trying again in {} s", pause.as_secs());
    }

    /// A call was answered, whatever the answer.
    pub fn heard(&self) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("Telegram can be reached again");
        }
    }

    /// When to try again; `None`: now.
    pub fn until(&self) -> Option<Instant> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.map(|waiting| waiting.until).filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_get_longer_until_somebody_gets_through() {
        let outage = Outage::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            // Several at once count once.
            outage.not_heard(Duration::ZERO);
            outage.not_heard(Duration::ZERO);
            let pause = outage.until().unwrap() - Instant::now();
            pauses.push(pause.as_secs());
            tokio::time::advance(pause).await;
            assert!(outage.until().is_none());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        outage.heard();
        outage.not_heard(Duration::ZERO);
        assert_eq!(outage.until().unwrap() - Instant::now(), FIRST);
        outage.heard();
        outage.not_heard(LONGEST);
        assert_eq!(outage.until().unwrap() - Instant::now(), LONGEST);
    }
}
