//! How a job gets on, told in one message that is edited sparingly and deleted at the end. All of it may be lost. It
//! must not know how a job ends.

use super::door::Door;
use super::keyboard::Keyboard;
use super::modes;
use super::orders::Order;
use super::parcel::{Act, Body, Parcel, Target, Urgency};
use super::texts::args;
use super::wire::Busy;
use super::words::{keyboards, time};
use crate::intake::State;
use crate::values;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A job that is over sooner is not spoken of.
const FIRST: Duration = Duration::from_secs(2);
/// Least time between two edits, and after [`MANY`] of them.
const APART: Duration = Duration::from_secs(4);
const FAR_APART: Duration = Duration::from_secs(20);
/// After so many edits a job is a long one.
const MANY: u32 = 10;
/// Places in the line that are told; in between nobody counts.
const TOLD: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 23, 30, 40];

/// The message of one order.
pub struct Status {
    door: Arc<Door>,
    order: Order,
    since: Instant,
    running_since: Option<(Instant, u32)>,
    shown: Option<String>,
    edited: Instant,
    edits: u32,
    /// "Draws…" at the top of the chat, as long as this lives.
    _busy: Busy,
}

impl Status {
    /// Nothing is shown yet but that the bot is busy.
    #[must_use]
    pub fn of(door: &Arc<Door>, order: &Order) -> Self {
        let busy = door.bots.chat_action(order.place, modes::of(order.asked.mode).action());
        let now = Instant::now();
        Self {
            door: Arc::clone(door),
            order: order.clone(),
            since: now,
            running_since: None,
            shown: None,
            edited: now,
            edits: 0,
            _busy: busy,
        }
    }

    /// The name of the message of an order.
    #[must_use]
    pub fn slot(number: i64) -> String {
        format!("status:{number}")
    }

    /// The key of its first form.
    fn first_key(number: i64) -> String {
        format!("status:{number}:new")
    }

    /// Whether there is a message, also one of an earlier run of the server.
    pub async fn shown(&self) -> bool {
        if self.shown.is_some() {
            return true;
        }
        let sql = "SELECT id FROM telegram_outbox WHERE key = $1 AND state IN ('waiting', 'sending', 'sent')";
        matches!(self.door.db.row(sql, values![Self::first_key(self.order.number)]).await, Ok(Some(_)))
    }

    /// Tells where the job stands, if it is time to.
    pub async fn show(&mut self, state: &State) {
        let Some(text) = self.text(state) else { return };
        if self.shown.as_ref() == Some(&text) || !self.due() {
            return;
        }
        let parcel = self.parcel(&text, state);
        if let Err(error) = self.door.send(&[parcel]).await {
            tracing::debug!(%error, "a status could not be written down");
            return;
        }
        self.edits += u32::from(self.shown.is_some());
        self.shown = Some(text);
        self.edited = Instant::now();
    }

    fn due(&self) -> bool {
        if self.shown.is_none() {
            return self.since.elapsed() >= FIRST;
        }
        let apart = if self.edits < MANY { APART } else { FAR_APART };
        self.edited.elapsed() >= apart
    }

    /// What is told; `None`: what was told holds.
    fn text(&mut self, state: &State) -> Option<String> {
        let (lang, number) = (self.order.lang, self.order.number);
        match *state {
            State::Queued { position, eta_s } => {
                if self.shown.is_some() && !TOLD.contains(&position) {
                    return None;
                }
                Some(queued(lang, number, position.max(1), eta_s))
            }
            State::Running { step, of } => {
                let since = *self.running_since.get_or_insert((Instant::now(), step));
                // In a group nobody watches the steps of somebody else's picture.
                let (step, of) = if self.order.asked.in_group { (0, 0) } else { (step, of) };
                Some(self.running(step, of, since))
            }
            State::Done(_) | State::Failed(_) | State::Cancelled => None,
        }
    }

    fn running(&self, step: u32, of: u32, (since, first): (Instant, u32)) -> String {
        let mode = self.order.asked.mode;
        let (lang, doing) = (self.order.lang, mode.doing(self.order.lang));
        if of == 0 {
            let model = self.order.asked.request.get("model").and_then(|model| model.as_str());
            return match model.filter(|_| !self.order.asked.in_group) {
                Some(model) => lang.html("loading", args! { "model" => self.door.title_of(model) }),
                None => lang.html("running", args! { "doing" => doing }),
            };
        }
        let percent = i64::from(step.min(of)) * 100 / i64::from(of);
        let done = step.saturating_sub(first);
        let left = (done > 0).then(|| since.elapsed() * (of - step.min(of)) / done);
        let eta = left.filter(|left| left.as_secs() > 0).map(|left| time::about(lang, left));
        // The work of some modes has no steps that mean anything to people.
        match (modes::of(mode).has_steps(), eta) {
            (true, Some(eta)) => lang.html(
                "running-steps-eta",
                args! { "doing" => doing, "step" => step, "of" => of, "percent" => percent, "eta" => eta },
            ),
            (true, None) => {
                lang.html("running-steps", args! { "doing" => doing, "step" => step, "of" => of, "percent" => percent })
            }
            (false, Some(eta)) => {
                lang.html("running-percent-eta", args! { "doing" => doing, "percent" => percent, "eta" => eta })
            }
            (false, None) => lang.html("running-percent", args! { "doing" => doing, "percent" => percent }),
        }
    }

    fn parcel(&self, html: &str, state: &State) -> Parcel {
        let Order { number, place, message, lang, .. } = self.order;
        let keyboard = match state {
            State::Queued { .. } | State::Running { .. } => keyboards::status(lang, number),
            _ => Keyboard::default(),
        };
        let slot = Self::slot(number);
        let (key, act) = if self.shown.is_some() {
            let act = Act::Edit { target: Target::Slot(slot.clone()), html: html.to_owned(), keyboard: Some(keyboard) };
            (slot, act)
        } else {
            let body = Body::Text { html: html.to_owned() };
            let act = Act::Send { body, reply_to: message, keyboard: Some(keyboard), slot: Some(slot), ask: None };
            (Self::first_key(number), act)
        };
        Parcel { key, place, urgency: Urgency::Status, act, job: None }
    }
}

/// How a waiting job is told of.
#[must_use]
pub fn queued(lang: super::texts::Lang, number: i64, position: u32, eta_s: Option<u64>) -> String {
    match eta_s {
        Some(eta) => {
            let eta = time::about(lang, Duration::from_secs(eta));
            lang.html("queued-eta", args! { "job" => number, "position" => position, "eta" => eta })
        }
        None => lang.html("queued", args! { "job" => number, "position" => position }),
    }
}
