//! What pressed buttons do. Whose button it is, is checked first: what belongs to a job belongs to the one who asked for
//! it. It must not know how answers are made.

mod made;

use super::commands::{account, broadcast, history, people, settings, start};
use super::modes::{self, Done};
use super::offer;
use super::orders::{Order, Outcome};
use super::session::Step;
use super::texts::args;
use super::turn::Turn;
use super::words::keyboards;
use super::words::tap::{Desk, Matter, Tap};

/// Does what a button tells.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn route(turn: &Turn, tap: Tap) -> Done {
    match tap {
        Tap::Nothing => Ok(()),
        Tap::Menu => start::menu(turn).await,
        Tap::Info => {
            turn.go(Step::Idle);
            start::help(turn)
        }
        Tap::Mode(mode) => modes::open(turn, mode).await,
        Tap::Profile => account::page(turn).await,
        Tap::Rules => {
            turn.say(turn.lang().html("rules", args! {}));
            Ok(())
        }
        Tap::History(page) => history::page(turn, page).await,
        Tap::Skip => skip(turn).await,
        Tap::Fix(_) => {
            let lang = turn.lang();
            turn.ask(lang.html("create-ask", args! {}), lang.plain("ask-fix", args! {}));
            Ok(())
        }
        Tap::Resend(parcel) => {
            turn.resend(parcel);
            turn.toast(turn.lang().plain("toast-sending", args! {}));
            turn.delete();
            Ok(())
        }
        Tap::Confirm(matter, number) => confirmed(turn, matter, number).await,
        Tap::Refuse(..) => {
            turn.go(Step::Idle);
            turn.edit(turn.lang().html("refused", args! {}), Default::default());
            Ok(())
        }
        choice if is_choice(&choice) => choose(turn, choice).await,
        about_order => match number_of(&about_order) {
            Some(number) => with_order(turn, number, about_order).await,
            None => Ok(()),
        },
    }
}

fn is_choice(tap: &Tap) -> bool {
    matches!(
        tap,
        Tap::Desk(_)
            | Tap::Settings
            | Tap::Format(..)
            | Tap::Models(..)
            | Tap::Model(..)
            | Tap::Styles(_)
            | Tap::Style(..)
            | Tap::Language(_)
            | Tap::AsFile(_)
    )
}

/// What is chosen for good.
async fn choose(turn: &Turn, tap: Tap) -> Done {
    match tap {
        Tap::Desk(desk) => settings::desk(turn, desk).await,
        Tap::Format(desk, format) => {
            turn.change(|person| person.tastes.format = format);
            settings::saved(turn);
            settings::desk(turn, desk).await
        }
        Tap::Models(desk, page) => settings::models(turn, desk, page).await,
        Tap::Model(desk, key) => settings::choose_model(turn, desk, key).await,
        Tap::Styles(desk) => settings::styles(turn, desk),
        Tap::Style(desk, style) => settings::choose_style(turn, desk, style).await,
        Tap::Language(lang) => settings::choose_language(turn, lang),
        Tap::AsFile(yes) => {
            turn.change(|person| person.tastes.as_file = yes);
            settings::desk(turn, Desk::Settings).await
        }
        _ => settings::desk(turn, Desk::Settings).await,
    }
}

async fn skip(turn: &Turn) -> Done {
    match turn.step() {
        Step::Mode { mode, .. } => modes::of(mode).skip(turn).await,
        _ => {
            turn.toast(turn.lang().plain("toast-old", args! {}));
            Ok(())
        }
    }
}

async fn confirmed(turn: &Turn, matter: Matter, number: i64) -> Done {
    match matter {
        Matter::DeleteMe if number == turn.person().id => account::delete(turn).await,
        Matter::DeleteMe => foreign(turn),
        _ if !turn.admin() => {
            turn.alert(turn.lang().plain("toast-admins-only", args! {}));
            Ok(())
        }
        Matter::AddBalance => people::confirmed(turn, number).await,
        Matter::Broadcast => broadcast::confirmed(turn, number).await,
    }
}

