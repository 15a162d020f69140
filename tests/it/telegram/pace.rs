//! How fast a bot may write, and how fast it did.

use super::refusal::Refusal;
use std::collections::BTreeMap;
use std::time::Duration;

/// A minute.
const MINUTE: Duration = Duration::from_secs(60);

/// What a chat takes. The real numbers are not told; these are the ones that are documented or were measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Messages at once, after a rest; `None` lets everything through.
    pub burst: Option<u32>,
    /// The time after which one more may be sent.
    pub every: Duration,
    /// Sends and edits of any minute.
    pub per_minute: usize,
    /// What an answer of 429 asks for at least.
    pub penalty: Duration,
}

impl Pace {
    /// Everything passes, and is counted.
    pub const FREE: Self = Self { burst: None, every: Duration::ZERO, per_minute: usize::MAX, penalty: Duration::ZERO };

    /// About one message a second after a burst of five, and twenty sends and edits a minute.
    pub const STRICT: Self =
        Self { burst: Some(5), every: Duration::from_secs(1), per_minute: 20, penalty: Duration::from_secs(3) };
}

/// What was counted in a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages of the bot; an album counts as many as it has.
    pub sends: usize,
    /// Edits.
    pub edits: usize,
    /// Messages deleted.
    pub deletes: usize,
    /// Chat actions.
    pub actions: usize,
    /// Answers to taps.
    pub answers: usize,
    /// Calls answered with 429, by the pace or by a fault.
    pub too_many: usize,
}

/// Uploads up to this size are never too many.
const SMALL: usize = 100_000;
/// How far uploads of one size may run ahead.
const AHEAD: Duration = Duration::from_secs(5);
/// How much of a rest is made up for.
const REST: Duration = Duration::from_secs(1);
/// What is asked for after that.
const UPLOADS_REST: u64 = 60;

/// How each chat is treated.
#[derive(Debug)]
pub struct Limiter {
    /// What a chat takes.
    pub pace: Pace,
    /// Until when uploads of a size are spread.
    uploads: BTreeMap<usize, Duration>,
    chats: BTreeMap<i64, Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    /// When sends and edits came.
    at: Vec<Duration>,
    /// The time at which the burst is whole again.
    full: Duration,
    tally: Tally,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { pace: Pace::FREE, uploads: BTreeMap::new(), chats: BTreeMap::new() }
    }
}

impl Limiter {
    /// Lets so many sends or edits through, or none of them. An edit takes no part of the burst.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the seconds to wait.
    pub fn pass(&mut self, chat: i64, count: usize, edit: bool, now: Duration) -> Result<(), Refusal> {
        let pace = self.pace;
        let usage = self.chats.entry(chat).or_default();
        let recent = usage.at.iter().filter(|at| **at + MINUTE > now);
        let mut wait = Duration::ZERO;
        if recent.clone().count() + count > pace.per_minute {
            let oldest = recent.min().copied().unwrap_or(now);
            wait = oldest + MINUTE - now;
        }
        let full = usage.full.max(now) + pace.every * u32::try_from(count).unwrap_or(u32::MAX);
        if let Some(burst) = pace.burst.filter(|_| !edit) {
            wait = wait.max(full.saturating_sub(now + pace.every * burst));
        }
        if wait > Duration::ZERO {
            usage.tally.too_many += 1;
            let wait = wait.max(pace.penalty);
            return Err(Refusal::too_many(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        if !edit {
            usage.full = full;
        }
        usage.at.extend(std::iter::repeat_n(now, count));
        let counter = if edit { &mut usage.tally.edits } else { &mut usage.tally.sends };
        *counter += count;
        Ok(())
    }

    /// Lets files through. The server holds files of the very same size apart, as they may be one file sent again and
    /// again; this fake does not hold them, but refuses where the server would.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the seconds to wait.
    pub fn upload(&mut self, size: usize, now: Duration) -> Result<(), Refusal> {
        if self.pace.burst.is_none() || size <= SMALL {
            return Ok(());
        }
        let apart = Duration::from_nanos(size as u64 * 100);
        let apart = apart.clamp(Duration::from_millis(200), Duration::from_millis(900));
        let last = self.uploads.entry(size).or_default();
        if *last > now + AHEAD {
            return Err(Refusal::too_many(UPLOADS_REST));
        }
        *last = (*last + apart).max(now.saturating_sub(REST));
        Ok(())
    }

    /// Counts something that the pace does not concern.
    pub fn count(&mut self, chat: i64, what: impl FnOnce(&mut Tally)) {
        what(&mut self.chats.entry(chat).or_default().tally);
    }

    /// What was counted.
    pub fn tally(&self, chat: i64) -> Tally {
        self.chats.get(&chat).map_or_else(Tally::default, |usage| usage.tally)
    }

    /// The most sends and edits of any minute.
    pub fn busiest_minute(&self, chat: i64) -> usize {
        let at = self.chats.get(&chat).map_or(&[][..], |usage| &usage.at);
        let from = |start: &Duration| at.iter().filter(|at| *at >= start && **at < *start + MINUTE).count();
        at.iter().map(from).max().unwrap_or(0)
    }
}
