//! Who is not asked for a while because asking was of no use: after failures in a row a provider rests, then one request
//! may try it, and what comes of that decides. Kept in memory, by each process for itself.
//!
//! Must not know what a request is; it is told what came of one.

use crate::media::providers::BreakerView;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row after which a provider rests.
const FAILURES: u32 = 5;
/// The first rest; each that follows without an answer in between is twice as long, up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How long a provider rests that does not serve this country.
const ABROAD: Duration = Duration::from_secs(3600);
/// What is said to those who come while the one request that may try is under way: nobody knows how long it takes.
const SHORTLY: Duration = Duration::from_secs(1);

/// What a call told about its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It works: it answered, or refused for a reason of its own.
    Works,
    /// It is overloaded, silent or talks nonsense.
    Fails,
    /// It does not serve this country.
    Abroad,
    /// Nothing: the call was cancelled, or never got so far.
    Nothing,
}

impl Outcome {
    /// What the class of a failure tells, in the words of [`crate::media::Failure::class`].
    #[must_use]
    pub fn of(class: &str) -> Self {
        match class {
            "busy" | "timeout" | "bad_response" | "crashed" => Self::Fails,
            "geo" => Self::Abroad,
            "done" | "bad_key" | "payment" | "rate" | "policy" | "loading" | "invalid" | "too_big" | "gone" => {
                Self::Works
            }
            _ => Self::Nothing,
        }
    }
}

/// The breakers of all providers. Cheap to clone; clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Breakers(Arc<Mutex<BTreeMap<String, Breaker>>>);

/// Leave to ask one provider once. What came of it is told by [`Self::report`]; dropped without a word, it tells
/// nothing, and another may try.
#[derive(Debug)]
#[must_use]
pub struct Pass {
    breakers: Breakers,
    provider: String,
    /// The state that it was given in. What a call tells about an earlier state is old news.
    era: u64,
    told: bool,
}

#[derive(Debug)]
struct Breaker {
    state: State,
    failures: u32,
    /// How long the next rest is.
    rest: Duration,
    /// Counts the changes of `state`.
    era: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { trying: bool },
}

impl Breakers {
    /// Leave to ask this provider now.
    ///
    /// # Errors
    /// How long it rests still.
    pub fn allow(&self, provider: &str, now: Instant) -> Result<Pass, Duration> {
        self.with(provider, |breaker| breaker.allow(now)).map(|era| Pass {
            breakers: self.clone(),
            provider: provider.to_owned(),
            era,
            told: false,
        })
    }

    /// How long a provider rests still, if it does; asking takes nobody's place.
    #[must_use]
    pub fn rests_for(&self, provider: &str, now: Instant) -> Option<Duration> {
        let breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.get(provider).and_then(|breaker| breaker.rests_for(now))
    }

    /// How a provider stands, for administrators.
    #[must_use]
    pub fn view(&self, provider: &str, now: Instant) -> BreakerView {
        self.with(provider, |breaker| {
            let state = match breaker.state {
                State::Closed => "closed",
                State::Open { until } if now < until => "open",
                State::Open { .. } | State::HalfOpen { .. } => "half_open",
            };
            let rests_s = breaker.rests_for(now).map(|rests| rests.as_secs().max(1));
            BreakerView { state: state.to_owned(), failures: breaker.failures, rests_s }
        })
    }

    fn with<T>(&self, provider: &str, work: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get_mut(provider) {
            return work(breaker);
        }
        work(breakers.entry(provider.to_owned()).or_default())
    }
}

impl Pass {
    /// Tells what came of the call.
    pub fn report(mut self, outcome: Outcome, now: Instant) {
        self.told = true;
        self.breakers.with(&self.provider, |breaker| breaker.report(self.era, outcome, now));
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.told {
            self.breakers.with(&self.provider, |breaker| breaker.free(self.era));
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed, failures: 0, rest: FIRST_REST, era: 0 }
    }
}

impl Breaker {
    /// The era of the call that may be made.
    fn allow(&mut self, now: Instant) -> Result<u64, Duration> {
        match self.state {
            State::Closed => {}
            State::Open { until } if now < until => return Err(until - now),
            State::HalfOpen { trying: true } => return Err(SHORTLY),
            State::Open { .. } => self.turn(State::HalfOpen { trying: true }),
            State::HalfOpen { trying: false } => self.state = State::HalfOpen { trying: true },
        }
        Ok(self.era)
    }

    fn report(&mut self, era: u64, outcome: Outcome, now: Instant) {
        // That this country is not served is true whenever the call began.
        if outcome == Outcome::Abroad {
            return self.turn(State::Open { until: now + ABROAD });
        }
        if era != self.era {
            return;
        }
        match outcome {
            Outcome::Works => {
                (self.failures, self.rest) = (0, FIRST_REST);
                if self.state != State::Closed {
                    self.turn(State::Closed);
                }
            }
            Outcome::Fails => {
                self.failures = self.failures.saturating_add(1);
                if self.state != State::Closed || self.failures >= FAILURES {
                    self.turn(State::Open { until: now + self.rest });
                    self.rest = (self.rest * 2).min(LONGEST_REST);
                }
            }
            Outcome::Abroad | Outcome::Nothing => self.free(era),
        }
    }

    /// Lets another one try, when the one who tried learned nothing.
    fn free(&mut self, era: u64) {
        if era == self.era
            && let State::HalfOpen { trying } = &mut self.state
        {
            *trying = false;
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }

    fn rests_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until } if now < until => Some(until - now),
            State::HalfOpen { trying: true } => Some(SHORTLY),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
