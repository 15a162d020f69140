//! One key and how it stands: what a verdict does to it, and when it may be used. Must not know the database or who
//! waits for a key.

use crate::media::{Failure, Refusal};
use crate::providers::Key;
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// How long a key rests that was used too often, where the provider does not say.
const COOL_DOWN: Duration = Duration::from_secs(20);
/// The shortest rest: "at once" would be said again and again.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest rest that is believed.
const LONGEST: Duration = Duration::from_secs(24 * HOUR);
/// When a retired key is tried again, after the first retirement, the second in a row …; the last holds from there on.
const REFUSED: &[u64] = &[HOUR, 6 * HOUR, 24 * HOUR];
const UNPAID: &[u64] = &[15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR];

/// What came of a call, as far as it concerns its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The key was taken.
    Works,
    /// It was used too often; usable again after so long, where the provider said.
    Rate {
        /// What the provider said.
        after: Option<Duration>,
    },
    /// It was refused.
    BadKey,
    /// There is no money left.
    Payment,
}

impl Verdict {
    /// What a failure tells about the key, or that there was none; `None` where it tells nothing about it.
    #[must_use]
    pub fn of(failure: Option<&Failure>) -> Option<Self> {
        let Some(failure) = failure else { return Some(Self::Works) };
        let Failure::Remote { refusal, retry_after_s, .. } = failure else { return None };
        match refusal {
            Refusal::BadKey => Some(Self::BadKey),
            Refusal::Payment => Some(Self::Payment),
            Refusal::Rate => Some(Self::Rate { after: retry_after_s.map(Duration::from_secs) }),
            _ => None,
        }
    }

    /// The class in the words of failures.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Works => "done",
            Self::Rate { .. } => "rate",
            Self::BadKey => "bad_key",
            Self::Payment => "payment",
        }
    }
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Resting {
        until: Instant,
    },
    Retired {
        due: Instant,
        /// How often in a row.
        times: u32,
        /// One request is finding out whether it works again.
        trying: bool,
    },
}

/// A key with its state.
#[derive(Debug)]
pub(super) struct Slot {
    pub key: Key,
    pub state: State,
    /// Calls that are under way with it.
    pub busy: usize,
    /// What came of it last.
    pub class: Option<String>,
    /// Its place in the order of use: the lowest is next.
    pub turn: u64,
    /// When it was last used, milliseconds since 1970.
    pub used_at: Option<i64>,
    /// When its state was last changed, the same.
    pub changed_at: i64,
    /// Counts the changes of its state, and which of them the database knows.
    pub changes: u64,
    pub saved: u64,
    /// Whether the database does not know of the last use.
    pub untold: bool,
}

impl Slot {
    pub fn new(key: Key) -> Self {
        let (busy, turn, changed_at, changes, saved) = (0, 0, 0, 0, 0);
        let (class, used_at, untold) = (None, None, false);
        Self { key, state: State::Ready, busy, class, turn, used_at, changed_at, changes, saved, untold }
    }

    /// Notes that its state is another one since `at`.
    pub fn note(&mut self, at: i64) {
        self.changes += 1;
        self.changed_at = self.changed_at.max(at);
    }

    /// Whether the database does not know of the last change.
    pub fn unsaved(&self) -> bool {
        self.saved != self.changes
    }

