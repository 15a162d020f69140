//! What administrators are told without having asked: an engine that dies, providers without a working key, a disk that
//! fills up, and what people complain of. It must not know how any of these is mended.

use super::door::{Door, Vitals};
use super::orders::Order;
use super::parcel::{Act, Body, Parcel, Place, Urgency};
use super::texts::{Lang, args};
use super::turn::Turn;
use super::words::cut;
use super::words::time::size_of;
use crate::db::DbError;
use crate::media::Failure;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(30);
/// Less than this on the disk, in bytes, is told.
const LITTLE_DISK: u64 = 2_000_000_000;
/// Units of a complaint's words that are shown.
const SHOWN: usize = 300;
/// What the names of switches begin with that say what was told.
const TOLD: &str = "told:";

/// Somebody finds that a picture should not be.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn complaint(turn: &Turn, order: &Order) -> Result<(), Failure> {
    let who = turn.door.name_of(turn.person().id).await?;
    let what = cut::within(&order.asked.words, SHOWN);
    for (parcel, lang) in to_admins(&turn.door, &format!("u{}", turn.origin.update)).await? {
        let args = args! { "who" => &who, "job" => order.number, "what" => &what };
        turn.put(worded(parcel, lang.html("alert-complaint", args)));
    }
    Ok(())
}

/// Somebody reports that a job failed.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn report(turn: &Turn, order: &Order) -> Result<(), Failure> {
    let who = turn.door.name_of(turn.person().id).await?;
    let mut class = String::new();
    if let Some(job) = order.job {
        let owner = order.owner(&turn.door.settings.admins);
        let view = turn.door.intake.view(job, &owner).await?;
        class = view
            .map(|view| match view.state {
                crate::intake::State::Failed(failure) => failure.class().to_owned(),
                other => other.word().to_owned(),
            })
            .unwrap_or_default();
    }
    for (parcel, lang) in to_admins(&turn.door, &format!("u{}", turn.origin.update)).await? {
        let args = args! { "who" => &who, "job" => order.number, "class" => &class };
        turn.put(worded(parcel, lang.html("alert-report", args)));
    }
    Ok(())
}

/// Looks around until `stop`, and tells what got worse.
pub async fn watch(door: Arc<Door>, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! { () = stop.cancelled() => return, _ = look.tick() => {} }
        let vitals = (door.health)().await;
        if let Err(error) = tell(&door, &vitals).await {
            tracing::warn!(%error, "administrators could not be told of trouble");
        }
    }
}

/// What is wrong now, by a name that stays the same while it is: with the texts to tell it.
fn troubles(door: &Door, vitals: &Vitals) -> BTreeMap<String, Vec<(Lang, String)>> {
    let mut troubles = BTreeMap::new();
    let mut add = |name: String, text: &dyn Fn(Lang) -> String| {
        troubles.insert(name, Lang::ALL.map(|lang| (lang, text(lang))).to_vec());
    };
    if let Some(reason) = &vitals.engine_death {
        add(format!("engine:{}", vitals.engine_deaths), &|lang| lang.html("alert-crash", args! { "reason" => reason }));
    }
    for view in door.providers.standings() {
        let works = |state: &str| state == "ready" || state == "trying" || state == "resting";
        if view.keyed && !view.keys.is_empty() && !view.keys.iter().any(|key| works(&key.state)) {
            add(format!("keys:{}", view.id), &|lang| lang.html("alert-keys", args! { "provider" => &view.title }));
        }
    }
    if let Some((free, total)) = vitals.disk
        && free < LITTLE_DISK
    {
        add("disk".to_owned(), &|lang| {
            lang.html("alert-disk", args! { "free" => size_of(lang, free), "total" => size_of(lang, total) })
        });
    }
    troubles
}

async fn tell(door: &Door, vitals: &Vitals) -> Result<(), DbError> {
    let troubles = troubles(door, vitals);
    let told = door.switches.named(TOLD).await?;
    // What is over may be told again when it comes back.
    let over: Vec<&String> = told.iter().filter(|name| !troubles.contains_key(&name[TOLD.len()..])).collect();
    let fresh: Vec<_> = troubles.iter().filter(|(name, _)| !told.contains(&format!("{TOLD}{name}"))).collect();
    if over.is_empty() && fresh.is_empty() {
        return Ok(());
    }
    let now = door.db.now();
    let mut parcels = Vec::new();
    for (name, texts) in &fresh {
        tracing::warn!(trouble = %name, "administrators are told of trouble");
        for (parcel, lang) in to_admins(door, &format!("alert:{name}:{now}")).await? {
            let text = texts.iter().find(|(known, _)| *known == lang).map(|(_, text)| text.clone()).unwrap_or_default();
            parcels.push(worded(parcel, text));
        }
    }
    let mut tx = door.db.begin().await?;
    for parcel in &parcels {
        door.outbox.put(&mut tx, parcel).await?;
    }
    for name in over {
        door.switches.off(&mut tx, name).await?;
    }
    for (name, _) in fresh {
        door.switches.on(&mut tx, &format!("{TOLD}{name}"), &now.to_string()).await?;
    }
    tx.commit().await
}

/// A parcel to each administrator, without words yet, and their language.
async fn to_admins(door: &Door, key: &str) -> Result<Vec<(Parcel, Lang)>, DbError> {
    let mut parcels = Vec::new();
    for admin in &door.settings.admins {
        let lang = door.people.find(*admin).await?.map_or(Lang::Ru, |person| person.lang);
        let place = Place { chat: *admin, topic: None };
        parcels.push((Parcel::text(format!("{key}:to:{admin}"), place, ""), lang));
    }
    Ok(parcels)
}

fn worded(parcel: Parcel, html: String) -> Parcel {
    let act = Act::Send { body: Body::Text { html }, reply_to: None, keyboard: None, slot: None, ask: None };
    Parcel { act, urgency: Urgency::Answer, ..parcel }
}
