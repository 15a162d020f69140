//! One update being handled: who wrote it and where they stand, and everything that comes of it, which is written down
//! in one transaction together with the mark that it was handled. It must not know what any step means.

mod commit;

use super::door::Door;
use super::keyboard::Keyboard;
use super::orders::{Asked, FileRef, NewOrder, Outcome};
use super::parcel::{Act, Body, Parcel, Place, Target, Urgency};
use super::people::{Person, Tastes};
use super::session::Step;
use super::texts::{Html, Lang, args};
use super::words::failure;
use crate::accounts::Overview;
use crate::db::DbError;
use crate::media::{Failure, Owner};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How long an album is waited for after each of its pictures, in milliseconds.
const ALBUM: i64 = 1500;

/// Where an update came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Telegram's number of the update.
    pub update: i64,
    /// The chat, and the topic.
    pub place: Place,
    /// Whether nobody else reads along.
    pub private: bool,
    /// The message: what was written, or what the pressed button stands under.
    pub message: Option<i32>,
    /// When the message was sent, seconds since 1970; `None` for a pressed button.
    pub sent_at: Option<i64>,
    /// The unique name of the one who wrote.
    pub username: Option<String>,
}

/// An update being handled.
pub struct Turn {
    /// What the door stands in front of.
    pub door: Arc<Door>,
    /// Where it came from.
    pub origin: Origin,
    /// When it began.
    pub since: Instant,
    effects: Mutex<Effects>,
}

/// What comes of it.
struct Effects {
    person: Person,
    step: Step,
    moved: bool,
    parcels: Vec<Parcel>,
    orders: Vec<(NewOrder, Option<Composed>)>,
    growth: Option<Growth>,
    agreed: Vec<i64>,
    concluded: Vec<(i64, Outcome)>,
    resent: Vec<i64>,
    toast: Option<(String, bool)>,
    forgotten: bool,
    reachable: Option<bool>,
}

/// One file more for an order, or its first.
#[derive(Clone)]
struct Growth {
    file: FileRef,
    first: NewOrder,
    composed: Option<Composed>,
}

/// A parcel that names the order it is about.
type Composed = Arc<dyn Fn(i64) -> Parcel + Send + Sync>;

impl Turn {
    /// Begins with where the one who wrote stands.
    ///
    /// # Errors
    /// [`DbError`] when that cannot be read.
    pub async fn begin(door: Arc<Door>, origin: Origin, person: Person) -> Result<Self, DbError> {
        let step = door.sessions.load(origin.place, person.id).await?;
        let effects = Effects {
            person,
            step,
            moved: false,
            parcels: Vec::new(),
            orders: Vec::new(),
            growth: None,
            agreed: Vec::new(),
            concluded: Vec::new(),
            resent: Vec::new(),
            toast: None,
            forgotten: false,
            reachable: None,
        };
        Ok(Self { door, origin, since: Instant::now(), effects: Mutex::new(effects) })
    }

    fn effects(&self) -> MutexGuard<'_, Effects> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who wrote, as they are now.
    #[must_use]
    pub fn person(&self) -> Person {
        self.effects().person.clone()
    }

