//! What was made for somebody before: pages of it, and each of it shown again.

use super::super::conclude;
use super::super::modes::Done;
use super::super::orders::{Asked, Order};
use super::super::parcel::{Parcel, Urgency};
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::words::keyboards::{self, History};
use super::super::words::{cut, time};

/// Orders on a page.
const PAGE: u32 = 5;
/// Units of a wish that are shown.
const SHOWN: usize = 60;

/// A page, from 1.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn page(turn: &Turn, page: u32) -> Done {
    let (lang, person) = (turn.lang(), turn.person().id);
    let (mut orders, all) = turn.door.orders.history(person, page.max(1) - 1, PAGE).await?;
    let (mut page, pages) = (page.max(1), all.div_ceil(PAGE).max(1));
    if orders.is_empty() && page > 1 {
        page = pages;
        orders = turn.door.orders.history(person, page - 1, PAGE).await?.0;
    }
    if orders.is_empty() {
        turn.edit(lang.html("history-empty", args! {}), keyboards::to_menu(lang));
        return Ok(());
    }
    let line = |order: &Order| {
        let words = if order.asked.words.is_empty() { order.asked.mode.label(lang) } else { order.asked.words.clone() };
        let (when, what) = (time::moment(lang, order.created_at), cut::within(&words, SHOWN));
        lang.html("history-line", args! { "job" => order.number, "when" => when, "what" => what })
    };
    let lines: Vec<String> = orders.iter().map(line).collect();
    let text = format!("{}\n\n{}", lang.html("history", args! { "page" => page, "pages" => pages }), lines.join("\n"));
    let jobs = orders.iter().map(|order| order.number).collect();
    turn.edit(text, keyboards::history(lang, &History { jobs, page, pages }));
    Ok(())
}

/// The answer of an order once more.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn show(turn: &Turn, order: &Order) -> Done {
    let lang = turn.lang();
    let Some(answer) = turn.door.answer(order).await? else {
        turn.say(lang.html("history-gone", args! { "job" => order.number }));
        return Ok(());
    };
    // Shown to the one who looks, where they look, in their language.
    let here = Order {
        place: turn.origin.place,
        message: None,
        lang,
        asked: Asked { in_group: !turn.origin.private, ..order.asked.clone() },
        ..order.clone()
    };
    for (nth, parcel) in conclude::shown_again(&turn.door, &here, &answer).await?.into_iter().enumerate() {
        let key = format!("u{}:again:{nth}", turn.origin.update);
        // It was charged, or given back, when it was made; and it comes behind what is said about it.
        turn.put(Parcel { key, job: None, urgency: Urgency::Answer, ..parcel });
    }
    Ok(())
}
