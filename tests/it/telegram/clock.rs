//! The time of a fake: the machine's, moved on by a test, or stopped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What tells the time.
#[derive(Debug, Default)]
pub struct Clock {
    ahead: Duration,
    stopped: Option<Duration>,
}

impl Clock {
    /// Time since 1970.
    pub fn now(&self) -> Duration {
        let real = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a machine of this century");
        self.stopped.unwrap_or_else(real) + self.ahead
    }

    /// As messages carry it.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.now().as_secs()).expect("a time that fits")
    }

    /// Stands still from now on; only [`Self::advance`] moves it.
    pub fn stop(&mut self) {
        if self.stopped.is_none() {
            self.stopped = Some(self.now() - self.ahead);
        }
    }

    /// Moves on at once.
    pub fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }
}
