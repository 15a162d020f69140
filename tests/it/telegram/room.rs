//! Groups and channels: who lets the bot in and throws it out, topics, and those who hide.

use super::chats::{Chat, Sort, Standing};
use super::history::Event;
use super::messages::{Author, Content, Message};
use super::person::Person;
use super::seen::Seen;
use super::words::Words;
use super::world::{State, World};
use serde_json::{Value, json};
use std::sync::Arc;

/// A group or a channel.
#[derive(Clone)]
pub struct Room {
    world: Arc<World>,
    /// `id`.
    pub chat: i64,
}

/// Ids tell what a chat is.
pub fn id_of(sort: Sort, number: i64) -> i64 {
    if sort == Sort::Group { -4_200_000_000 - number } else { -1_002_000_000_000 - number }
}

/// Someone gives the bot another standing in a chat; it is told.
pub fn stand(state: &mut State, (by, chat): (i64, i64), new: Standing, news: &str) {
    let me = state.me.clone();
    let old = state.chat(chat).standing(me.id);
    state.chat_mut(chat).members.insert(me.id, new);
    state.chat_mut(chat).known = true;
    let body = json!({
        "chat": state.chat(chat).json(),
        "from": state.user(by).json(),
        "date": state.clock.seconds(),
        "old_chat_member": old.json(&me),
        "new_chat_member": new.json(&me),
    });
    state.tell("my_chat_member", body, chat);
    let news = format!("{} {news}", state.user(by).first_name);
    state.note(chat, Event::News(news));
}

impl Room {
    pub(super) fn new(world: Arc<World>, chat: i64) -> Self {
        Self { world, chat }
    }

    /// Someone lets the bot in: `my_chat_member`, and in groups a message about it.
    pub async fn takes_bot(&self, by: &Person) {
        self.world.change(|state| {
            let channel = state.chat(self.chat).sort == Sort::Channel;
            let standing = if channel { Standing::Administrator } else { Standing::Member };
            stand(state, (by.id, self.chat), standing, "adds the bot");
            if channel {
                return;
            }
            let me = state.me.json();
            let fields = json!({ "new_chat_members": [me], "new_chat_member": me, "new_chat_participant": me });
            self.tells(state, Author::User(by.id), fields);
        });
    }

    /// Someone throws the bot out.
    pub async fn kicks_bot(&self, by: &Person) {
        self.stands(by, Standing::Kicked, "removes the bot");
    }

    /// Someone gives the bot rights, or takes them.
    pub async fn makes_bot(&self, by: &Person, standing: Standing) {
        self.stands(by, standing, "changes the rights of the bot");
    }

    fn stands(&self, by: &Person, standing: Standing, news: &str) {
        self.world.change(|state| stand(state, (by.id, self.chat), standing, news));
    }

    /// Gives it a `username`.
    pub fn called(self, username: &str) -> Self {
        self.world.change(|state| state.chat_mut(self.chat).username = Some(username.to_owned()));
        self
    }

    /// Someone is an administrator here.
    pub fn has_admin(&self, person: &Person) {
        self.world.change(|state| state.chat_mut(self.chat).members.insert(person.id, Standing::Administrator));
    }

    /// Opens a topic; gives its `message_thread_id`.
    pub async fn opens_topic(&self, by: &Person, name: &str) -> i32 {
        self.world.change(|state| {
            let fields = json!({ "forum_topic_created": { "name": name, "icon_color": 7_322_096 } });
            let mut message = Message::new(state, self.chat, Author::User(by.id));
            (message.topic, message.content) = (Some(message.id), Content::Service(fields));
            let topic = message.id;
            state.chat_mut(self.chat).topics.insert(topic, name.to_owned());
            state.say(message);
            topic
        })
    }

    /// An administrator writes who hides behind the group.
    pub async fn hidden_admin_sends(&self, text: &str) -> Seen {
        self.speaks(Author::Hidden, text)
    }

    /// A channel's words come into its group.
    pub async fn passes_on(&self, channel: &Self, text: &str) -> Seen {
        self.speaks(Author::PassedOn(channel.chat), text)
    }

    /// The channel says something: `channel_post`.
    pub async fn posts(&self, text: &str) -> Seen {
        self.speaks(Author::Channel, text)
    }

    fn speaks(&self, author: Author, text: &str) -> Seen {
        self.world.change(|state| {
            let mut message = Message::new(state, self.chat, author);
            message.words = Words::plain(text);
            state.say(message.clone());
            Seen::of(state, state.history.len() - 1, &message)
        })
    }

    /// Becomes a supergroup; both chats tell of it, and the old one takes nothing more.
    pub async fn becomes_supergroup(&self) -> Self {
        self.world.change(|state| {
            let new = id_of(Sort::Supergroup, state.number());
            let old = state.chat(self.chat);
            let mut chat = Chat::new(new, Sort::Supergroup, &old.title);
            chat.members.clone_from(&old.members);
            state.chats.insert(new, chat);
            self.tells(state, Author::Hidden, json!({ "migrate_to_chat_id": new }));
            state.chat_mut(self.chat).became = Some(new);
            let room = Self::new(self.world.clone(), new);
            room.tells(state, Author::Hidden, json!({ "migrate_from_chat_id": self.chat }));
            room
        })
    }

    fn tells(&self, state: &mut State, author: Author, fields: Value) {
        let mut message = Message::new(state, self.chat, author);
        message.content = Content::Service(fields);
        state.say(message);
    }
}