    /// When it may be used: now, or from some moment on; `None` while nobody knows.
    pub fn usable_from(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Ready => Some(now),
            State::Resting { until } => Some(until),
            State::Retired { trying: true, .. } => None,
            State::Retired { due, .. } => Some(due),
        }
    }

    /// Begins a try of a retired key. False where it is not retired.
    pub fn begin_try(&mut self) -> bool {
        let State::Retired { trying, .. } = &mut self.state else { return false };
        *trying = true;
        true
    }

    /// Ends a try that found out nothing. False where something was found out meanwhile.
    pub fn end_try(&mut self) -> bool {
        let State::Retired { trying: trying @ true, .. } = &mut self.state else { return false };
        *trying = false;
        true
    }

    /// Takes a verdict in; true where the state is another one now.
    pub fn judge(&mut self, verdict: Verdict, now: Instant) -> bool {
        let trying = match self.state {
            // What a call tells that began before the key was retired is old news.
            State::Retired { trying: false, .. } => return false,
            State::Retired { .. } => true,
            State::Ready | State::Resting { .. } => false,
        };
        let next = match verdict {
            Verdict::Works if trying => State::Ready,
            // A rest ends by its time: this call may have begun before it.
            Verdict::Works => self.state,
            Verdict::Rate { after } => {
                let until = now + after.unwrap_or(COOL_DOWN).clamp(SHORTEST, LONGEST);
                match self.state {
                    State::Resting { until: before } => State::Resting { until: until.max(before) },
                    _ => State::Resting { until },
                }
            }
            Verdict::BadKey => self.retired(verdict, REFUSED, now),
            Verdict::Payment => self.retired(verdict, UNPAID, now),
        };
        self.class = Some(verdict.class().to_owned());
        let changed = next != self.state;
        self.state = next;
        changed
    }

    fn retired(&self, verdict: Verdict, schedule: &[u64], now: Instant) -> State {
        let before = match self.state {
            State::Retired { times, .. } if self.class.as_deref() == Some(verdict.class()) => times,
            _ => 0,
        };
        let rest = schedule.get(before as usize).or(schedule.last()).copied().unwrap_or(HOUR);
        State::Retired { due: now + Duration::from_secs(rest), times: before.saturating_add(1), trying: false }
    }

    /// The state in one word, for people.
    pub fn word(&self, now: Instant) -> &'static str {
        match self.state {
            State::Resting { until } if now < until => "resting",
            State::Ready | State::Resting { .. } => "ready",
            State::Retired { trying: true, .. } => "trying",
            State::Retired { .. } => "retired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn slot() -> Slot {
        Slot::new(Key::new("openai", "sk-secret-value-9f3a".into(), BTreeMap::new()))
    }

    fn after(seconds: u64) -> Verdict {
        Verdict::Rate { after: Some(Duration::from_secs(seconds)) }
    }

    fn waits(slot: &Slot, now: Instant) -> u64 {
        slot.usable_from(now).map_or(u64::MAX, |from| (from - now).as_secs())
    }

    #[test]
    fn a_rest_is_as_long_as_was_said_and_never_becomes_shorter() {
        let (mut slot, now) = (slot(), Instant::now());
        assert!(slot.judge(Verdict::Rate { after: None }, now));
        assert_eq!((waits(&slot, now), slot.word(now)), (20, "resting"));
        assert!(slot.judge(after(60), now) && !slot.judge(after(5), now));
        assert!(!slot.judge(Verdict::Works, now), "a call from before the rest");
        assert_eq!(waits(&slot, now), 60);
        assert_eq!(slot.word(now + Duration::from_secs(60)), "ready");
        assert!(slot.judge(after(u64::MAX / 2), now));
        assert_eq!(waits(&slot, now), 24 * HOUR);
    }

    #[test]
    fn retirements_in_a_row_are_ever_longer() {
        for (verdict, rests) in [
            (Verdict::BadKey, [HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR]),
            (Verdict::Payment, [15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]),
        ] {
            let (mut slot, mut now) = (slot(), Instant::now());
            for rest in rests {
                assert!(slot.judge(verdict, now));
                assert!(!slot.judge(verdict, now), "many calls that end alike are one retirement");
                assert_eq!((waits(&slot, now), slot.word(now)), (rest, "retired"));
                now += Duration::from_secs(rest);
                assert!(slot.begin_try());
                assert_eq!((waits(&slot, now), slot.word(now)), (u64::MAX, "trying"));
            }
            assert!(slot.judge(Verdict::Works, now));
            assert!(slot.judge(verdict, now));
            assert_eq!(waits(&slot, now), rests[0], "after an answer it begins anew");
        }
    }

    #[test]
    fn another_reason_begins_a_schedule_of_its_own() {
        let (mut slot, now) = (slot(), Instant::now());
        for verdict in [Verdict::BadKey, Verdict::BadKey, Verdict::Payment] {
            slot.judge(verdict, now);
            slot.begin_try();
        }
        slot.end_try();
        assert_eq!(waits(&slot, now), 15 * MINUTE);
    }

    #[test]
    fn news_from_before_the_retirement_changes_nothing() {
        let (mut slot, now) = (slot(), Instant::now());
        slot.judge(Verdict::Payment, now);
        for verdict in [Verdict::Works, Verdict::BadKey, after(9)] {
            assert!(!slot.judge(verdict, now), "{verdict:?}");
        }
        assert_eq!((slot.word(now), slot.class.as_deref()), ("retired", Some("payment")));
    }

    #[test]
    fn a_try_that_finds_out_nothing_leaves_it_due() {
        let (mut slot, now) = (slot(), Instant::now());
        assert!(!slot.begin_try() && !slot.end_try());
        slot.judge(Verdict::BadKey, now);
        let later = now + Duration::from_secs(2 * HOUR);
        assert!(slot.begin_try() && slot.end_try() && !slot.end_try());
        assert!(slot.usable_from(later) <= Some(later));
        slot.begin_try();
        assert!(slot.judge(after(7), later), "a key that is asked too often is a good one");
        assert_eq!((waits(&slot, later), slot.word(later)), (7, "resting"));
    }

    #[test]
    fn a_slot_shows_no_key() {
        assert!(!format!("{:?}", slot()).contains("secret"));
    }
}
