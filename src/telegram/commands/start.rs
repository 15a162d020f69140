//! Where everything begins: the greeting, the menu, the help.

use super::super::modes::{Done, served};
use super::super::orders::Order;
use super::super::session::Step;
use super::super::texts::{Html, args};
use super::super::turn::Turn;
use super::super::words::keyboards;
use super::super::words::money;
use super::history;
use crate::accounts::Limit;
use crate::media::{Failure, ImageRequest, Task};

/// `/start`, also with what a link carries.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn start(turn: &Turn, payload: &str) -> Done {
    turn.go(Step::Idle);
    if !turn.origin.private {
        greet_group(turn);
        return Ok(());
    }
    if let Some(number) = payload.strip_prefix("j_").and_then(|number| number.parse().ok()) {
        let own = |order: &Order| order.person == turn.person().id;
        if let Some(order) = turn.door.orders.find(number).await?.filter(own) {
            return history::show(turn, &order).await;
        }
    }
    let (lang, left) = (turn.lang(), left(turn).await?);
    let text = lang.html("start", args! { "name" => turn.person().name, "left" => Html(left) });
    turn.say_with(text, keyboards::menu(lang, &served(&turn.door)));
    Ok(())
}

fn greet_group(turn: &Turn) {
    let lang = turn.lang();
    let mut text = lang.html("start-group", args! {});
    if let Some(word) = turn.door.settings.triggers.first() {
        let hears = turn.door.identity.can_read_all_group_messages;
        let key = if hears { "start-group-word" } else { "start-group-privacy" };
        text = format!("{text}\n{}", lang.html(key, args! { "word" => word }));
    }
    turn.say(text);
}

/// `/menu`: whatever was begun is over.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn menu(turn: &Turn) -> Done {
    turn.go(Step::Idle);
    let (lang, left) = (turn.lang(), left(turn).await?);
    turn.edit(lang.html("menu", args! { "left" => Html(left) }), keyboards::menu(lang, &served(&turn.door)));
    Ok(())
}

/// `/help`.
///
/// # Errors
/// None; of the form of the others.
pub fn help(turn: &Turn) -> Done {
    let (lang, modes) = (turn.lang(), served(&turn.door));
    let lines: Vec<String> = modes.iter().map(|mode| mode.help(lang)).collect();
    let text = lang.html("help", args! { "modes" => Html(lines.join("\n")) });
    turn.edit(text, keyboards::to_menu(lang));
    Ok(())
}

/// What is left of the day's pictures, and the balance: HTML.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn left(turn: &Turn) -> Result<String, Failure> {
    let (_, overview) = turn.account().await?;
    let lang = turn.lang();
    let balance = money::roubles(lang, overview.balance);
    let Some(standing) = overview.tasks.iter().find(|standing| standing.task == ImageRequest::NAME) else {
        return Ok(lang.html("left-unlimited", args! {}));
    };
    let price = money::roubles(lang, standing.price);
    Ok(match (standing.limit, standing.left()) {
        (Limit::Unlimited, _) | (_, None) => lang.html("left-unlimited", args! {}),
        (Limit::Daily(0), _) => lang.html("left-paid", args! { "price" => price, "balance" => balance }),
        (Limit::Daily(limit), Some(0)) => {
            lang.html("left-used-up", args! { "limit" => limit, "price" => price, "balance" => balance })
        }
        (Limit::Daily(limit), Some(left)) => {
            lang.html("left-free", args! { "left" => left, "limit" => limit, "balance" => balance })
        }
    })
}