    /// The language spoken with them.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.effects().person.lang
    }

    /// What is remembered of their choices.
    #[must_use]
    pub fn tastes(&self) -> Tastes {
        self.effects().person.tastes.clone()
    }

    /// Their account, at the level that counts.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn account(&self) -> Result<(Owner, Overview), DbError> {
        let person = self.effects().person.id;
        self.door.account(person).await
    }

    /// Whether they administer.
    #[must_use]
    pub fn admin(&self) -> bool {
        self.door.settings.admins.contains(&self.effects().person.id)
    }

    /// Where they stand.
    #[must_use]
    pub fn step(&self) -> Step {
        self.effects().step.clone()
    }

    /// Where they stand from now on.
    pub fn go(&self, step: Step) {
        let mut effects = self.effects();
        effects.step = step;
        effects.moved = true;
    }

    /// Changes what is known of them.
    pub fn change(&self, change: impl FnOnce(&mut Person)) {
        change(&mut self.effects().person);
    }

    /// They are to be forgotten: nothing is kept of this turn but what is sent.
    pub fn forget(&self) {
        self.effects().forgotten = true;
    }

    /// Messages reach them, or do not any more.
    pub fn reachable(&self, reachable: bool) {
        self.effects().reachable = Some(reachable);
    }

    /// Nothing could be done, and nobody knows why.
    pub fn failed(&self, failure: &Failure) {
        let lang = self.lang();
        if self.origin.sent_at.is_none() {
            self.alert(lang.plain("toast-failed", args! {}));
            return;
        }
        let sentence = Html(failure::sentence(lang, failure));
        self.say(lang.html("failed-no-job", args! { "sentence" => sentence }));
    }

    /// A key of its own for the next thing that comes of this update.
    fn key(&self) -> String {
        let effects = self.effects();
        format!("u{}:{}", self.origin.update, effects.parcels.len() + effects.orders.len())
    }

    /// Puts something into the outbox.
    pub fn put(&self, parcel: Parcel) {
        self.effects().parcels.push(parcel);
    }

    /// Answers with a text; in a group, to the message.
    pub fn say(&self, html: impl Into<String>) {
        self.say_with(html, Keyboard::default());
    }

    /// Answers with a text and buttons.
    pub fn say_with(&self, html: impl Into<String>, keyboard: Keyboard) {
        let parcel = self.answer(Body::Text { html: html.into() }, keyboard);
        self.put(parcel);
    }

    /// Answers with a text that the next message is to reply to.
    pub fn ask(&self, html: impl Into<String>, placeholder: impl Into<String>) {
        let mut parcel = self.answer(Body::Text { html: html.into() }, Keyboard::default());
        if let Act::Send { ask, .. } = &mut parcel.act {
            *ask = Some(placeholder.into());
        }
        self.put(parcel);
    }

    /// An answer as a parcel.
    pub fn answer(&self, body: Body, keyboard: Keyboard) -> Parcel {
        let act = Act::Send {
            body,
            reply_to: if self.origin.private { None } else { self.origin.message },
            keyboard: (!keyboard.is_empty()).then_some(keyboard),
            slot: None,
            ask: None,
        };
        Parcel { key: self.key(), place: self.origin.place, urgency: Urgency::Answer, act, job: None }
    }

    /// Changes the message that the pressed button stands under; answers where none was pressed.
    pub fn edit(&self, html: impl Into<String>, keyboard: Keyboard) {
        let (Some(message), None) = (self.origin.message, self.origin.sent_at) else {
            return self.say_with(html, keyboard);
        };
        let act = Act::Edit {
            target: Target::Message(message),
            html: html.into(),
            keyboard: (!keyboard.is_empty()).then_some(keyboard),
        };
        let parcel = Parcel { key: self.key(), place: self.origin.place, urgency: Urgency::Answer, act, job: None };
        self.put(parcel);
    }

    /// Changes only the buttons under the message of the pressed one.
    pub fn rearrange(&self, keyboard: Keyboard) {
        let Some(message) = self.origin.message else { return };
        let act = Act::Rearrange { target: Target::Message(message), keyboard };
        let parcel = Parcel { key: self.key(), place: self.origin.place, urgency: Urgency::Answer, act, job: None };
        self.put(parcel);
    }

    /// Away with the message of the pressed button.
    pub fn delete(&self) {
        let Some(message) = self.origin.message else { return };
        let act = Act::Delete { target: Target::Message(message) };
        let parcel = Parcel { key: self.key(), place: self.origin.place, urgency: Urgency::Answer, act, job: None };
        self.put(parcel);
    }

    /// What is shown for a moment when a button was pressed.
    pub fn toast(&self, text: impl Into<String>) {
        self.effects().toast = Some((text.into(), false));
    }

    /// As [`Self::toast`], until it is closed.
    pub fn alert(&self, text: impl Into<String>) {
        self.effects().toast = Some((text.into(), true));
    }

    /// What is shown for the pressed button.
    pub fn toasted(&self) -> Option<(String, bool)> {
        self.effects().toast.clone()
    }

    fn new_order(&self, key: String, asked: Asked, held: bool) -> NewOrder {
        let person = self.person();
        let asked = Asked { in_group: !self.origin.private, as_file: asked.as_file || person.tastes.as_file, ..asked };
        NewOrder {
            key,
            place: self.origin.place,
            person: person.id,
            message: self.origin.message,
            lang: person.lang,
            asked,
            held,
            delay: 0,
        }
    }

    /// Has something made.
    pub fn order(&self, asked: Asked) {
        let order = self.new_order(self.key(), asked, false);
        self.effects().orders.push((order, None));
    }

    /// Has something made once its owner agrees to what `compose` asks, given the order's number.
    pub fn order_held(&self, asked: Asked, compose: impl Fn(i64) -> (String, Keyboard) + Send + Sync + 'static) {
        let order = self.new_order(self.key(), asked, true);
        let composed = Some(self.composed(compose));
        self.effects().orders.push((order, composed));
    }

    fn composed(&self, compose: impl Fn(i64) -> (String, Keyboard) + Send + Sync + 'static) -> Composed {
        let template = self.answer(Body::Text { html: String::new() }, Keyboard::default());
        Arc::new(move |number| {
            let (html, buttons) = compose(number);
            let mut parcel = Parcel { key: format!("held:{number}"), ..template.clone() };
            if let Act::Send { body, keyboard, .. } = &mut parcel.act {
                *body = Body::Text { html };
                *keyboard = Some(buttons);
            }
            parcel
        })
    }

    /// Has something made of an album that arrives picture by picture; `asked` has this one, `file` is this one.
    pub fn order_album(&self, album: &str, file: FileRef, asked: Asked) {
        let order = NewOrder { delay: ALBUM, ..self.new_order(self.album_key(album), asked, false) };
        self.effects().growth = Some(Growth { file, first: order, composed: None });
    }

    /// As [`Self::order_album`], once its owner agrees to what `compose` asks.
    pub fn hold_album(
        &self,
        album: &str,
        file: FileRef,
        asked: Asked,
        compose: impl Fn(i64) -> (String, Keyboard) + Send + Sync + 'static,
    ) {
        let order = self.new_order(self.album_key(album), asked, true);
        let composed = Some(self.composed(compose));
        self.effects().growth = Some(Growth { file, first: order, composed });
    }

    fn album_key(&self, album: &str) -> String {
        format!("album:{}:{album}", self.origin.place.chat)
    }

    /// The owner of an order agrees to it.
    pub fn agree(&self, number: i64) {
        self.effects().agreed.push(number);
    }

    /// An order comes to nothing.
    pub fn conclude(&self, number: i64, outcome: Outcome) {
        self.effects().concluded.push((number, outcome));
    }

    /// A parcel of which nobody knows whether it arrived is sent again.
    pub fn resend(&self, parcel: i64) {
        self.effects().resent.push(parcel);
    }
}
