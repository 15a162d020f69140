//! What happened in the chats, in order.

use super::messages::Message;
use std::collections::BTreeSet;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where.
    pub chat: i64,
    /// When, in the clock's time.
    pub at: i64,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A person wrote.
    Said(Message),
    /// A person changed what they wrote.
    Corrected(Message),
    /// The bot wrote.
    Sent(Message),
    /// The bot changed what it wrote.
    Edited(Message),
    /// A message is gone.
    Deleted(i32),
    /// A button was tapped.
    Tapped {
        /// Whose finger it was.
        user: i64,
        /// Under which message.
        message: i32,
        /// What the button says.
        label: String,
    },
    /// The bot answered a tap.
    Answered {
        /// How.
        answer: Answer,
    },
    /// The bot is typing, or the like.
    Action(String),
    /// A call about this chat was refused or cut off.
    Failed {
        /// Which method.
        method: String,
        /// Why.
        why: String,
    },
    /// Anything else, in words.
    News(String),
}

impl Event {
    /// The message that the bot shows by it.
    pub fn shown(&self) -> Option<&Message> {
        match self {
            Self::Sent(message) | Self::Edited(message) => Some(message),
            _ => None,
        }
    }
}

/// An answer to a tap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What is shown, if anything.
    pub text: String,
    /// Whether it must be closed.
    pub alert: bool,
    /// What is opened, if anything.
    pub url: String,
}

/// How far a person has read a chat.
#[derive(Debug, Default)]
pub struct Reading {
    /// Everything before this entry.
    pub upto: usize,
    /// And these, before their turn.
    pub also: BTreeSet<usize>,
}

impl Reading {
    /// Whether an entry is still to be read.
    pub fn is_new(&self, at: usize) -> bool {
        at >= self.upto && !self.also.contains(&at)
    }
}