/// The order that a button is about.
fn number_of(tap: &Tap) -> Option<i64> {
    match tap {
        Tap::Item(number)
        | Tap::Pay(number, _)
        | Tap::Run(number)
        | Tap::Drop(number)
        | Tap::Photo(number, _)
        | Tap::Cancel(number)
        | Tap::Again(number)
        | Tap::Repeat(number)
        | Tap::Reword(number)
        | Tap::Report(number)
        | Tap::UsePrompt(number)
        | Tap::TextFile(number) => Some(*number),
        Tap::Variations(shot)
        | Tap::Variant(shot)
        | Tap::Treat(shot, _)
        | Tap::Formats(shot)
        | Tap::Reshape(shot, _)
        | Tap::File(shot)
        | Tap::More(shot)
        | Tap::Back(shot)
        | Tap::SameSeed(shot)
        | Tap::Delete(shot)
        | Tap::Complain(shot) => Some(shot.job),
        _ => None,
    }
}

fn foreign(turn: &Turn) -> Done {
    turn.toast(turn.lang().plain("toast-foreign", args! {}));
    Ok(())
}

async fn with_order(turn: &Turn, number: i64, tap: Tap) -> Done {
    let lang = turn.lang();
    let Some(order) = turn.door.orders.find(number).await? else {
        turn.toast(lang.plain("toast-old", args! {}));
        return Ok(());
    };
    if order.person != turn.person().id {
        return foreign(turn);
    }
    match tap {
        Tap::Item(_) => history::show(turn, &order).await,
        Tap::Pay(_, price) => pay(turn, &order, price).await,
        Tap::Run(_) => run_late(turn, &order).await,
        Tap::Drop(_) => {
            turn.conclude(order.number, Outcome::Declined);
            turn.edit(lang.html("refused", args! {}), Default::default());
            Ok(())
        }
        Tap::Photo(_, act) => modes::treat_sent(turn, &order, act).await,
        Tap::Cancel(_) => cancel(turn, &order).await,
        Tap::Again(_) => made::again(turn, &order).await,
        Tap::Repeat(_) => offer::offer(turn, order.asked.clone()).await,
        Tap::Reword(_) => made::reword(turn, &order, None).await,
        Tap::Report(_) => made::report(turn, &order).await,
        other => made::route(turn, &order, other).await,
    }
}

/// Its owner agrees to the price, if that is still the price.
async fn pay(turn: &Turn, order: &Order, agreed: i64) -> Done {
    let lang = turn.lang();
    if !order.held() || order.outcome.is_some() {
        turn.toast(lang.plain("toast-confirmed-already", args! {}));
        return Ok(());
    }
    let (_, overview) = turn.account().await?;
    match offer::price(&order.asked, &overview) {
        Some(now) if now.price > overview.balance => {
            turn.edit(now.unaffordable(lang, overview.resets_in_s), keyboards::quota(lang));
        }
        Some(now) if now.price > agreed => {
            turn.edit(now.worded(lang), keyboards::pay(lang, order.number, now.price));
        }
        _ => {
            turn.agree(order.number);
            turn.toast(lang.plain("toast-taken", args! {}));
            turn.delete();
        }
    }
    Ok(())
}

/// What came too late is wanted all the same: for its price, where it has one.
async fn run_late(turn: &Turn, order: &Order) -> Done {
    if !order.held() || order.outcome.is_some() {
        turn.toast(turn.lang().plain("toast-confirmed-already", args! {}));
        return Ok(());
    }
    pay(turn, order, 0).await
}

async fn cancel(turn: &Turn, order: &Order) -> Done {
    let lang = turn.lang();
    if order.outcome.is_some() {
        turn.toast(lang.plain("toast-already-over", args! {}));
        return Ok(());
    }
    turn.toast(lang.plain("toast-stopping", args! {}));
    match order.job {
        Some(job) => {
            let owner = order.owner(&turn.door.settings.admins);
            turn.door.intake.cancel(job, &owner).await?;
        }
        // Its files are still on their way: what is submitted all the same is cancelled by the one who follows it.
        None => {
            turn.conclude(order.number, Outcome::Cancelled);
            let html = format!("{} {}", lang.html("cancelled", args! {}), lang.html("nothing-charged", args! {}));
            turn.edit(html, keyboards::after_cancel(lang, order.number));
        }
    }
    Ok(())
}
