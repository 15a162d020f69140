//! Messages, and how the Bot API writes them.

use super::files::{Kind, Media};
use super::keyboard::{self, Button};
use super::words::Words;
use super::world::State;
use serde_json::{Value, json};

/// Who everyone sees behind an administrator who hides.
pub const ANONYMOUS: i64 = 1_087_968_824;
/// Who passes on what a channel says in its group.
pub const TELEGRAM: i64 = 777_000;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A person, or the bot.
    User(i64),
    /// An administrator who hides behind the group.
    Hidden,
    /// A channel, in its group.
    PassedOn(i64),
    /// A channel, in itself.
    Channel,
}

/// What a message is, its words apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Words alone.
    Text,
    /// A file.
    Media(Media),
    /// News of the chat, as fields of the message.
    Service(Value),
    /// Something that this version of the Bot API has no field for.
    Unreadable,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// `message_id`.
    pub id: i32,
    /// Where it stands.
    pub chat: i64,
    /// Who wrote it.
    pub author: Author,
    /// `date`.
    pub date: i64,
    /// `edit_date`.
    pub edited: Option<i64>,
    /// `message_thread_id`.
    pub topic: Option<i32>,
    /// The message that it answers.
    pub reply_to: Option<i32>,
    /// `media_group_id`.
    pub album: Option<String>,
    /// What it is.
    pub content: Content,
    /// Its text, or its caption.
    pub words: Words,
    /// Buttons under it.
    pub keyboard: Vec<Vec<Button>>,
    /// `reply_markup` that no message shows.
    pub elsewhere: Option<Value>,
    /// Whether it is gone.
    pub deleted: bool,
}

impl Message {
    /// The next message of a chat, without anything in it.
    pub fn new(state: &mut State, chat: i64, author: Author) -> Self {
        let (id, date) = (state.next_message(chat), state.clock.seconds());
        Self {
            id,
            chat,
            author,
            date,
            edited: None,
            topic: None,
            reply_to: None,
            album: None,
            content: Content::Text,
            words: Words::default(),
            keyboard: Vec::new(),
            elsewhere: None,
            deleted: false,
        }
    }

    /// The file in it.
    pub fn media(&self) -> Option<&Media> {
        if let Content::Media(media) = &self.content { Some(media) } else { None }
    }

    /// What kind of file is in it.
    pub fn kind(&self) -> Option<Kind> {
        self.media().map(|media| media.kind)
    }

    /// As the Bot API writes it, with the message that it answers.
    pub fn json(&self, state: &State) -> Value {
        let mut json = self.alone(state);
        let replied = self.reply_to.and_then(|id| state.chat(self.chat).message(id));
        if let Some(replied) = replied {
            json["reply_to_message"] = replied.alone(state);
        }
        json
    }

    fn alone(&self, state: &State) -> Value {
        let mut json = json!({ "message_id": self.id, "chat": state.chat(self.chat).json(), "date": self.date });
        match self.author {
            Author::User(user) => json["from"] = state.user(user).json(),
            Author::Hidden => {
                json["from"] = state.user(ANONYMOUS).json();
                json["sender_chat"] = state.chat(self.chat).json();
            }
            Author::PassedOn(channel) => {
                json["from"] = state.user(TELEGRAM).json();
                json["sender_chat"] = state.chat(channel).json();
                json["is_automatic_forward"] = json!(true);
                json["forward_origin"] = json!({
                    "type": "channel", "chat": state.chat(channel).json(), "message_id": self.id, "date": self.date,
                });
                json["forward_from_chat"] = state.chat(channel).json();
                json["forward_from_message_id"] = json!(self.id);
                json["forward_date"] = json!(self.date);
            }
            Author::Channel => json["sender_chat"] = state.chat(self.chat).json(),
        }
        if let Some(edited) = self.edited {
            json["edit_date"] = json!(edited);
        }
        if let Some(topic) = self.topic {
            json["message_thread_id"] = json!(topic);
            json["is_topic_message"] = json!(true);
        }
        if let Some(album) = &self.album {
            json["media_group_id"] = json!(album);
        }
        if !self.keyboard.is_empty() {
            json["reply_markup"] = keyboard::json_of(&self.keyboard);
        }
        self.write_content(&mut json);
        json
    }

    fn write_content(&self, json: &mut Value) {
        let (text, entities) = match &self.content {
            Content::Text => ("text", "entities"),
            Content::Media(media) => {
                json[media.kind.field()] = media.fields.clone();
                if media.kind == Kind::Animation {
                    // Old clients look for it here.
                    json["document"] = media.fields.clone();
                }
                ("caption", "caption_entities")
            }
            Content::Service(fields) => {
                for (name, value) in fields.as_object().into_iter().flatten() {
                    json[name] = value.clone();
                }
                return;
            }
            Content::Unreadable => return,
        };
        if !self.words.text.is_empty() {
            json[text] = json!(self.words.text);
            if !self.words.entities.is_empty() {
                json[entities] = self.words.entities_json();
            }
        }
    }
}
