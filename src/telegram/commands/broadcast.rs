//! A message of an administrator to everybody: asked for, confirmed, then sent in small portions that survive a
//! restart.

use super::super::door::Door;
use super::super::incoming::Incoming;
use super::super::modes::Done;
use super::super::parcel::{Act, Body, Parcel, Place, Target, Urgency};
use super::super::session::Step;
use super::super::texts::{Lang, args, escaped};
use super::super::turn::Turn;
use super::super::words::tap::Matter;
use super::super::words::{cut, keyboards, time};
use crate::db::DbError;
use crate::values;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The switch that holds the one under way.
const SWITCH: &str = "broadcast";
/// People written to in one portion, and the pause after it: below what Telegram allows, with room for everybody else.
const PORTION: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);
/// Portions between two tellings of the progress.
const TOLD: u32 = 5;

/// One under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Broadcast {
    /// The update that asked for it.
    matter: i64,
    /// HTML.
    html: String,
    /// Who asked, and where they are told.
    chat: i64,
    lang: Lang,
    /// The last one written to.
    after: i64,
    sent: i64,
    of: i64,
    began_at: i64,
}

/// `/broadcast TEXT`, or as a reply to a text: asks first.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn ask(turn: &Turn, rest: &str, message: &Incoming) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let text = if rest.is_empty() { message.answered_words.clone().unwrap_or_default() } else { rest.to_owned() };
    if text.trim().is_empty() {
        turn.say(lang.html("broadcast-usage", args! {}));
        return Ok(());
    }
    if door.switches.get(SWITCH).await?.is_some() {
        turn.say(lang.html("broadcast-running", args! {}));
        return Ok(());
    }
    let people = door.people.counted(0).await?;
    let html = escaped(&cut::within(&text, cut::MESSAGE));
    turn.go(Step::Broadcast { text: html.clone(), matter: turn.origin.update });
    turn.say(html);
    let question = lang.html("broadcast-confirm", args! { "people" => people.all - people.blocked });
    turn.say_with(question, keyboards::confirm(lang, Matter::Broadcast, turn.origin.update));
    Ok(())
}

/// It was confirmed.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn confirmed(turn: &Turn, matter: i64) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let Step::Broadcast { text, matter: asked } = turn.step() else {
        turn.toast(lang.plain("toast-confirmed-already", args! {}));
        return Ok(());
    };
    if asked != matter || door.switches.get(SWITCH).await?.is_some() {
        turn.toast(lang.plain("toast-confirmed-already", args! {}));
        return Ok(());
    }
    let people = door.people.counted(0).await?;
    let (sent, of) = (0, people.all - people.blocked);
    let begun = Broadcast {
        matter,
        html: text,
        chat: turn.origin.place.chat,
        lang,
        after: 0,
        sent,
        of,
        began_at: door.db.now(),
    };
    turn.go(Step::Idle);
    keep(door, &begun, Vec::new()).await?;
    let body = Body::Text { html: lang.html("broadcast-progress", args! { "sent" => sent, "people" => of }) };
    let mut parcel = turn.answer(body, Default::default());
    if let Act::Send { slot, .. } = &mut parcel.act {
        *slot = Some(slot_of(matter));
    }
    turn.put(parcel);
    turn.delete();
    Ok(())
}

fn slot_of(matter: i64) -> String {
    format!("broadcast:{matter}")
}

/// Sends what is under way, until `stop`.
pub async fn run(door: Arc<Door>, stop: CancellationToken) {
    let mut portions = 0;
    loop {
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(PAUSE) => {} }
        match portion(&door, &mut portions).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "a message to everybody waits for the database"),
        }
    }
}

/// The next people, or the summary when there is nobody left.
async fn portion(door: &Door, portions: &mut u32) -> Result<(), DbError> {
    let Some(kept) = door.switches.get(SWITCH).await? else { return Ok(()) };
    let Ok(mut now) = serde_json::from_str::<Broadcast>(&kept) else {
        tracing::error!("a message to everybody was written by another version and is not sent on");
        return close(door, Vec::new()).await;
    };
    let people = door.people.reachable_after(now.after, PORTION).await?;
    if people.is_empty() {
        return finish(door, &now).await;
    }
    let mut parcels = Vec::new();
    for person in people {
        let key = format!("broadcast:{}:{}", now.matter, person.id);
        parcels.push(Parcel::text(key, Place { chat: person.id, topic: None }, now.html.clone()));
        (now.after, now.sent) = (person.id, now.sent + 1);
    }
    *portions += 1;
    if portions.is_multiple_of(TOLD) {
        let html = now.lang.html("broadcast-progress", args! { "sent" => now.sent, "people" => now.of });
        parcels.push(edit(&now, Urgency::Status, html));
    }
    keep(door, &now, parcels).await
}

/// Tells how it went, once the outbox is through with it.
async fn finish(door: &Door, now: &Broadcast) -> Result<(), DbError> {
    let sql = "SELECT state, COUNT(*) AS parcels FROM telegram_outbox WHERE key LIKE $1 GROUP BY state";
    let (mut sent, mut blocked, mut failed, mut open) = (0_i64, 0_i64, 0_i64, 0_i64);
    for row in door.db.rows(sql, values![format!("broadcast:{}:%", now.matter)]).await? {
        let count: i64 = row.get("parcels")?;
        match row.get::<String>("state")?.as_str() {
            "sent" => sent += count,
            "refused" => blocked += count,
            "waiting" | "sending" => open += count,
            _ => failed += count,
        }
    }
    if open > 0 {
        return Ok(());
    }
    let took = Duration::from_millis(u64::try_from(door.db.now() - now.began_at).unwrap_or(0));
    let html = now.lang.html(
        "broadcast-done",
        args! { "sent" => sent, "blocked" => blocked, "failed" => failed, "time" => time::exact(now.lang, took) },
    );
    close(door, vec![edit(now, Urgency::Answer, html)]).await
}

fn edit(now: &Broadcast, urgency: Urgency, html: String) -> Parcel {
    let slot = slot_of(now.matter);
    let act = Act::Edit { target: Target::Slot(slot.clone()), html, keyboard: None };
    Parcel { key: format!("{slot}:told"), place: Place { chat: now.chat, topic: None }, urgency, act, job: None }
}

async fn keep(door: &Door, now: &Broadcast, parcels: Vec<Parcel>) -> Result<(), DbError> {
    let kept = serde_json::to_string(now).unwrap_or_default();
    door.db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            for parcel in &parcels {
                door.outbox.put(&mut tx, parcel).await?;
            }
            door.switches.on(&mut tx, SWITCH, &kept).await?;
            tx.commit().await
        })
        .await
}

async fn close(door: &Door, parcels: Vec<Parcel>) -> Result<(), DbError> {
    door.db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            for parcel in &parcels {
                door.outbox.put(&mut tx, parcel).await?;
            }
            door.switches.off(&mut tx, SWITCH).await?;
            tx.commit().await
        })
        .await
}
