//! The fake itself: how a test starts it, turns its knobs and reads what it wrote down.

use super::chats::{Chat, Sort, Standing, User};
use super::faults::Trouble;
use super::latency::Latencies;
use super::pace::{Pace, Tally};
use super::person::Person;
use super::recorder::Call;
use super::room::Room;
use super::server::{Listener, Running};
use super::world::World;
use super::{page, transcript};
use serde_json::Value;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A running Bot API server. It ends with this value.
pub struct FakeTelegram {
    pub(super) world: Arc<World>,
    _running: Running,
}

impl FakeTelegram {
    /// On a free port of this machine.
    pub async fn start() -> Self {
        let listener = Listener::bind();
        let world = Arc::new(World::new(listener.origin()));
        let _running = listener.serve(world.clone());
        Self { world, _running }
    }

    /// Where the bot finds it, in place of `https://api.telegram.org`.
    pub fn url(&self) -> &str {
        &self.world.base
    }

    /// What the bot says to be let in.
    pub fn token(&self) -> String {
        self.world.look(|state| state.token.clone())
    }

    /// The bot's `username`.
    pub fn bot_name(&self) -> String {
        self.world.look(|state| state.me.username.clone().unwrap_or_default())
    }

    /// Someone new, in a private chat with the bot; a `language` of nothing is not told.
    pub fn user(&self, name: &str, language: &str) -> Person {
        let (id, chat) = self.world.change(|state| {
            let id = 5_100_000_000 + state.number();
            let language = (!language.is_empty()).then(|| language.to_owned());
            let user = User { id, first_name: name.to_owned(), language, ..User::default() };
            let mut chat = Chat::new(id, Sort::Private, name);
            chat.members.insert(state.me.id, Standing::Member);
            chat.members.insert(id, Standing::Creator);
            state.people.insert(id, user);
            state.chats.insert(id, chat);
            (id, id)
        });
        Person::new(self.world.clone(), id, chat)
    }

    /// A small group, still without the bot.
    pub fn group(&self, title: &str) -> Room {
        self.room(title, Sort::Group)
    }

    /// A large group, still without the bot.
    pub fn supergroup(&self, title: &str) -> Room {
        self.room(title, Sort::Supergroup)
    }

    /// A large group with topics, still without the bot.
    pub fn forum(&self, title: &str) -> Room {
        self.room(title, Sort::Forum)
    }

    /// A channel, still without the bot.
    pub fn channel(&self, title: &str) -> Room {
        self.room(title, Sort::Channel)
    }

    fn room(&self, title: &str, sort: Sort) -> Room {
        let id = self.world.change(|state| {
            let id = super::room::id_of(sort, state.number());
            state.chats.insert(id, Chat::new(id, sort, title));
            id
        });
        Room::new(self.world.clone(), id)
    }

    /// Privacy mode: on, a bot in a group hears only what is meant for it.
    pub fn set_privacy(&self, on: bool) {
        self.world.change(|state| state.privacy = on);
    }

    /// How long an expectation waits; a minute, if nothing is said.
    pub fn set_patience(&self, patience: Duration) {
        self.world.change(|state| state.patience = patience);
    }

    /// How fast the bot may write; as it likes, if nothing is said.
    pub fn set_pace(&self, pace: Pace) {
        self.world.change(|state| state.limiter.pace = pace);
    }

    /// The fake's time stands still, until it is moved on.
    pub fn stop_clock(&self) {
        self.world.change(|state| state.clock.stop());
    }

    /// Moves the fake's time on.
    pub fn advance(&self, by: Duration) {
        self.world.change(|state| state.clock.advance(by));
    }

    /// Something goes wrong with the calls to come.
    pub fn trouble(&self, trouble: Trouble) {
        self.world.change(|state| state.script.add(trouble));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.world.change(|state| state.script.clear());
    }

    /// Lets go of what hangs.
    pub fn release(&self) {
        self.world.released.send_modify(|count| *count += 1);
    }

    /// Calls of a method, in order; of `""` all but `getUpdates`.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let method = method.to_ascii_lowercase();
        let wanted = |call: &&Call| call.method == method || (method.is_empty() && call.method != "getupdates");
        self.world.look(|state| state.calls.iter().filter(wanted).cloned().collect())
    }

    /// What was counted in a chat.
    pub fn tally(&self, chat: i64) -> Tally {
        self.world.look(|state| state.limiter.tally(chat))
    }

    /// The most sends and edits that a chat saw in any minute.
    pub fn busiest_minute(&self, chat: i64) -> usize {
        self.world.look(|state| state.limiter.busiest_minute(chat))
    }

    /// How long the bot took for its first call about a chat after something happened there.
    pub fn latencies(&self) -> Latencies {
        self.world.look(|state| state.updates.latencies())
    }

    /// What the real server would not take, or this fake does not know.
    pub fn complaints(&self) -> Vec<String> {
        self.world.look(|state| state.complaints.clone())
    }

    /// Commands of a scope (`{"type": "default"}`) and a language; null if they were never set.
    pub fn commands(&self, scope: &Value, language: &str) -> Value {
        let key = (scope.to_string(), language.to_owned());
        self.world.look(|state| state.about.commands.get(&key).cloned().unwrap_or_default())
    }

    /// Everything that happened in a chat, to read.
    pub fn transcript(&self, chat: i64) -> String {
        self.world.look(|state| transcript::of(state, chat))
    }

    /// Everything that happened in a chat, as a page that needs nothing else.
    pub fn transcript_html(&self, chat: i64) -> String {
        self.world.look(|state| page::of(state, chat))
    }

    /// Waits until the bot has taken every update and confirmed it.
    #[track_caller]
    pub fn all_taken(&self) -> impl Future<Output = ()> {
        let (world, at) = (self.world.clone(), Location::caller());
        async move {
            let taken = |state: &mut super::world::State| (state.updates.waiting() == 0).then_some(());
            world.wait(at, "a bot that takes every update", None, taken).await;
        }
    }

    /// Waits for a call of a method, the `count`th since the start.
    #[track_caller]
    pub fn expects_calls(&self, method: &str, count: usize) -> impl Future<Output = Vec<Call>> {
        let (world, at, method) = (self.world.clone(), Location::caller(), method.to_ascii_lowercase());
        async move {
            let what = format!("{count} calls of {method}");
            let enough = |state: &mut super::world::State| {
                let calls =
                    state.calls.iter().filter(|call| call.method == method && call.outcome != super::Outcome::Open);
                let calls: Vec<Call> = calls.cloned().collect();
                (calls.len() >= count).then_some(calls)
            };
            world.wait(at, &what, None, enough).await
        }
    }
}
