//! What administrators do with an account: money and level.

use super::super::incoming::Incoming;
use super::super::modes::Done;
use super::super::parcel::{Parcel, Place};
use super::super::people::owner;
use super::super::session::Step;
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::words::tap::Matter;
use super::super::words::{keyboards, money};
use crate::accounts::TopUp;
use crate::accounts::money::kopecks;
use crate::media::{Failure, Level, Owner};

/// Most characters of a reason.
const LONGEST_REASON: usize = 200;

/// `/add_balance [PERSON] ROUBLES [REASON]`; the person also by a reply. Asks before it does.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn add_balance(turn: &Turn, rest: &str, message: &Incoming) -> Done {
    let lang = turn.lang();
    let Some((person, rest)) = person_of(turn, rest, message, true) else {
        turn.say(lang.html("add-balance-usage", args! {}));
        return Ok(());
    };
    let (amount, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest.as_str(), ""));
    let reason: String = reason.trim().chars().take(LONGEST_REASON).collect();
    let Some(amount) = kopecks(amount.trim_end_matches(['₽', 'р', '.'])).filter(|amount| *amount != 0) else {
        turn.say(lang.html("add-balance-usage", args! {}));
        return Ok(());
    };
    let account = owner(person, &turn.door.settings.admins);
    let overview = turn.door.accounts.overview(&account).await?;
    let who = turn.door.name_of(person).await?;
    let (shown, balance) = (money::change(lang, amount), money::roubles(lang, overview.balance));
    let text = if reason.is_empty() {
        lang.html("add-balance-confirm", args! { "who" => who, "amount" => shown, "balance" => balance })
    } else {
        let args = args! { "who" => who, "amount" => shown, "reason" => &reason, "balance" => balance };
        lang.html("add-balance-confirm-reason", args)
    };
    let once = format!("telegram:{}", turn.origin.update);
    turn.go(Step::TopUp { account: person, amount, reason, once });
    turn.say_with(text, keyboards::confirm(lang, Matter::AddBalance, turn.origin.update));
    Ok(())
}

/// It was confirmed: the matter is the update that asked.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn confirmed(turn: &Turn, matter: i64) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let asked = match turn.step() {
        Step::TopUp { account, amount, reason, once } if once == format!("telegram:{matter}") => {
            (account, amount, reason, once)
        }
        _ => {
            turn.toast(lang.plain("toast-confirmed-already", args! {}));
            return Ok(());
        }
    };
    let (person, amount, reason, once) = asked;
    let account = owner(person, &door.settings.admins);
    let by = format!("tg:{}", turn.person().id);
    let why = if reason.is_empty() { by } else { format!("{reason} ({by})") };
    let top_up = TopUp { amount, reason: &why, once: &once };
    let who = door.name_of(person).await?;
    turn.go(Step::Idle);
    let done = door
        .db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            let done = door.accounts.top_up(&mut tx, &account, &top_up).await?;
            tx.commit().await?;
            Ok::<_, Failure>(done)
        })
        .await;
    match done {
        Ok(done) if done.repeated => {
            let balance = money::roubles(lang, done.balance);
            turn.edit(
                lang.html("add-balance-repeated", args! { "who" => who, "balance" => balance }),
                Default::default(),
            );
        }
        Ok(done) => {
            let (balance, shown) = (money::roubles(lang, done.balance), money::change(lang, amount));
            let args = args! { "who" => who, "balance" => balance, "amount" => shown };
            turn.edit(lang.html("add-balance-done", args), Default::default());
            tell(turn, person, amount, &reason, done.balance).await?;
        }
        Err(Failure::Invalid { .. }) => {
            let overview = door.accounts.overview(&account).await?;
            let balance = money::roubles(lang, overview.balance);
            turn.edit(lang.html("add-balance-too-low", args! { "balance" => balance }), Default::default());
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

/// Tells the one whose balance changed, in their language, if they know the bot.
async fn tell(turn: &Turn, person: i64, amount: i64, reason: &str, balance: i64) -> Result<(), Failure> {
    let Some(known) = turn.door.people.find(person).await? else {
        turn.say(turn.lang().html("add-balance-not-told", args! {}));
        return Ok(());
    };
    let lang = known.lang;
    let (shown, balance) = (money::roubles(lang, amount.abs()), money::roubles(lang, balance));
    let text = match (amount > 0, reason.is_empty()) {
        (true, true) => lang.html("balance-added", args! { "amount" => shown, "balance" => balance }),
        (true, false) => {
            lang.html("balance-added-reason", args! { "amount" => shown, "reason" => reason, "balance" => balance })
        }
        (false, true) => lang.html("balance-taken", args! { "amount" => shown, "balance" => balance }),
        (false, false) => {
            lang.html("balance-taken-reason", args! { "amount" => shown, "reason" => reason, "balance" => balance })
        }
    };
    let place = Place { chat: person, topic: None };
    turn.put(Parcel::text(format!("u{}:told", turn.origin.update), place, text));
    Ok(())
}

/// `/level [PERSON] LEVEL`; the person also by a reply.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn level(turn: &Turn, rest: &str, message: &Incoming) -> Done {
    let (door, lang) = (&turn.door, turn.lang());
    let asked = person_of(turn, rest, message, false);
    let level = asked.as_ref().and_then(|(_, word)| match word.trim() {
        "auto" => Some(None),
        word => word.parse::<Level>().ok().map(Some),
    });
    let (Some((person, _)), Some(level)) = (asked, level) else {
        turn.say(lang.html("level-usage", args! {}));
        return Ok(());
    };
    let account = owner(person, &door.settings.admins);
    door.db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            door.accounts.set_level(&mut tx, &account, level).await?;
            tx.commit().await
        })
        .await?;
    let now: Owner = door.account(person).await?.0;
    let who = door.name_of(person).await?;
    let shown = |lang: super::super::texts::Lang| lang.plain(&format!("name-level-{}", now.level), args! {});
    turn.say(lang.html("level-done", args! { "who" => who, "level" => shown(lang) }));
    if let Some(known) = door.people.find(person).await? {
        let text = known.lang.html("level-changed", args! { "level" => shown(known.lang) });
        let place = Place { chat: person, topic: None };
        turn.put(Parcel::text(format!("u{}:told", turn.origin.update), place, text));
    }
    Ok(())
}

/// Whom a command is about, and the rest of its words: who wrote the message that it answers, or the number that comes
/// first. `money`: whether an amount must follow a number.
fn person_of(turn: &Turn, rest: &str, message: &Incoming, money: bool) -> Option<(i64, String)> {
    let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let numbered = first.parse::<i64>().ok().filter(|id| *id > 0);
    if let Some(person) = numbered
        && !after.trim().is_empty()
        && after.split_whitespace().next().is_some_and(|next| !money || kopecks(next).is_some())
    {
        return Some((person, after.trim().to_owned()));
    }
    let answered = message.answered.filter(|id| *id != turn.door.identity.id)?;
    (!rest.is_empty()).then(|| (answered, rest.to_owned()))
}
