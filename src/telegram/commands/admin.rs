//! What administrators look at and switch: the day, the line, the providers, the pause.

use super::super::modes::Done;
use super::super::orders::Order;
use super::super::switches::PAUSED;
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::words::{money, time};
use crate::intake::State;
use crate::media::providers::ProviderView;
use crate::media::{Owner, calendar};
use std::time::Duration;

/// Jobs of the line that are looked through, and shown.
const LOOKED: u32 = 500;
const SHOWN: usize = 15;

/// `/stats`.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn stats(turn: &Turn) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let midnight =
        door.db.now() + i64::try_from(calendar::until_midnight(door.db.now())).unwrap_or(0) * 1000 - 86_400_000;
    let day = door.orders.counted(midnight).await?;
    let people = door.people.counted(midnight).await?;
    let charged = money::roubles(lang, door.accounts.charged_today().await?);
    let vitals = (door.health)().await;
    let today = lang.html(
        "stats",
        args! {
            "jobs" => day.all, "done" => day.done, "failed" => day.failed, "cancelled" => day.cancelled,
            "people" => people.seen, "new" => people.new, "charged" => charged,
            "local" => vitals.answered_local, "remote" => vitals.answered_remote,
        },
    );
    let all = lang.html("stats-all", args! { "people" => people.all, "blocked" => people.blocked });
    turn.say(format!("{today}\n\n{all}"));
    Ok(())
}

/// `/queue`.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn queue(turn: &Turn) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let jobs = door.intake.list(&Owner::local(), None, LOOKED).await?;
    let open: Vec<_> = jobs.into_iter().filter(|job| !job.state.is_final()).collect();
    if open.is_empty() {
        turn.say(lang.html("queue-empty", args! {}));
        return Ok(());
    }
    let running = open.iter().filter(|job| matches!(job.state, State::Running { .. })).count();
    let mut text = lang.html("queue", args! { "queued" => open.len() - running, "running" => running });
    for job in open.iter().take(SHOWN) {
        let order: Option<Order> = door.orders.of_job(job.id).await?;
        let who = order.as_ref().map_or_else(|| job.owner.clone(), |order| order.person.to_string());
        let number = order.map_or_else(|| job.id.to_string(), |order| order.number.to_string());
        let task = lang.plain(&format!("name-task-{}", job.task.replace('.', "-")), args! {});
        let state = lang.plain(&format!("name-state-{}", job.state.word()), args! {});
        let line = args! { "job" => number, "task" => task, "state" => state, "who" => who };
        text = format!("{text}\n{}", lang.html("queue-line", line));
    }
    if open.len() > SHOWN {
        text = format!("{text}\n{}", lang.html("queue-more", args! { "more" => open.len() - SHOWN }));
    }
    turn.say(text);
    Ok(())
}

/// `/providers`.
///
/// # Errors
/// None; of the form of the others.
pub fn providers(turn: &Turn) -> Done {
    let lang = turn.lang();
    let all = turn.door.providers.standings();
    let asked: Vec<&ProviderView> = all.iter().filter(|view| !view.keyed || !view.keys.is_empty()).collect();
    if asked.is_empty() {
        turn.say(lang.html("providers-none", args! {}));
        return Ok(());
    }
    let lines = asked.iter().map(|view| {
        let count = |state: &str| view.keys.iter().filter(|key| key.state == state).count();
        let keys = if view.keyed {
            let (ready, resting, retired) = (count("ready"), count("resting"), count("retired"));
            lang.plain("name-keys", args! { "ready" => ready, "resting" => resting, "retired" => retired })
        } else {
            lang.plain("name-no-keys", args! {})
        };
        let dead = view.keyed && count("ready") == 0;
        let mark = if dead {
            "🔴"
        } else if view.breaker.state == "open" {
            "🟡"
        } else {
            "🟢"
        };
        match view.breaker.rests_s {
            Some(rests) => {
                let rests = time::exact(lang, Duration::from_secs(rests));
                let args = args! { "mark" => mark, "title" => &view.title, "keys" => keys, "rests" => rests };
                lang.html("provider-line-rests", args)
            }
            None => lang.html("provider-line", args! { "mark" => mark, "title" => &view.title, "keys" => keys }),
        }
    });
    let lines: Vec<String> = lines.collect();
    turn.say(format!("{}\n{}", lang.html("providers", args! {}), lines.join("\n")));
    Ok(())
}

/// `/pause` and `/resume`.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn pause(turn: &Turn, pause: bool) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let paused = door.switches.get(PAUSED).await?.is_some();
    let key = match (pause, paused) {
        (true, true) => "pause-already",
        (true, false) => "pause-done",
        (false, true) => "resume-done",
        (false, false) => "resume-already",
    };
    let by = turn.person().id.to_string();
    door.db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            if pause {
                door.switches.on(&mut tx, PAUSED, &by).await?;
            } else {
                door.switches.off(&mut tx, PAUSED).await?;
            }
            tx.commit().await
        })
        .await?;
    turn.say(lang.html(key, args! {}));
    Ok(())
}
