//! Who handles what: the tree of handlers, and the way of one update through it. Handlers only look, write down and
//! answer; nothing is made in them.

use super::commands::{self, start};
use super::door::Door;
use super::incoming::{self, Command, Incoming};
use super::modes::Done;
use super::parcel::{Parcel, Place};
use super::people::Sender;
use super::texts::{Lang, args};
use super::turn::{Origin, Turn};
use super::words::tap::Tap;
use super::words::trigger;
use super::{taps, wire, written};
use crate::db::{DbError, Passing};
use crate::media::Failure;
use dptree::di::DependencyMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use teloxide::dptree;
use teloxide::types::{CallbackQuery, ChatMemberKind, ChatMemberUpdated, Message, Update, UpdateKind, User};

/// What came.
#[derive(Debug, Clone)]
enum Input {
    /// A message.
    Written(Box<Incoming>),
    /// A pressed button: what it told, and whose message its own answers.
    Pressed { data: String, asker: Option<i64> },
    /// The bot was added, removed, blocked or let in again.
    Member { here: bool, was_here: bool },
}

type Branch = dptree::Handler<'static, Done>;

static TREE: LazyLock<Branch> = LazyLock::new(tree);

/// The tree. It is checked when it is built: a handler that wants what nobody gives panics, in a test.
fn tree() -> Branch {
    dptree::entry()
        .branch(dptree::filter_map(pressed).endpoint(press))
        .branch(dptree::filter_map(member).endpoint(membership))
        .branch(
            dptree::filter_map(message)
                .branch(dptree::filter_map(command).endpoint(follow_command))
                .branch(dptree::filter_map(addressed).endpoint(take)),
        )
}

/// What a button told.
#[derive(Debug, Clone)]
struct Pressed {
    data: String,
    asker: Option<i64>,
}

/// The words that are for the bot.
#[derive(Debug, Clone)]
struct Words(String);

/// Whether the bot is in the chat, and was.
#[derive(Debug, Clone, Copy)]
struct Membership {
    here: bool,
    was_here: bool,
}

fn pressed(input: Input) -> Option<Pressed> {
    match input {
        Input::Pressed { data, asker } => Some(Pressed { data, asker }),
        _ => None,
    }
}

fn member(input: Input) -> Option<Membership> {
    match input {
        Input::Member { here, was_here } => Some(Membership { here, was_here }),
        _ => None,
    }
}

fn message(input: Input) -> Option<Arc<Incoming>> {
    match input {
        Input::Written(incoming) => Some(Arc::from(incoming)),
        _ => None,
    }
}

fn command(turn: Arc<Turn>, message: Arc<Incoming>) -> Option<Command> {
    incoming::command(&message.words, &turn.door.identity.username)
}

/// The words of a message that is for the bot: in a private chat every one, in a group one that answers it, names it or
/// begins with a word that calls it.
fn addressed(turn: Arc<Turn>, message: Arc<Incoming>) -> Option<Words> {
    if turn.origin.private {
        return Some(Words(message.words.clone()));
    }
    in_group(&message, &turn.door.settings.triggers).map(Words)
}

/// The words that are for the bot in a group.
fn in_group(message: &Incoming, triggers: &[String]) -> Option<String> {
    // A command that is none of ours is another bot's.
    if message.words.starts_with('/') {
        return None;
    }
    // Who names the bot or answers it may begin with a calling word all the same.
    let uncalled = |words: String| Some(trigger::called(&words, triggers).unwrap_or(words));
    if !message.mentions.is_empty() {
        return uncalled(trigger::without_mentions(&message.words, &message.mentions));
    }
    if message.to_bot {
        return uncalled(message.words.clone());
    }
    trigger::called(&message.words, triggers)
}

async fn press(turn: Arc<Turn>, pressed: Pressed) -> Done {
    let lang = turn.lang();
    let Ok(tap) = Tap::decode(&pressed.data) else {
        turn.toast(lang.plain("toast-old", args! {}));
        return Ok(());
    };
    // A button that belongs to no job belongs to whom its message answers.
    if !turn.origin.private && pressed.asker.is_some_and(|asker| asker != turn.person().id) {
        turn.toast(lang.plain("toast-foreign", args! {}));
        return Ok(());
    }
    taps::route(&turn, tap).await
}

async fn membership(turn: Arc<Turn>, member: Membership) -> Done {
    if turn.origin.private {
        turn.reachable(member.here);
    } else if member.here && !member.was_here {
        return start::start(&turn, "").await;
    }
    Ok(())
}

async fn follow_command(turn: Arc<Turn>, command: Command, message: Arc<Incoming>) -> Done {
    commands::route(&turn, &command, &message).await
}

async fn take(turn: Arc<Turn>, message: Arc<Incoming>, words: Words) -> Done {
    written::take(&turn, &message, &words.0).await
}

