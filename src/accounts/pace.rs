//! How fast one key may submit work.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;

/// So many requests a minute: all of them at once if need be, then one whenever its part of the minute has passed.
pub struct Pace {
    rate: u32,
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Pace {
    /// Requests a minute; 0 for any number.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let limiter = NonZeroU32::new(rate).map(|rate| RateLimiter::direct(Quota::per_minute(rate)));
        Self { rate, limiter }
    }

    /// Requests a minute; 0 for any number.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Counts one request.
    ///
    /// # Errors
    /// Seconds after which it would be let through, when this one is too early.
    pub fn step(&self) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check().map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_goes_at_once_and_then_one_must_wait() {
        let pace = Pace::new(3);
        for _ in 0..3 {
            assert_eq!(pace.step(), Ok(()));
        }
        assert!(matches!(pace.step(), Err(1..=20)));
        let free = Pace::new(0);
        assert!((0..1000).all(|_| free.step().is_ok()));
    }
}
