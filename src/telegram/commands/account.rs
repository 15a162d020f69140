//! What belongs to a person: level, balance, what is left; what is kept, and its deletion.

use super::super::modes::Done;
use super::super::texts::{Lang, args};
use super::super::turn::Turn;
use super::super::words::keyboards;
use super::super::words::tap::Matter;
use super::super::words::{money, time};
use crate::accounts::{Limit, Movement, Standing};
use std::time::Duration;

/// Changes of the balance that are shown.
const MOVEMENTS: u32 = 5;

/// `/balance`.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn page(turn: &Turn) -> Done {
    let (owner, overview) = turn.account().await?;
    let (lang, served) = (turn.lang(), turn.door.served());
    let level = lang.plain(&format!("name-level-{}", owner.level), args! {});
    let balance = money::roubles(lang, overview.balance);
    let mut text = lang.html("profile", args! { "name" => turn.person().name, "level" => level, "balance" => balance });
    let shown = overview.tasks.iter().filter(|standing| served.contains(&standing.task.as_str()));
    let lines: Vec<String> = shown.flat_map(|standing| terms(turn, lang, standing)).collect();
    let reset = time::exact(lang, Duration::from_secs(overview.resets_in_s));
    text = format!("{text}\n\n{}\n{}", lang.html("profile-today", args! {}), lines.join("\n"));
    if overview.tasks.iter().any(|standing| matches!(standing.limit, Limit::Daily(1..))) {
        text = format!("{text}\n{}", lang.html("profile-resets", args! { "reset" => reset }));
    }
    let movements = turn.door.accounts.history(&owner.id, MOVEMENTS).await?;
    if !movements.is_empty() {
        let lines: Vec<String> = movements.iter().map(|movement| line(lang, movement)).collect();
        text = format!("{text}\n\n{}\n{}", lang.html("profile-movements", args! {}), lines.join("\n"));
    }
    turn.edit(text, keyboards::profile(lang));
    Ok(())
}

/// The terms of a task, and those of its models that have their own.
fn terms(turn: &Turn, lang: Lang, standing: &Standing) -> Vec<String> {
    let name = lang.plain(&format!("name-task-{}", standing.task.replace('.', "-")), args! {});
    let price = money::roubles(lang, standing.price);
    let first = match (standing.limit, standing.left()) {
        (Limit::Unlimited, _) | (_, None) => {
            return vec![lang.html("profile-task-unlimited", args! { "task" => name })];
        }
        (Limit::Daily(0), _) => lang.html("profile-task-paid", args! { "task" => name, "price" => price }),
        (Limit::Daily(limit), Some(left)) => {
            lang.html("profile-task", args! { "task" => name, "left" => left, "limit" => limit, "price" => price })
        }
    };
    let ready = |model: &&String| turn.door.models.knows(model);
    let models = standing.model_prices.iter().filter(|(model, _)| ready(model)).map(|(model, price)| {
        let (model, price) = (turn.door.title_of(model), money::roubles(lang, *price));
        lang.html("profile-task-model", args! { "model" => model, "price" => price })
    });
    std::iter::once(first).chain(models).collect()
}

fn line(lang: Lang, movement: &Movement) -> String {
    let why = lang.plain(&format!("name-movement-{}", movement.kind), args! {});
    let (when, amount) = (time::moment(lang, movement.at), money::change(lang, movement.amount));
    lang.html("profile-movement", args! { "when" => when, "amount" => amount, "why" => why })
}

/// `/privacy`.
///
/// # Errors
/// None; of the form of the others.
pub fn privacy(turn: &Turn) -> Done {
    let settings = &turn.door.settings;
    let (days, hours) = (settings.retention.as_secs() / 86_400, settings.upload_retention.as_secs() / 3600);
    turn.say(turn.lang().html("privacy", args! { "days" => days, "hours" => hours }));
    Ok(())
}

/// `/delete_me`: asks first.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn ask_to_delete(turn: &Turn) -> Done {
    let (_, overview) = turn.account().await?;
    let (lang, person) = (turn.lang(), turn.person().id);
    let balance = money::roubles(lang, overview.balance);
    let text = lang.html("delete-me-confirm", args! { "balance" => balance });
    turn.say_with(text, keyboards::confirm(lang, Matter::DeleteMe, person));
    Ok(())
}

/// It was confirmed.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database or the storage does not answer.
pub async fn delete(turn: &Turn) -> Done {
    let person = turn.person().id;
    if turn.door.orders.running_of(person).await?.is_some() {
        turn.edit(turn.lang().html("delete-me-busy", args! {}), Default::default());
        return Ok(());
    }
    let (owner, _) = turn.account().await?;
    turn.door.intake.forget(&owner.id).await?;
    turn.edit(turn.lang().html("delete-me-done", args! {}), Default::default());
    turn.forget();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::task;

    #[test]
    fn every_task_has_a_name_for_people() {
        for (task, _) in task::TASKS {
            let key = format!("name-task-{}", task.replace('.', "-"));
            for lang in Lang::ALL {
                assert_ne!(lang.plain(&key, args! {}), key);
            }
        }
    }
}
