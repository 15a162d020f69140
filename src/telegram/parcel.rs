//! What is to happen in a chat: messages, edits, deletions, as they stand in the outbox. It must not know how they get
//! there.

use super::keyboard::Keyboard;
use crate::media::{AssetId, JobId};
use serde::{Deserialize, Serialize};

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The chat.
    pub chat: i64,
    /// The topic of a forum; `None` elsewhere.
    pub topic: Option<i32>,
}

/// What goes first when a chat must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// What was worked for and perhaps paid.
    Result,
    /// What somebody waits for after a message or a press.
    Answer,
    /// How a job gets on: nobody misses one that is left out.
    Status,
}

/// One thing to do in a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    /// Names it: put in again under the same key, it is still done once. An edit that waits gives way to a newer one
    /// of the same key.
    pub key: String,
    /// Where.
    pub place: Place,
    /// When there is much to do.
    pub urgency: Urgency,
    /// What.
    pub act: Act,
    /// The job whose answer it is: charged when it has arrived, given back when it never can.
    pub job: Option<JobId>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A new message.
    Send {
        /// What it shows.
        body: Body,
        /// The message it answers; sent without when that is gone.
        reply_to: Option<i32>,
        /// What stands under it.
        keyboard: Option<Keyboard>,
        /// A name to change it by later.
        slot: Option<String>,
        /// Asks for an answer by a forced reply with this placeholder (at most 64 characters) instead of a keyboard.
        ask: Option<String>,
    },
    /// Another text, or another caption, for a message.
    Edit {
        /// Which one.
        target: Target,
        /// HTML, as Telegram understands it.
        html: String,
        /// What stands under it now.
        keyboard: Option<Keyboard>,
    },
    /// Other buttons for a message.
    Rearrange {
        /// Which one.
        target: Target,
        /// What stands under it now.
        keyboard: Keyboard,
    },
    /// Away with a message.
    Delete {
        /// Which one.
        target: Target,
    },
}

/// What a message shows. Texts are HTML as Telegram understands it, already within its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Words.
    Text {
        /// HTML, 1 to 4096 characters after parsing.
        html: String,
    },
    /// A picture to look at, recompressed; sent as a file where Telegram takes it for none.
    Photo {
        /// The stored picture.
        asset: AssetId,
        /// HTML, up to 1024 characters after parsing.
        caption: String,
    },
    /// A picture as a file, byte for byte.
    File {
        /// The stored file.
        asset: AssetId,
        /// What it is called.
        name: String,
        /// As for a photo.
        caption: String,
    },
    /// Two to ten pictures in one message, which has no buttons.
    Album {
        /// The stored pictures.
        assets: Vec<AssetId>,
        /// Of the first, as for a photo.
        caption: String,
    },
    /// A long text as a file.
    TextFile {
        /// What it is called.
        name: String,
        /// What is in it.
        text: String,
        /// As for a photo.
        caption: String,
    },
}

/// Which message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// By Telegram's number.
    Message(i32),
    /// By the name it was sent with; what was never sent is not changed.
    Slot(String),
}

impl Act {
    /// Which message is changed or deleted; `None` where one is sent.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Send { .. } => None,
            Self::Edit { target, .. } | Self::Rearrange { target, .. } | Self::Delete { target } => Some(target),
        }
    }
}

impl Parcel {
    /// A text that answers somebody.
    pub fn text(key: impl Into<String>, place: Place, html: impl Into<String>) -> Self {
        let body = Body::Text { html: html.into() };
        let act = Act::Send { body, reply_to: None, keyboard: None, slot: None, ask: None };
        Self { key: key.into(), place, urgency: Urgency::Answer, act, job: None }
    }

    /// The same as an answer to a message of its chat.
    #[must_use]
    pub fn replying_to(mut self, message: i32) -> Self {
        if let Act::Send { reply_to, .. } = &mut self.act {
            *reply_to = Some(message);
        }
        self
    }
}
