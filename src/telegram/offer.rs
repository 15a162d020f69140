//! Between what somebody asks and the order: whether it is taken now, what it would cost, and whether its owner must
//! agree first. It must not know what any mode does.

use super::modes::Done;
use super::orders::{Asked, FileRef};
use super::switches::PAUSED;
use super::texts::{Lang, args};
use super::turn::Turn;
use super::words::{cut, keyboards, money, time};
use crate::accounts::{Limit, Overview, Standing};
use crate::media::Request;
use std::time::Duration;

/// A message older than so many seconds is not acted on before its writer says so.
const LATE: i64 = 600;
/// The same again within so many milliseconds is a slip of the finger.
const SLIP: i64 = 5000;
/// Units of a late prompt that are shown.
const SHOWN: usize = 200;

/// What stands in the way.
enum Verdict {
    /// Nothing.
    Go,
    /// It was said why not.
    No,
    /// Its owner must agree: to the price, or because it is late.
    Ask(Question),
}

#[derive(Clone)]
enum Question {
    Price(Price),
    Late(String),
}

/// What something costs beyond what is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Kopecks.
    pub price: i64,
    units: u32,
    left: u32,
    limit: u32,
    balance: i64,
}

/// Takes what somebody asks, or says why not.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn offer(turn: &Turn, asked: Asked) -> Done {
    match verdict(turn, &asked).await? {
        Verdict::Go => turn.order(asked),
        Verdict::No => {}
        Verdict::Ask(question) => {
            let lang = turn.lang();
            turn.order_held(asked, move |number| question.worded(lang, number));
        }
    }
    Ok(())
}

/// The same of an album that arrives picture by picture; `asked` has what came so far.
///
/// # Errors
/// As [`offer`].
pub async fn offer_album(turn: &Turn, album: &str, file: FileRef, asked: Asked) -> Done {
    match verdict(turn, &asked).await? {
        Verdict::Go => turn.order_album(album, file, asked),
        Verdict::No => {}
        Verdict::Ask(question) => {
            let lang = turn.lang();
            turn.hold_album(album, file, asked, move |number| question.worded(lang, number));
        }
    }
    Ok(())
}

async fn verdict(turn: &Turn, asked: &Asked) -> Result<Verdict, crate::media::Failure> {
    let (door, lang) = (&turn.door, turn.lang());
    if !turn.admin() && door.switches.get(PAUSED).await?.is_some() {
        turn.say(lang.html("paused", args! {}));
        return Ok(Verdict::No);
    }
    let now = door.db.now();
    if let Some(sent_at) = turn.origin.sent_at {
        if now / 1000 - sent_at > LATE {
            return Ok(Verdict::Ask(Question::Late(cut::within(&asked.words, SHOWN))));
        }
        if !asked.words.is_empty() && door.orders.repeats(turn.person().id, asked, now - SLIP).await? {
            turn.say(lang.html("duplicate", args! {}));
            return Ok(Verdict::No);
        }
    }
    let (_, overview) = turn.account().await?;
    let Some(price) = price(asked, &overview) else { return Ok(Verdict::Go) };
    if price.price > overview.balance {
        turn.say_with(price.unaffordable(lang, overview.resets_in_s), keyboards::quota(lang));
        return Ok(Verdict::No);
    }
    Ok(Verdict::Ask(Question::Price(price)))
}

/// What this would cost its owner now; `None`: nothing.
#[must_use]
pub fn price(asked: &Asked, overview: &Overview) -> Option<Price> {
    let request: Request = asked.read().ok()?;
    let standing: &Standing = overview.tasks.iter().find(|standing| standing.task == asked.task)?;
    let Limit::Daily(limit) = standing.limit else { return None };
    let (units, left) = (request.units(), standing.left().unwrap_or_default());
    let model = request.choice().model.as_deref();
    let each = model.and_then(|model| standing.model_prices.get(model)).copied().unwrap_or(standing.price);
    let price = each * i64::from(units.saturating_sub(left));
    (price > 0).then_some(Price { price, units, left, limit, balance: overview.balance })
}

impl Price {
    /// The question whether it is worth it: HTML.
    #[must_use]
    pub fn worded(self, lang: Lang) -> String {
        let (price, balance) = (money::roubles(lang, self.price), money::roubles(lang, self.balance));
        if self.left > 0 {
            let (left, needed) = (self.left, self.units);
            return lang.html(
                "pay-confirm-part",
                args! { "left" => left, "needed" => needed, "price" => price, "balance" => balance },
            );
        }
        if self.limit == 0 {
            return lang.html("pay-confirm-paid", args! { "price" => price, "balance" => balance });
        }
        lang.html("pay-confirm", args! { "limit" => self.limit, "price" => price, "balance" => balance })
    }

    /// That there is not enough for it: HTML.
    #[must_use]
    pub fn unaffordable(self, lang: Lang, resets_in_s: u64) -> String {
        let reset = time::exact(lang, Duration::from_secs(resets_in_s));
        let (price, balance) = (money::roubles(lang, self.price), money::roubles(lang, self.balance));
        if self.limit == 0 {
            return lang.html("quota-paid", args! { "price" => price, "balance" => balance });
        }
        lang.html(
            "quota-over",
            args! { "limit" => self.limit, "price" => price, "balance" => balance, "reset" => reset },
        )
    }
}

impl Question {
    fn worded(&self, lang: Lang, number: i64) -> (String, super::keyboard::Keyboard) {
        match self {
            Self::Price(price) => (price.worded(lang), keyboards::pay(lang, number, price.price)),
            Self::Late(words) => {
                (lang.html("late-prompt", args! { "prompt" => words }), keyboards::late_prompt(lang, number))
            }
        }
    }
}
