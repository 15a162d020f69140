//! Methods that change a message of the bot.

use super::media;
use super::place;
use super::send::{call_caption, message_text};
use crate::telegram::files::Kind;
use crate::telegram::history::Event;
use crate::telegram::keyboard;
use crate::telegram::messages::{Author, Content, Message};
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::world::{State, World};
use serde_json::Value;

const SAME: &str = "message is not modified: specified new message content and reply markup are exactly the same as a \
                    current content and reply markup of the message";

/// What is too long in an edit is found by another part of the server, which has its own words for it.
fn told_by_the_other(refusal: Refusal) -> Refusal {
    match refusal.description.as_str() {
        "Bad Request: message is too long" => Refusal::bad("MESSAGE_TOO_LONG"),
        "Bad Request: message caption is too long" => Refusal::bad("MEDIA_CAPTION_TOO_LONG"),
        _ => refusal,
    }
}

/// `editMessageText`.
pub fn text(world: &World, request: &Request) -> Result<Value, Refusal> {
    let words = message_text(request).map_err(told_by_the_other)?;
    world.change(|state| {
        let mut message = found(state, request)?;
        if message.content != Content::Text {
            return Err(Refusal::bad("There is no text in the message to edit"));
        }
        message.words = words;
        changed(state, request, message)
    })
}

/// `editMessageCaption`.
pub fn caption(world: &World, request: &Request) -> Result<Value, Refusal> {
    let words = call_caption(request).map_err(told_by_the_other)?;
    world.change(|state| {
        let mut message = found(state, request)?;
        let has_caption = message.kind().is_some_and(|kind| !matches!(kind, Kind::VideoNote | Kind::Sticker));
        if !has_caption {
            return Err(Refusal::bad("There is no caption in the message to edit"));
        }
        message.words = words;
        changed(state, request, message)
    })
}

/// `editMessageMedia`: also turns a text into a file.
pub fn media(world: &World, request: &Request) -> Result<Value, Refusal> {
    let item = request.json("media", "input media")?;
    if item.is_null() {
        return Err(Refusal::bad("parameter \"media\" is required"));
    }
    let (ready, words) = media::of_item(world, request, &item, false)?;
    world.change(|state| {
        let mut message = found(state, request)?;
        let fixed = [Some(Kind::Voice), Some(Kind::VideoNote), Some(Kind::Sticker)];
        if fixed.contains(&message.kind()) || matches!(message.content, Content::Service(_)) {
            return Err(Refusal::bad("Message media can't be edited"));
        }
        let media = ready.keep(state)?;
        let seen = |kind: Option<Kind>| matches!(kind, Some(Kind::Photo | Kind::Video));
        let stays = message.kind() == Some(media.kind) || (seen(message.kind()) && seen(Some(media.kind)));
        if message.album.is_some() && !stays {
            return Err(Refusal::bad("Message content type can't be used in an album"));
        }
        message.content = Content::Media(media);
        message.words = words;
        changed(state, request, message)
    })
}

/// `editMessageReplyMarkup`.
pub fn keyboard(world: &World, request: &Request) -> Result<Value, Refusal> {
    world.change(|state| {
        let message = found(state, request)?;
        changed(state, request, message)
    })
}

/// The message of the bot that a call names.
fn found(state: &State, request: &Request) -> Result<Message, Refusal> {
    if request.text("chat_id").is_empty() && request.number("message_id").is_none() {
        return Err(Refusal::bad("Message identifier is not specified"));
    }
    let chat = state.chat(place::writable(state, request)?);
    let id = request.number("message_id").and_then(|id| i32::try_from(id).ok());
    let message = id.and_then(|id| chat.message(id)).ok_or_else(|| Refusal::bad("message to edit not found"))?;
    let own = matches!(message.author, Author::Channel) || message.author == Author::User(state.me.id);
    if own { Ok(message.clone()) } else { Err(Refusal::bad("Message can't be edited")) }
}

/// Puts a changed message in place of the old one. Buttons that are not named again are gone.
fn changed(state: &mut State, request: &Request, mut message: Message) -> Result<Value, Refusal> {
    message.keyboard = keyboard::read_inline(&request.json("reply_markup", "reply keyboard markup")?)?;
    let chat = message.chat;
    let old = state.chat(chat).message(message.id).expect("found before");
    let same_keyboard = old.keyboard == message.keyboard;
    if same_keyboard && old.content == message.content && old.words == message.words {
        return Err(Refusal::bad(SAME));
    }
    let now = state.clock.now();
    state.limiter.pass(chat, 1, true, now)?;
    // A change of buttons alone is no change of the message.
    if request.method != "editmessagereplymarkup" {
        message.edited = Some(state.clock.seconds());
    }
    state.chat_mut(chat).messages.insert(message.id, message.clone());
    state.note(chat, Event::Edited(message.clone()));
    Ok(message.json(state))
}
