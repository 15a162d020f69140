//! What people expect of the bot, and how a test waits for it: by the bell, never by the clock.

use super::files::Kind;
use super::history::{Answer, Event};
use super::messages::Content;
use super::person::{Person, Tap};
use super::seen::Seen;
use super::transcript;
use super::world::{State, World};
use std::panic::Location;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

impl World {
    /// Waits until `look` finds something, or ends the test with all that is known of the chat.
    pub async fn wait<T>(
        &self,
        at: &Location<'_>,
        what: &str,
        chat: Option<i64>,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> T {
        let mut changed = self.changed.subscribe();
        let patience = self.look(|state| state.patience);
        let end = Instant::now() + patience;
        loop {
            changed.borrow_and_update();
            if let Some(found) = self.quietly(&mut look) {
                return found;
            }
            if timeout_at(end, changed.changed()).await.is_err() {
                let story = self.look(|state| transcript::of_trouble(state, chat));
                panic!("{at}: {what} did not come within {patience:?}\n{story}");
            }
        }
    }
}

impl Person {
    /// The next message of the bot that fits: a new one, or an old one as it was changed.
    #[track_caller]
    pub fn expects(&self, what: impl Into<String>, fits: impl Fn(&Seen) -> bool) -> impl Future<Output = Seen> {
        let (at, what) = (Location::caller(), what.into());
        async move {
            let look = |state: &mut State| self.next(state, &fits).map(|seen| self.reads(state, seen));
            self.world.wait(at, &what, Some(self.chat), look).await
        }
    }

    /// A text.
    #[track_caller]
    pub fn expects_text(&self, fits: impl Fn(&str) -> bool) -> impl Future<Output = Seen> {
        self.expects("a text that fits", move |seen| seen.message.content == Content::Text && fits(seen.text()))
    }

    /// A photo.
    #[track_caller]
    pub fn expects_photo(&self) -> impl Future<Output = Seen> {
        self.expects_file(Kind::Photo)
    }

    /// A file of a kind.
    #[track_caller]
    pub fn expects_file(&self, kind: Kind) -> impl Future<Output = Seen> {
        self.expects(format!("a {}", kind.field()), move |seen| seen.kind() == Some(kind))
    }

    /// An album of so many.
    #[track_caller]
    pub fn expects_album(&self, count: usize) -> impl Future<Output = Vec<Seen>> {
        let at = Location::caller();
        async move {
            let look = |state: &mut State| {
                let first = self.next(state, &|seen| seen.message.album.is_some())?;
                let album = first.message.album.clone();
                let all = self.unread(state).filter(|seen| seen.message.album == album);
                let all: Vec<Seen> = all.collect();
                if all.len() < count {
                    return None;
                }
                all.last().cloned().map(|last| self.reads(state, last));
                Some(all)
            };
            self.world.wait(at, &format!("an album of {count}"), Some(self.chat), look).await
        }
    }

    /// A change of this message that fits. Messages between are still to be read.
    #[track_caller]
    pub fn expects_edit(&self, seen: &Seen, fits: impl Fn(&Seen) -> bool) -> impl Future<Output = Seen> {
        let at = Location::caller();
        let (id, after) = (seen.id(), seen.at);
        async move {
            let look = |state: &mut State| {
                let later = (after + 1..state.history.len()).find_map(|at| match &state.history[at].event {
                    Event::Edited(message) if state.history[at].chat == self.chat && message.id == id => {
                        Some(Seen::of(state, at, message)).filter(|seen| fits(seen))
                    }
                    _ => None,
                })?;
                state.read.entry((self.id, self.chat)).or_default().also.insert(later.at);
                Some(later)
            };
            self.world.wait(at, &format!("a change of #{id}"), Some(self.chat), look).await
        }
    }

    /// This message goes away.
    #[track_caller]
    pub fn expects_gone(&self, seen: &Seen) -> impl Future<Output = ()> {
        let (at, id) = (Location::caller(), seen.id());
        async move {
            let look = |state: &mut State| state.chat(self.chat).message(id).is_none().then_some(());
            self.world.wait(at, &format!("the end of #{id}"), Some(self.chat), look).await;
        }
    }

    /// The bot's answer to a tap.
    #[track_caller]
    pub fn expects_answer(&self, tap: &Tap) -> impl Future<Output = Answer> {
        let at = Location::caller();
        let (query, chat) = (tap.query.clone(), tap.chat);
        async move {
            let look = |state: &mut State| state.taps.get(&query).and_then(|tap| tap.answer.clone());
            self.world.wait(at, "an answer to a tap", Some(chat), look).await
        }
    }

    /// The bot shows that it is busy, since what was read last.
    #[track_caller]
    pub fn expects_action(&self, action: &str) -> impl Future<Output = ()> {
        let (at, action) = (Location::caller(), action.to_owned());
        async move {
            let look = |state: &mut State| {
                let from = state.read.get(&(self.id, self.chat)).map_or(0, |reading| reading.upto);
                let mut later = state.history[from..].iter().filter(|entry| entry.chat == self.chat);
                let shown = later.any(|entry| matches!(&entry.event, Event::Action(shown) if *shown == action));
                shown.then_some(())
            };
            self.world.wait(at, &format!("the action {action}"), Some(self.chat), look).await;
        }
    }

    /// Nothing new comes from the bot for this time, and nothing is there that was not read.
    #[track_caller]
    pub fn nothing_more_for(&self, time: Duration) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            let mut changed = self.world.changed.subscribe();
            let end = Instant::now() + time;
            loop {
                changed.borrow_and_update();
                if let Some(more) = self.world.quietly(|state| self.next(state, &|_| true)) {
                    let story = self.world.look(|state| transcript::of(state, self.chat));
                    panic!("{at}: nothing more should come, but `{}` did\n{story}", more.text());
                }
                if timeout_at(end, changed.changed()).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Everything so far counts as read.
    pub fn reads_all(&self) {
        self.world.quietly(|state| {
            let end = state.history.len();
            state.read.entry((self.id, self.chat)).or_default().upto = end;
        });
    }

    /// What the bot showed in this chat (and topic) and was not read yet.
    fn unread<'a>(&'a self, state: &'a State) -> impl Iterator<Item = Seen> + 'a {
        let reading = state.read.get(&(self.id, self.chat));
        let from = reading.map_or(0, |reading| reading.upto);
        let entries = state.history.iter().enumerate().skip(from);
        let new = entries.filter(move |(at, entry)| entry.chat == self.chat && reading.is_none_or(|r| r.is_new(*at)));
        let shown = new.filter_map(|(at, entry)| Some((at, entry.event.shown()?)));
        let here = shown.filter(move |(_, message)| self.topic.is_none() || message.topic == self.topic);
        here.map(move |(at, message)| Seen::of(state, at, message))
    }

    fn next(&self, state: &State, fits: &impl Fn(&Seen) -> bool) -> Option<Seen> {
        self.unread(state).find(fits)
    }

    fn reads(&self, state: &mut State, seen: Seen) -> Seen {
        state.read.entry((self.id, self.chat)).or_default().upto = seen.at + 1;
        seen
    }
}