/// Handles one update: what comes of it is written down together with the mark that it was handled.
///
/// # Errors
/// [`Failure::Unavailable`] when that could not be written down: then the update is handled again.
pub async fn handle(door: Arc<Door>, id: i64, update: Update) -> Result<(), Failure> {
    let Some((origin, sender, input, callback)) = read(&door, id, &update) else {
        return Ok(dismiss(&door, id, unnamed(&door, id, &update)).await?);
    };
    let sender = Sender { id: sender.0, name: &sender.1, username: sender.2.as_deref(), language: sender.3.as_deref() };
    let person = door.people.meet(sender).await?;
    if person.banned {
        return Ok(dismiss(&door, id, None).await?);
    }
    let turn = Arc::new(Turn::begin(Arc::clone(&door), origin, person).await?);
    let deps: DependencyMap = dptree::deps![Arc::clone(&turn), input];
    let handled = match TREE.dispatch(deps).await {
        ControlFlow::Break(handled) => handled,
        // Nobody is concerned.
        ControlFlow::Continue(_) => Ok(()),
    };
    if let Err(failure) = handled {
        if failure.passes() {
            return Err(failure);
        }
        tracing::error!(update = id, %failure, "an update could not be handled");
        turn.failed(&failure);
    }
    if let Some(callback) = callback {
        let toast = turn.toasted();
        let (text, alert) = toast.as_ref().map_or((None, false), |(text, alert)| (Some(text.as_str()), *alert));
        door.bots.answer_tap(&callback, text, alert).await;
    }
    Ok(turn.commit().await?)
}

/// Handled, with no more than an answer.
async fn dismiss(door: &Door, id: i64, answer: Option<Parcel>) -> Result<(), DbError> {
    door.db
        .retrying(|| async {
            let mut tx = door.db.begin().await?;
            if let Some(answer) = &answer {
                door.outbox.put(&mut tx, answer).await?;
            }
            wire::updates::handled(&mut tx, id).await?;
            tx.commit().await
        })
        .await
}

/// What is told to somebody who calls the bot from behind a group or a channel. Nobody knows their language.
fn unnamed(door: &Door, id: i64, update: &Update) -> Option<Parcel> {
    let UpdateKind::Message(message) = &update.kind else { return None };
    if !incoming::hidden(message) {
        return None;
    }
    let incoming = incoming::read(message, &door.identity.username, door.identity.id);
    let commanded = incoming::command(&incoming.words, &door.identity.username)
        .is_some_and(|command| commands::GROUP.iter().any(|(name, _)| *name == command.name));
    if !commanded && in_group(&incoming, &door.settings.triggers).is_none() {
        return None;
    }
    let place = Place { chat: message.chat.id.0, topic: topic(message) };
    let html = Lang::of(None).html("anonymous", args! {});
    Some(Parcel::text(format!("u{id}:0"), place, html).replying_to(message.id.0))
}

/// Number, name, unique name and language of the one who wrote.
type Who = (i64, String, Option<String>, Option<String>);

/// Where an update came from, who wrote it, what it is, and the press that wants an answer. `None` for what concerns
/// nobody.
fn read(door: &Door, id: i64, update: &Update) -> Option<(Origin, Who, Input, Option<String>)> {
    match &update.kind {
        UpdateKind::Message(message) => {
            if incoming::anonymous(message) {
                return None;
            }
            let incoming = incoming::read(message, &door.identity.username, door.identity.id);
            let from = message.from.as_ref()?;
            let origin = Origin { sent_at: Some(incoming.sent_at), ..origin_of(id, message, from) };
            Some((origin, who(from)?, Input::Written(Box::new(incoming)), None))
        }
        UpdateKind::CallbackQuery(query) => press_of(id, query),
        UpdateKind::MyChatMember(change) => membership_of(id, change),
        _ => None,
    }
}

fn press_of(id: i64, query: &CallbackQuery) -> Option<(Origin, Who, Input, Option<String>)> {
    let message = query.message.as_ref()?;
    let chat = message.chat();
    let regular = message.regular_message();
    let origin = Origin {
        update: id,
        place: Place { chat: chat.id.0, topic: regular.and_then(topic) },
        private: chat.is_private(),
        message: Some(message.id().0),
        sent_at: None,
        username: query.from.username.clone(),
    };
    let asker = regular.and_then(|message| message.reply_to_message()).and_then(|asked| asked.from.as_ref());
    let asker = asker.and_then(|from| i64::try_from(from.id.0).ok());
    let data = query.data.clone().unwrap_or_default();
    Some((origin, who(&query.from)?, Input::Pressed { data, asker }, Some(query.id.0.clone())))
}

fn membership_of(id: i64, change: &ChatMemberUpdated) -> Option<(Origin, Who, Input, Option<String>)> {
    let here = |kind: &ChatMemberKind| !matches!(kind, ChatMemberKind::Left | ChatMemberKind::Banned(_));
    let origin = Origin {
        update: id,
        place: Place { chat: change.chat.id.0, topic: None },
        private: change.chat.is_private(),
        message: None,
        sent_at: None,
        username: change.from.username.clone(),
    };
    let (here, was_here) = (here(&change.new_chat_member.kind), here(&change.old_chat_member.kind));
    Some((origin, who(&change.from)?, Input::Member { here, was_here }, None))
}

fn origin_of(id: i64, message: &Message, from: &User) -> Origin {
    Origin {
        update: id,
        place: Place { chat: message.chat.id.0, topic: topic(message) },
        private: message.chat.is_private(),
        message: Some(message.id.0),
        sent_at: None,
        username: from.username.clone(),
    }
}

/// The topic of a forum; what Telegram calls a thread elsewhere is only a row of answers.
fn topic(message: &Message) -> Option<i32> {
    message.thread_id.filter(|_| message.is_topic_message).map(|thread| thread.0.0)
}

fn who(user: &User) -> Option<Who> {
    let id = i64::try_from(user.id.0).ok()?;
    Some((id, user.full_name(), user.username.clone(), user.language_code.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handler_gets_what_it_wants() {
        let tree = tree();
        assert!(!format!("{:?}", tree.sig()).is_empty());
        LazyLock::force(&TREE);
    }
}
