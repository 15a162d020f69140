//! A message as a person saw it.

use super::files::Kind;
use super::keyboard::Button;
use super::messages::Message;
use super::world::State;
use bytes::Bytes;
use serde_json::Value;

/// A message at one moment: later edits do not change it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub(super) message: Message,
    /// Its place in the history.
    pub(super) at: usize,
    json: Value,
    bytes: Bytes,
}

impl Seen {
    pub(super) fn of(state: &State, at: usize, message: &Message) -> Self {
        let stored = message.media().and_then(|media| state.files.by_id(&media.file));
        let bytes = stored.map(|stored| stored.bytes.clone()).unwrap_or_default();
        Self { message: message.clone(), at, json: message.json(state), bytes }
    }

    /// `message_id`.
    pub fn id(&self) -> i32 {
        self.message.id
    }

    /// Where it stands.
    pub fn chat(&self) -> i64 {
        self.message.chat
    }

    /// Its text, or its caption.
    pub fn text(&self) -> &str {
        &self.message.words.text
    }

    /// Its entities: what they are, and what they cover.
    pub fn entities(&self) -> Vec<(String, String)> {
        let words = &self.message.words;
        words.entities.iter().map(|entity| (entity.kind.clone(), words.covered(entity))).collect()
    }

    /// What its buttons say, by rows.
    pub fn buttons(&self) -> Vec<Vec<&str>> {
        let label = |button| -> &str {
            let button: &Button = button;
            &button.label
        };
        self.message.keyboard.iter().map(|row| row.iter().map(label).collect()).collect()
    }

    /// The button that says this, or else the only one that has it in its label.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    #[track_caller]
    pub fn button(&self, label: &str) -> &Button {
        let all = || self.message.keyboard.iter().flatten();
        if let Some(found) = all().find(|button| button.label == label) {
            return found;
        }
        let alike: Vec<&Button> = all().filter(|button| button.label.contains(label)).collect();
        assert!(alike.len() == 1, "{} buttons say `{label}`; there are {:?}", alike.len(), self.buttons());
        alike[0]
    }

    /// What kind of file is in it, if any.
    pub fn kind(&self) -> Option<Kind> {
        self.message.kind()
    }

    /// The file in it; a photo in its largest size, as Telegram keeps it.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The message that it answers.
    pub fn reply_to(&self) -> Option<i32> {
        self.message.reply_to
    }

    /// What came as `reply_markup` and is not under the message: `force_reply` and the like.
    pub fn reply_markup(&self) -> Option<&Value> {
        self.message.elsewhere.as_ref()
    }

    /// As the Bot API writes it.
    pub fn json(&self) -> &Value {
        &self.json
    }
}
