//! The end of an order: its last messages are put into the outbox in the transaction that concludes it. It must not know
//! how a mode words its answer.

use super::door::Door;
use super::keyboard::Keyboard;
use super::modes;
use super::orders::{Order, Outcome};
use super::parcel::{Act, Body, Parcel, Target, Urgency};
use super::status::Status;
use super::texts::args;
use super::words::caption::{self, Caption};
use super::words::{failure, keyboards, money};
use crate::accounts::{Bill, Limit, Overview};
use crate::db::DbError;
use crate::media::{Answer, Failure};
use std::time::Duration;

/// Most notices below words: the first are the most important.
const MOST_NOTICES: usize = 2;

/// An answered order, with everything that is told about it.
pub struct Finished<'a> {
    /// What the door knows.
    pub door: &'a Door,
    /// The order.
    pub order: &'a Order,
    /// What came of it.
    pub answer: &'a Answer,
    /// What it took of the account.
    pub bill: Option<Bill>,
    /// What is left of the account.
    pub overview: &'a Overview,
    /// How long it was worked on.
    pub took: Option<Duration>,
    /// Width and height of its pictures.
    pub sizes: Vec<(u32, u32)>,
}

impl Finished<'_> {
    /// The answer as a parcel: when it has arrived, it is charged.
    #[must_use]
    pub fn parcel(&self, body: Body, keyboard: Keyboard) -> Parcel {
        self.part(0, body, keyboard)
    }

    /// A part of the answer; the first is the answer itself.
    #[must_use]
    pub fn part(&self, nth: usize, body: Body, keyboard: Keyboard) -> Parcel {
        let Order { number, place, message, job, .. } = *self.order;
        let act = Act::Send {
            body,
            reply_to: message.filter(|_| nth == 0),
            keyboard: (!keyboard.is_empty()).then_some(keyboard),
            slot: None,
            ask: None,
        };
        let job = job.filter(|_| nth == 0);
        Parcel { key: format!("result:{number}:{nth}"), place, urgency: Urgency::Result, act, job }
    }

    /// What it cost, or what is left of the day; `None` where nothing is counted.
    #[must_use]
    pub fn bill_line(&self) -> Option<String> {
        let lang = self.order.lang;
        let bill = self.bill?;
        if bill.returned {
            return Some(lang.html("nothing-charged", args! {}));
        }
        let standing = self.overview.tasks.iter().find(|standing| standing.task == self.order.asked.task);
        let limit = match standing.map(|standing| (standing.limit, standing.used)) {
            Some((Limit::Daily(limit), used)) => Some((limit, used)),
            _ => None,
        };
        let balance = money::roubles(lang, self.overview.balance);
        let price = money::roubles(lang, bill.price);
        match (bill.price > 0, limit) {
            (true, Some((limit, used))) if bill.free > 0 => Some(lang.html(
                "caption-charged-free",
                args! { "price" => price, "balance" => balance, "used" => used, "limit" => limit },
            )),
            (true, _) => Some(lang.html("caption-charged", args! { "price" => price, "balance" => balance })),
            (false, Some((limit, used))) => Some(lang.html("caption-free", args! { "used" => used, "limit" => limit })),
            (false, None) => None,
        }
    }

    /// Words with what they cost and what is to be known of them below: HTML.
    #[must_use]
    pub fn with_bill(&self, html: String) -> String {
        let lines = self.bill_line().into_iter().chain(self.answered_by()).chain(self.notices().take(MOST_NOTICES));
        lines.fold(html, |html, line| format!("{html}\n<i>{line}</i>"))
    }

    /// What the answer says about itself: HTML.
    fn notices(&self) -> impl Iterator<Item = String> {
        self.answer.notices.iter().filter_map(|notice| caption::notice(self.order.lang, notice))
    }

    /// Who answered, where that was not this server.
    fn answered_by(&self) -> Option<String> {
        let from = &self.answer.provenance;
        let title = self.door.provider_title(&from.provider);
        caption::answered_by(self.order.lang, &from.provider, &title, from.fallback_reason.as_deref())
    }

    /// What stands under a picture: HTML within Telegram's limit.
    #[must_use]
    pub fn caption(&self, nth: usize, more: Option<String>) -> String {
        let lang = self.order.lang;
        let (width, height) = self.sizes.get(nth).copied().unwrap_or_default();
        let lines = self.order.asked.notes.iter().cloned().chain(self.notices()).chain(more).collect();
        Caption {
            lang,
            prompt: &self.order.asked.words,
            model: &self.door.title_of(&self.answer.provenance.model),
            size: (width, height),
            seed: self.answer.files.get(nth).and_then(|kept| kept.seed),
            took: self.took,
            bill: self.bill_line(),
            answered_by: self.answered_by(),
            lines,
        }
        .html()
    }
}

