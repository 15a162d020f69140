//! How fast a chat, and all chats together, may be written to. Telegram tells no exact limits: about 20 messages a
//! minute to a chat, sent or changed, one a second, 30 a second to all. Must not know what is sent.

use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How fast Telegram is written to.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A chat with one person.
    pub private: Rate,
    /// A group.
    pub group: Rate,
    /// Calls a second to all chats together.
    pub overall: f64,
    /// Files on their way at the same time.
    pub uploads: usize,
}

/// How fast one chat is written to. In any minute that is at most `burst + per_minute`.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Messages that are sent or changed.
    pub per_minute: f64,
    /// So many at once after a silence.
    pub burst: f64,
    /// So many at once that a news of how a job gets on must leave to what somebody waits for.
    pub reserve: f64,
    /// The least time between two news of how a job gets on.
    pub between_statuses: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            private: Rate { per_minute: 15.0, burst: 5.0, reserve: 2.0, between_statuses: second * 3 },
            group: Rate { per_minute: 14.0, burst: 5.0, reserve: 3.0, between_statuses: second * 10 },
            overall: 25.0,
            uploads: 6,
        }
    }
}

/// A second's worth of messages to one chat that may go out at once.
const IN_A_SECOND: f64 = 3.0;
/// Calls that may go out at once to all chats together.
const AT_ONCE: f64 = 5.0;
/// Chats whose rest is remembered before those that have it all are forgotten.
const REMEMBERED: usize = 1024;

/// What a call to a chat is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Somebody waits for it.
    Awaited,
    /// News of how a job gets on, which leaves room for what somebody waits for.
    Status,
    /// Makes no message and changes none.
    Free,
}

/// A bucket that fills by itself.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
    capacity: f64,
    per_second: f64,
}

impl Bucket {
    fn full(capacity: f64, per_second: f64, now: Instant) -> Self {
        Self { tokens: capacity, at: now, capacity, per_second }
    }

    /// What is in it now.
    fn fill(&mut self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.capacity);
        self.at = now;
        self.tokens
    }

    /// How long until one can be taken and `left` remain.
    fn wait(&mut self, left: f64, now: Instant) -> Duration {
        let lacking = (1.0 + left).min(self.capacity) - self.fill(now);
        // A hair more, so that what is there then is not short by a rounding.
        if lacking <= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(lacking / self.per_second + 1e-6) }
    }
}

/// What is left to each chat.
pub(super) struct Budget {
    pace: Pace,
    chats: HashMap<i64, Chat>,
}

struct Chat {
    minute: Bucket,
    second: Bucket,
    next_status: Option<Instant>,
}

impl Budget {
    pub fn new(pace: Pace) -> Self {
        Self { pace, chats: HashMap::new() }
    }

    /// Takes one call to this chat, or says after which time to ask again.
    pub fn take(&mut self, id: i64, worth: Worth, now: Instant) -> Result<(), Duration> {
        let status = match worth {
            Worth::Free => return Ok(()),
            Worth::Status => true,
            Worth::Awaited => false,
        };
        if self.chats.len() > REMEMBERED {
            self.forget(now);
        }
        let rate = if id < 0 { self.pace.group } else { self.pace.private };
        let chat = self.chats.entry(id).or_insert_with(|| Chat {
            minute: Bucket::full(rate.burst, rate.per_minute / 60.0, now),
            second: Bucket::full(IN_A_SECOND.min(rate.burst), 1.0_f64.max(rate.per_minute / 60.0), now),
            next_status: None,
        });
        let reserve = if status { rate.reserve } else { 0.0 };
        let spaced = chat.next_status.filter(|_| status).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let wait = chat.minute.wait(reserve, now).max(chat.second.wait(0.0, now)).max(spaced);
        if !wait.is_zero() {
            return Err(wait);
        }
        chat.minute.tokens -= 1.0;
        chat.second.tokens -= 1.0;
        if status {
            chat.next_status = Some(now + rate.between_statuses);
        }
        Ok(())
    }

    /// Chats that have everything left are as those that were never written to.
    fn forget(&mut self, now: Instant) {
        self.chats.retain(|_, chat| {
            let rested = chat.minute.fill(now) >= chat.minute.capacity && chat.second.fill(now) >= chat.second.capacity;
            !rested || chat.next_status.is_some_and(|at| at > now)
        });
    }
}

