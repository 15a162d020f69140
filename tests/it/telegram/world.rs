//! Everything a fake knows, behind one lock, and the bell that rings when it changes.

use super::about::About;
use super::chats::{Chat, Sort, User};
use super::clock::Clock;
use super::faults::Script;
use super::files::Files;
use super::history::{Entry, Event, Reading};
use super::messages::{ANONYMOUS, Author, Content, Message, TELEGRAM};
use super::pace::Limiter;
use super::recorder::Call;
use super::taps::Query;
use super::updates::Updates;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What the requests of one fake share with its test.
pub struct World {
    state: Mutex<State>,
    /// Rings after every change.
    pub changed: watch::Sender<u64>,
    /// Rings when what hangs is let go.
    pub released: watch::Sender<u64>,
    /// Where the fake listens.
    pub base: String,
}

/// What is behind the lock.
#[derive(Debug)]
pub struct State {
    /// What tells the time.
    pub clock: Clock,
    /// The bot.
    pub me: User,
    /// What it says to be let in.
    pub token: String,
    /// Whether it hears only what is meant for it in groups.
    pub privacy: bool,
    /// How long an expectation waits.
    pub patience: Duration,
    /// People and bots.
    pub people: BTreeMap<i64, User>,
    /// Chats.
    pub chats: BTreeMap<i64, Chat>,
    /// Files.
    pub files: Files,
    /// What waits to be told.
    pub updates: Updates,
    /// Taps by the id of their query.
    pub taps: BTreeMap<String, Query>,
    /// Commands, names and descriptions.
    pub about: About,
    /// How fast the bot may write.
    pub limiter: Limiter,
    /// What is going to go wrong.
    pub script: Script,
    /// Every call, in order.
    pub calls: Vec<Call>,
    /// What happened in the chats, in order.
    pub history: Vec<Entry>,
    /// How far each person has read each chat.
    pub read: BTreeMap<(i64, i64), Reading>,
    /// What the real server would not take, or this fake does not know.
    pub complaints: Vec<String>,
    last_private: i32,
    numbers: i64,
}

impl World {
    /// An empty one.
    pub fn new(base: String) -> Self {
        let me = User {
            id: 7_204_118_365,
            first_name: "Самовар".to_owned(),
            username: Some("samovar_bot".to_owned()),
            is_bot: true,
            ..User::default()
        };
        let bot = |id, name: &str, username: &str| User {
            id,
            first_name: name.to_owned(),
            username: Some(username.to_owned()),
            is_bot: true,
            ..User::default()
        };
        let group = bot(ANONYMOUS, "Group", "GroupAnonymousBot");
        let telegram = User { id: TELEGRAM, first_name: "Telegram".to_owned(), ..User::default() };
        let people = [me.clone(), group, telegram].into_iter().map(|user| (user.id, user)).collect();
        let state = State {
            clock: Clock::default(),
            token: format!("{}:AAFt3st-t0k3n_0f_a_fak3_t3l3gram", me.id),
            me,
            privacy: true,
            patience: Duration::from_secs(60),
            people,
            chats: BTreeMap::new(),
            files: Files::default(),
            updates: Updates::default(),
            taps: BTreeMap::new(),
            about: About::default(),
            limiter: Limiter::default(),
            script: Script::default(),
            calls: Vec::new(),
            history: Vec::new(),
            read: BTreeMap::new(),
            complaints: Vec::new(),
            last_private: 0,
            numbers: 0,
        };
        let (changed, released) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { state: Mutex::new(state), changed, released, base }
    }

    /// Looks.
    pub fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&self.lock())
    }

    /// Changes something, and rings.
    pub fn change<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        let done = what(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        done
    }

    /// Takes something in, and does not ring: nobody waits for it.
    pub fn quietly<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.lock())
    }

    /// A test that failed while it looked must still be able to print what it saw.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A chat that must be there.
    pub fn chat(&self, id: i64) -> &Chat {
        self.chats.get(&id).unwrap_or_else(|| panic!("there is no chat {id}"))
    }

    /// A chat that must be there.
    pub fn chat_mut(&mut self, id: i64) -> &mut Chat {
        self.chats.get_mut(&id).unwrap_or_else(|| panic!("there is no chat {id}"))
    }

    /// Someone who must be there.
    pub fn user(&self, id: i64) -> &User {
        self.people.get(&id).unwrap_or_else(|| panic!("there is nobody with the id {id}"))
    }

    /// A number that nothing else has.
    pub fn number(&mut self) -> i64 {
        self.numbers += 1;
        self.numbers
    }

    /// The number of the next message of a chat: private chats and small groups share one row of numbers.
    pub fn next_message(&mut self, chat: i64) -> i32 {
        if self.chat(chat).sort.counts_itself() {
            return self.chat(chat).messages.keys().next_back().map_or(1, |last| last + 1);
        }
        self.last_private += 1;
        self.last_private
    }

    /// Writes down what happened.
    pub fn note(&mut self, chat: i64, event: Event) {
        let at = self.clock.seconds();
        self.history.push(Entry { chat, at, event });
    }

    /// Writes down what the real server would not take.
    pub fn complain(&mut self, what: impl Into<String>) {
        self.complaints.push(what.into());
    }

    /// Someone says something; the bot is told if it may hear it.
    pub fn say(&mut self, message: Message) {
        let (chat, id) = (message.chat, message.id);
        let told = self.hears(&message);
        self.chat_mut(chat).known = true;
        self.chat_mut(chat).messages.insert(id, message.clone());
        if told {
            let kind = if self.chat(chat).sort == Sort::Channel { "channel_post" } else { "message" };
            let body = message.json(self);
            self.tell(kind, body, chat);
        }
        self.note(chat, Event::Said(message));
    }

    /// Queues an update.
    pub fn tell(&mut self, kind: &'static str, body: serde_json::Value, chat: i64) {
        let now = self.clock.now();
        self.updates.push(kind, body, chat, now);
    }

    /// Whether the bot hears a message: in a group with privacy on, only what is meant for it.
    pub fn hears(&self, message: &Message) -> bool {
        let chat = self.chat(message.chat);
        let standing = chat.standing(self.me.id);
        if !standing.is_inside() {
            return false;
        }
        let sees_all = !self.privacy || standing != super::Standing::Member;
        if matches!(chat.sort, Sort::Private | Sort::Channel) || sees_all {
            return true;
        }
        if matches!(message.content, Content::Service(_)) {
            return true;
        }
        let answered = message.reply_to.and_then(|id| chat.messages.get(&id));
        answered.is_some_and(|answered| answered.author == Author::User(self.me.id)) || self.is_commanded(message)
    }

    /// Whether a message begins with a command that is not another bot's.
    fn is_commanded(&self, message: &Message) -> bool {
        let me = self.me.username.as_deref().unwrap_or_default();
        message.words.entities.iter().any(|entity| {
            let command = message.words.covered(entity);
            let bot = command.split_once('@').map_or(me, |(_, bot)| bot);
            entity.kind == "bot_command" && bot.eq_ignore_ascii_case(me)
        })
    }
}