/// What is sent of an answer once more.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn shown_again(door: &Door, order: &Order, answer: &Answer) -> Result<Vec<Parcel>, Failure> {
    let (owner, overview) = door.account(order.person).await?;
    let (mut bill, mut took) = (None, None);
    if let Some(job) = order.job {
        bill = door.accounts.bill(job).await?;
        let view = door.intake.view(job, &owner).await?;
        took = view.and_then(|view| view.finished?.duration_since(view.started?).ok());
    }
    let mut sizes = Vec::new();
    for kept in &answer.files {
        let meta = door.storage.meta(kept.asset).await?;
        let side = |name: &str| {
            let side = meta.as_ref().and_then(|meta| meta.metadata.get(name)?.as_u64());
            side.and_then(|side| u32::try_from(side).ok()).unwrap_or_default()
        };
        sizes.push((side("width"), side("height")));
    }
    let finished = Finished { door, order, answer, bill, overview: &overview, took, sizes };
    Ok(modes::of(order.asked.mode).present(&finished))
}

/// The order was answered.
///
/// # Errors
/// [`Failure::Unavailable`] when it could not be concluded.
pub async fn done(door: &Door, order: &Order, answer: &Answer, status: &Status) -> Result<(), Failure> {
    let mut parcels = shown_again(door, order, answer).await?;
    if parcels.is_empty() {
        let failure = Failure::internal("the answer is empty");
        return Ok(failed(door, order.number, &failure).await?);
    }
    if status.shown().await {
        parcels.push(gone(order));
    }
    Ok(settle(door, order, Outcome::Done, &parcels).await?)
}

/// Nothing came of the order.
///
/// # Errors
/// [`DbError`] when it could not be concluded.
pub async fn failed(door: &Door, number: i64, why: &Failure) -> Result<(), DbError> {
    let Some(order) = door.orders.find(number).await? else { return Ok(()) };
    tracing::info!(order = number, job = order.job.map(|job| job.to_string()), failure = %why, "an order failed");
    let lang = order.lang;
    let sentence = failure::sentence(lang, why);
    let html = lang.html("failed", args! { "sentence" => super::texts::Html(sentence), "job" => number });
    let answer = plain(&order, html, keyboards::after_failure(lang, number, why));
    settle(door, &order, Outcome::Failed, &[answer, gone(&order)]).await
}

/// The order was cancelled.
///
/// # Errors
/// [`DbError`] when it could not be concluded.
pub async fn cancelled(door: &Door, order: &Order, status: &Status) -> Result<(), DbError> {
    let lang = order.lang;
    let html = format!("{} {}", lang.html("cancelled", args! {}), lang.html("nothing-charged", args! {}));
    let keyboard = keyboards::after_cancel(lang, order.number);
    let parcel = if status.shown().await {
        let target = Target::Slot(Status::slot(order.number));
        let act = Act::Edit { target, html, keyboard: Some(keyboard) };
        let key = format!("status:{}:end", order.number);
        Parcel { key, place: order.place, urgency: Urgency::Answer, act, job: None }
    } else {
        plain(order, html, keyboard)
    };
    settle(door, order, Outcome::Cancelled, &[parcel]).await
}

fn plain(order: &Order, html: String, keyboard: Keyboard) -> Parcel {
    let keyboard = (!keyboard.is_empty()).then_some(keyboard);
    let body = Body::Text { html };
    let act = Act::Send { body, reply_to: order.message, keyboard, slot: None, ask: None };
    Parcel { key: format!("end:{}", order.number), place: order.place, urgency: Urgency::Answer, act, job: None }
}

/// Away with the status message.
fn gone(order: &Order) -> Parcel {
    let act = Act::Delete { target: Target::Slot(Status::slot(order.number)) };
    let key = format!("status:{}:gone", order.number);
    Parcel { key, place: order.place, urgency: Urgency::Answer, act, job: None }
}

async fn settle(door: &Door, order: &Order, outcome: Outcome, parcels: &[Parcel]) -> Result<(), DbError> {
    door.db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            // Concluded before: another follower, or an earlier run of this transaction, put its messages in.
            if door.orders.conclude(&mut tx, order.number, outcome).await? {
                for parcel in parcels {
                    door.outbox.put(&mut tx, parcel).await?;
                }
            }
            tx.commit().await
        })
        .await
}