/// The calls to all chats together, in the order in which they were asked for.
pub(super) struct Gate(Mutex<Bucket>);

impl Gate {
    pub fn new(pace: Pace) -> Self {
        Self(Mutex::new(Bucket::full(AT_ONCE.min(pace.overall), pace.overall, Instant::now())))
    }

    /// Waits for its turn. Returns whether that took a while.
    pub async fn pass(&self) -> bool {
        let mut bucket = self.0.lock().await;
        let wait = bucket.wait(0.0, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
            bucket.fill(Instant::now());
        }
        bucket.tokens -= 1.0;
        !wait.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PERSON: i64 = 7;
    const GROUP: i64 = -7;

    fn worth(status: bool) -> Worth {
        if status { Worth::Status } else { Worth::Awaited }
    }

    /// Everything that goes out of what comes at these times, each as soon as it may.
    fn goes_out(chat: i64, comes: &[(Duration, bool)]) -> Vec<(Duration, bool)> {
        let start = Instant::now();
        let mut budget = Budget::new(Pace::default());
        let (mut now, mut out) = (start, Vec::new());
        for (at, status) in comes {
            now = now.max(start + *at);
            while let Err(wait) = budget.take(chat, worth(*status), now) {
                now += wait;
            }
            out.push((now - start, *status));
        }
        out
    }

    fn most_in_a_minute(out: &[(Duration, bool)]) -> usize {
        let within = |from: Duration| out.iter().filter(|(at, _)| *at >= from && *at < from + 60 * SECOND).count();
        out.iter().map(|(at, _)| within(*at)).max().unwrap_or(0)
    }

    #[test]
    fn a_few_go_at_once_and_the_rest_in_time() {
        let out = goes_out(PERSON, &[(Duration::ZERO, false); 8]);
        let at: Vec<u64> = out.iter().map(|(at, _)| at.as_secs()).collect();
        // Three at once, then one a second while the burst lasts, then one in four seconds.
        assert_eq!(at[..5], [0, 0, 0, 1, 2]);
        assert_eq!(at[7] - at[6], 4);
    }

    #[test]
    fn news_of_a_job_leave_room_for_what_somebody_waits_for() {
        let now = Instant::now();
        let mut budget = Budget::new(Pace::default());
        let mut at = now;
        // News only, for ten minutes, as often as they may.
        while at < now + 600 * SECOND {
            match budget.take(GROUP, Worth::Status, at) {
                Ok(()) => {}
                Err(wait) => at += wait,
            }
        }
        assert_eq!(budget.take(GROUP, Worth::Awaited, at), Ok(()));
        assert_eq!(budget.take(GROUP, Worth::Awaited, at), Ok(()), "two answers at once in the midst of news");
    }

    #[tokio::test(start_paused = true)]
    async fn all_chats_together_have_a_limit() {
        let gate = Gate::new(Pace::default());
        let start = Instant::now();
        for _ in 0..5 {
            assert!(!gate.pass().await);
        }
        for _ in 0..25 {
            assert!(gate.pass().await);
        }
        // Timers tick by the millisecond, so that each wait may be that much longer.
        let took = start.elapsed();
        assert!(took >= SECOND && took < SECOND + SECOND / 10, "{took:?}");
    }

    #[test]
    fn a_chat_that_rests_is_forgotten_and_one_that_does_not_is_not() {
        let now = Instant::now();
        let mut budget = Budget::new(Pace::default());
        for chat in 0..2000 {
            let _ = budget.take(chat, Worth::Awaited, now + SECOND * u32::try_from(chat).unwrap());
        }
        assert!(budget.chats.len() <= REMEMBERED + 1, "{}", budget.chats.len());
        assert!(budget.chats.contains_key(&1999));
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_telegram_takes(
            comes in prop::collection::vec((0_u64..200_000, any::<bool>()), 1..120),
            chat in prop_oneof![Just(PERSON), Just(GROUP)],
        ) {
            let mut comes: Vec<_> = comes.into_iter().map(|(ms, status)| (Duration::from_millis(ms), status)).collect();
            comes.sort_unstable();
            let out = goes_out(chat, &comes);
            prop_assert!(most_in_a_minute(&out) <= 20, "{:?}", out);
            let second = |from: Duration| out.iter().filter(|(at, _)| *at >= from && *at < from + SECOND).count();
            prop_assert!(out.iter().all(|(at, _)| second(*at) <= 4));
        }
    }
}
