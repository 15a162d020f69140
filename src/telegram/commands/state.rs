//! How things stand: a job, and the bot itself.

use super::super::modes::Done;
use super::super::orders::{Order, Outcome};
use super::super::status;
use super::super::texts::{Html, args};
use super::super::turn::Turn;
use super::super::words::{failure, keyboards, time};
use super::history;
use crate::intake::State;
use crate::media::Owner;
use std::time::Instant;

/// `/status`, also with the number of a job.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn status(turn: &Turn, number: &str) -> Done {
    let (door, lang, person) = (&turn.door, turn.lang(), turn.person().id);
    let digits = number.trim_start_matches(['№', '#']).trim();
    let order = if digits.is_empty() {
        let running = door.orders.running_of(person).await?;
        if running.is_none() {
            turn.say(lang.html("status-none", args! {}));
            return Ok(());
        }
        running
    } else {
        let Ok(number) = digits.parse() else {
            turn.say(lang.html("status-usage", args! {}));
            return Ok(());
        };
        door.orders.find(number).await?.filter(|order| order.person == person || turn.admin())
    };
    match order {
        Some(order) => tell(turn, &order).await,
        None => {
            turn.say(lang.html("status-unknown", args! { "job" => digits }));
            Ok(())
        }
    }
}

async fn tell(turn: &Turn, order: &Order) -> Done {
    let (door, lang, number) = (&turn.door, turn.lang(), order.number);
    let state = match order.job {
        Some(job) => door.intake.view(job, &Owner::local()).await?.map(|view| view.state),
        None => None,
    };
    let text = match (order.outcome, state) {
        (Some(Outcome::Done), _) if order.person == turn.person().id => {
            turn.say(
                lang.html("status-done", args! { "job" => number, "when" => time::moment(lang, order.created_at) }),
            );
            return history::show(turn, order).await;
        }
        (Some(Outcome::Done), _) | (_, Some(State::Done(_))) => {
            lang.html("status-done", args! { "job" => number, "when" => time::moment(lang, order.created_at) })
        }
        (Some(Outcome::Cancelled | Outcome::Declined), _) | (_, Some(State::Cancelled)) => {
            lang.html("status-cancelled", args! { "job" => number })
        }
        (_, Some(State::Failed(why))) => {
            let sentence = Html(failure::sentence(lang, &why));
            lang.html("status-failed", args! { "job" => number, "sentence" => sentence })
        }
        (Some(Outcome::Failed), _) => lang.html("status-failed", args! { "job" => number, "sentence" => "" }),
        (None, Some(State::Queued { position, eta_s })) => {
            let text = status::queued(lang, number, position.max(1), eta_s);
            turn.say_with(text, keyboards::status(lang, number));
            return Ok(());
        }
        (None, _) => {
            turn.say_with(lang.html("starting", args! { "job" => number }), keyboards::status(lang, number));
            return Ok(());
        }
    };
    turn.say(text);
    Ok(())
}

/// `/ping`.
///
/// # Errors
/// None: a database that does not answer is told of.
pub async fn ping(turn: &Turn) -> Done {
    let lang = turn.lang();
    let asked = Instant::now();
    let waiting = turn.door.intake.waiting().await;
    let (bot, server) = (turn.since.elapsed().as_millis(), asked.elapsed().as_millis());
    let millis = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX);
    turn.say(match waiting {
        Ok(waiting) => {
            lang.html("ping", args! { "bot" => millis(bot), "server" => millis(server), "queue" => i64::from(waiting) })
        }
        Err(_) => lang.html("ping-down", args! { "bot" => millis(bot) }),
    });
    Ok(())
}
