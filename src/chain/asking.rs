//! What goes with a request on its way along a route: its time, its trail, who was asked; and the count of those that
//! use the local engine.

use super::memo::Trail;
use crate::media::{Failure, Tried, Watch};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Less time than this is too little to begin something that may have to be paid.
const LEAST: Duration = Duration::from_secs(15);

/// What goes with a request on its way along the route.
pub(super) struct Asking<'a> {
    pub watch: &'a Watch,
    pub trail: Trail<'a>,
    pub tried: &'a Mutex<Vec<Tried>>,
    /// When the providers have had their time.
    until: Mutex<Instant>,
    /// With less time than this left, nothing is begun.
    pub least: Duration,
}

impl<'a> Asking<'a> {
    pub fn new(watch: &'a Watch, trail: Trail<'a>, tried: &'a Mutex<Vec<Tried>>, budget: Duration) -> Self {
        // A call that has hardly begun when its time is over is paid for nothing.
        let least = LEAST.min(budget / 2);
        Self { watch, trail, tried, until: Mutex::new(Instant::now() + budget), least }
    }

    pub fn left(&self) -> Duration {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.saturating_duration_since(Instant::now())
    }

    /// The providers have so much more time: it was not theirs.
    pub fn extend(&self, by: Duration) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    pub fn note(&self, tried: Tried) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).push(tried);
    }

    /// Waits, unless the answer is no longer wanted.
    pub async fn pause(&self, pause: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = self.watch.cancel.cancelled() => Err(Failure::Cancelled),
            () = tokio::time::sleep(pause.min(self.left())) => Ok(()),
        }
    }
}

/// Counts a request as one that uses the local engine, for as long as it lives.
pub(super) struct AtWork<'a>(&'a AtomicUsize);

impl<'a> AtWork<'a> {
    pub fn enter(counter: &'a AtomicUsize) -> (Self, usize) {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        (Self(counter), before)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
