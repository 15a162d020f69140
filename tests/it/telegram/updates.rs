//! What waits to be told to the bot.

use super::latency::Latencies;
use super::limits::{MESSAGE_WAITS, TAP_WAITS};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Told only to bots that ask for them.
const UNUSUAL: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Update {
    /// `update_id`.
    pub id: i64,
    /// `message`, `callback_query` …
    pub kind: &'static str,
    /// What stands in that field.
    pub body: Value,
    /// Where it happened.
    pub chat: i64,
    /// When it is forgotten, in the clock's time.
    expires: Duration,
    /// When it happened.
    at: Instant,
    /// Whether the bot was told.
    told: bool,
}

impl Update {
    /// As the Bot API writes it.
    pub fn json(&self) -> Value {
        json!({ "update_id": self.id, self.kind: self.body })
    }
}

/// A webhook that is set.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Where updates go.
    pub url: String,
    /// What they carry along.
    pub secret: String,
    /// How many may be on their way; told back, and not used: a fake sends one after the other.
    pub connections: i64,
    /// What went wrong last, and when.
    pub failed: Option<(i64, String)>,
}

/// All updates.
#[derive(Debug)]
pub struct Updates {
    waiting: Vec<Update>,
    /// Where and when something happened that the bot was told of, and did nothing about yet.
    open: Vec<(i64, Instant)>,
    /// How long the bot took for its first call about a chat after that.
    times: Vec<Duration>,
    /// Those that were forgotten before the bot was told.
    lost: usize,
    next: i64,
    allowed: Option<Vec<String>>,
    /// The number of the poll that waits; another one takes its place.
    pub poll: u64,
    /// Where they are sent instead.
    pub webhook: Option<Webhook>,
}

impl Default for Updates {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            open: Vec::new(),
            times: Vec::new(),
            lost: 0,
            next: 704_218_001,
            allowed: None,
            poll: 0,
            webhook: None,
        }
    }
}

impl Updates {
    /// Something happened. Whether the bot wants to know is decided now.
    pub fn push(&mut self, kind: &'static str, body: Value, chat: i64, now: Duration) {
        let wanted = match &self.allowed {
            Some(allowed) => allowed.iter().any(|one| one == kind),
            None => !UNUSUAL.contains(&kind),
        };
        if !wanted {
            return;
        }
        let expires = now + if kind == "callback_query" { TAP_WAITS } else { MESSAGE_WAITS };
        let (id, at) = (self.next, Instant::now());
        self.waiting.push(Update { id, kind, body, chat, expires, at, told: false });
        self.next += 1;
    }

    /// `allowed_updates`: nothing leaves it as it was, an empty list stands for the usual ones.
    pub fn allow(&mut self, list: &Value) {
        if let Some(list) = list.as_array() {
            let names: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            self.allowed = (!names.is_empty()).then_some(names);
        }
    }

    /// What was allowed, where it was said.
    pub fn allowed(&self) -> Option<&[String]> {
        self.allowed.as_deref()
    }

    /// Forgets what was confirmed: all before `offset`, or all but the last `-offset`.
    pub fn confirm(&mut self, offset: i64) {
        let keep_from = if offset < 0 {
            let last = usize::try_from(-offset).unwrap_or(usize::MAX);
            self.waiting.len().checked_sub(last).map_or(i64::MIN, |at| self.waiting.get(at).map_or(i64::MAX, |u| u.id))
        } else {
            offset
        };
        self.forget(|update| update.id < keep_from);
    }

    /// Forgets what waits too long.
    pub fn expire(&mut self, now: Duration) {
        self.forget(|update| update.expires <= now);
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        self.forget(|_| true);
    }

    fn forget(&mut self, which: impl Fn(&Update) -> bool) {
        self.lost += self.waiting.iter().filter(|update| which(update) && !update.told).count();
        self.waiting.retain(|update| !which(update));
    }

    /// Tells the first ones.
    pub fn tell(&mut self, most: usize) -> Vec<Value> {
        let mut told = Vec::new();
        for update in self.waiting.iter_mut().take(most) {
            if !update.told {
                self.open.push((update.chat, update.at));
            }
            update.told = true;
            told.push(update.json());
        }
        told
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first that waits.
    pub fn first(&self) -> Option<&Update> {
        self.waiting.first()
    }

    /// What waits and was not told yet.
    pub fn untold(&self) -> Vec<&'static str> {
        self.waiting.iter().filter(|update| !update.told).map(|update| update.kind).collect()
    }

    /// The bot did something about a chat: the times of what it was told of it are taken.
    pub fn reacted(&mut self, chat: i64) {
        let times = &mut self.times;
        self.open.retain(|(place, at)| {
            if *place == chat {
                times.push(at.elapsed());
            }
            *place != chat
        });
    }

    /// How fast the bot reacted so far.
    pub fn latencies(&self) -> Latencies {
        let mut times = self.times.clone();
        times.sort_unstable();
        Latencies { times, unanswered: self.open.len() + self.lost + self.untold().len() }
    }
}
