//! People: what they write, send, tap and do.

use super::chats::{Standing, User};
use super::files::{Attachment, Kind};
use super::history::Event;
use super::limits;
use super::messages::{Author, Content, Message};
use super::room;
use super::seen::Seen;
use super::words::{Entity, Words};
use super::world::{State, World};
use bytes::Bytes;
use std::sync::Arc;

/// Someone in a chat; see [`Person::within`] for the same one elsewhere.
#[derive(Clone)]
pub struct Person {
    pub(super) world: Arc<World>,
    /// `id`.
    pub id: i64,
    /// The chat they are in.
    pub chat: i64,
    pub(super) topic: Option<i32>,
}

/// A tap on a button.
#[derive(Debug, Clone)]
pub struct Tap {
    /// `id` of the callback query.
    pub query: String,
    /// Where the button is.
    pub chat: i64,
}

impl Person {
    pub(super) fn new(world: Arc<World>, id: i64, chat: i64) -> Self {
        Self { world, id, chat, topic: None }
    }

    /// The same person in a group; they join it if they are not in it.
    pub fn within(&self, room: &room::Room) -> Self {
        self.world.change(|state| {
            state.chat_mut(room.chat).members.entry(self.id).or_insert(Standing::Member);
        });
        Self { chat: room.chat, topic: None, ..self.clone() }
    }

    /// The same person in a topic of the group they are in.
    pub fn in_topic(&self, topic: i32) -> Self {
        Self { topic: Some(topic), ..self.clone() }
    }

    /// Gives them a `username`.
    pub fn called(self, username: &str) -> Self {
        self.world.change(|state| {
            state.people.get_mut(&self.id).expect("someone known").username = Some(username.to_owned());
            state.chat_mut(self.id).username = Some(username.to_owned());
        });
        self
    }

    /// Writes; commands, mentions and links become entities.
    pub async fn sends(&self, text: &str) -> Seen {
        self.says(|_, message| message.words = Words::plain(text))
    }

    /// Opens a link into the chat with the bot, such as `t.me/bot?start=j_1`.
    ///
    /// # Panics
    ///
    /// If no such link works.
    pub async fn opens_link(&self, start: &str) -> Seen {
        let works = start.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        assert!(works && (1..=limits::START).contains(&start.len()), "no link has `start={start}`");
        self.sends(&format!("/start {start}")).await
    }

    /// Answers a message.
    pub async fn replies(&self, to: &Seen, text: &str) -> Seen {
        self.says(|_, message| {
            message.words = Words::plain(text);
            message.reply_to = Some(to.id());
        })
    }

    /// Writes with an entity of any kind over the whole text, known to clients or not.
    pub async fn sends_marked(&self, text: &str, kind: &str) -> Seen {
        self.says(|_, message| {
            let length = super::words::units(text);
            message.words = Words { text: text.to_owned(), entities: vec![Entity::new(kind, 0, length)] };
        })
    }

    /// Sends something that this version of the Bot API has no field for.
    pub async fn sends_something_new(&self) -> Seen {
        self.says(|_, message| message.content = Content::Unreadable)
    }

    /// Sends a photo, which Telegram compresses and keeps in several sizes.
    pub async fn sends_photo(&self, picture: impl Into<Bytes>, caption: &str) -> Seen {
        self.sends_file(Attachment::photo(picture).captioned(caption)).await
    }

    /// Sends a file.
    pub async fn sends_file(&self, attachment: Attachment) -> Seen {
        let ready = attachment.checked().expect("a file that Telegram takes");
        self.says(|state, message| attach(state, message, &ready))
    }

    /// Sends a sticker.
    pub async fn sends_sticker(&self) -> Seen {
        self.sends_file(Attachment::new(Kind::Sticker, &b"RIFF....WEBP"[..])).await
    }

    /// Sends an album; each item is a message of its own.
    pub async fn sends_album(&self, items: Vec<Attachment>) -> Vec<Seen> {
        let album = self.world.change(|state| (0x3300_0000_0000_0000 + state.number()).to_string());
        let mut seen = Vec::new();
        for item in items {
            let ready = item.checked().expect("a file that Telegram takes");
            seen.push(self.says(|state, message| {
                attach(state, message, &ready);
                message.album = Some(album.clone());
            }));
        }
        seen
    }

    /// Changes what they wrote.
    pub async fn edits(&self, seen: &Seen, text: &str) -> Seen {
        self.world.change(|state| {
            let mut message = state.chat(self.chat).message(seen.id()).expect("a message that is there").clone();
            message.words = Words::plain(text);
            message.edited = Some(state.clock.seconds());
            state.chat_mut(self.chat).messages.insert(message.id, message.clone());
            if state.hears(&message) {
                let body = message.json(state);
                state.tell("edited_message", body, self.chat);
            }
            state.note(self.chat, Event::Corrected(message.clone()));
            Seen::of(state, state.history.len() - 1, &message)
        })
    }

    /// Takes a message away; bots are not told.
    pub async fn deletes(&self, seen: &Seen) {
        self.world.change(|state| {
            state.chat_mut(self.chat).messages.get_mut(&seen.id()).expect("a message that is there").deleted = true;
            state.note(self.chat, Event::Deleted(seen.id()));
        });
    }

    /// Taps the button that says this, as they saw the message, even if it changed or went away since then.
    #[track_caller]
    pub fn taps(&self, seen: &Seen, label: &str) -> impl Future<Output = Tap> {
        let button = seen.button(label);
        let data = button.data().unwrap_or_else(|| panic!("`{label}` does not ask the bot"));
        let tap = self.tap(seen, (&button.label, data));
        std::future::ready(tap)
    }

    /// Taps a button with this data, whether there is one or not.
    pub async fn taps_data(&self, seen: &Seen, data: &str) -> Tap {
        self.tap(seen, (data, data))
    }

    fn tap(&self, seen: &Seen, button: (&str, &str)) -> Tap {
        let query = self.world.change(|state| state.tap(self.id, seen.chat(), seen.id(), button));
        Tap { query, chat: seen.chat() }
    }

    /// Stops the bot.
    pub async fn blocks(&self) {
        self.world.change(|state| room::stand(state, (self.id, self.id), Standing::Kicked, "blocks the bot"));
    }

    /// Lets the bot write again.
    pub async fn unblocks(&self) {
        self.world.change(|state| room::stand(state, (self.id, self.id), Standing::Member, "unblocks the bot"));
    }

    /// Deletes the account; bots are not told.
    pub async fn leaves_telegram(&self) {
        self.change(|user| user.gone = true);
    }

    /// Takes no recordings from now on.
    pub async fn refuses_recordings(&self) {
        self.change(|user| user.no_voice = true);
    }

    fn change(&self, what: impl FnOnce(&mut User)) {
        self.world.change(|state| what(state.people.get_mut(&self.id).expect("someone known")));
    }

    fn says(&self, what: impl FnOnce(&mut State, &mut Message)) -> Seen {
        self.world.change(|state| {
            let mut message = Message::new(state, self.chat, Author::User(self.id));
            message.topic = self.topic;
            what(state, &mut message);
            let blocked = self.chat > 0 && state.chat(self.chat).standing(state.me.id) == Standing::Kicked;
            assert!(!blocked, "whoever blocked the bot cannot write to it");
            state.say(message.clone());
            Seen::of(state, state.history.len() - 1, &message)
        })
    }
}

fn attach(state: &mut State, message: &mut Message, ready: &Attachment) {
    message.content = Content::Media(state.files.keep(ready));
    message.words = Words::plain(&ready.caption);
}
