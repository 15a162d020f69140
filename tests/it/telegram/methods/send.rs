//! Methods that send messages.

use super::media::{self, Ready};
use super::place;
use crate::telegram::chats::Sort;
use crate::telegram::files::Kind;
use crate::telegram::history::Event;
use crate::telegram::keyboard::{self, Markup};
use crate::telegram::limits;
use crate::telegram::messages::{Author, Content, Message};
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::words::Words;
use crate::telegram::world::{State, World};
use serde_json::{Value, json};

/// `sendMessage`.
pub fn text(world: &World, request: &Request) -> Result<Value, Refusal> {
    let words = message_text(request)?;
    world.change(|state| {
        let sent = post(state, request, vec![(Content::Text, words)], None)?;
        Ok(sent[0].json(state))
    })
}

/// Text of a message, in a new one or in an edit.
pub fn message_text(request: &Request) -> Result<Words, Refusal> {
    let raw = request.text("text");
    if raw.is_empty() {
        return Err(Refusal::bad("Message text is empty"));
    }
    let words = Words::of_bot(&raw, &request.text("parse_mode"), &request.json("entities", "entities")?)?;
    if words.text.is_empty() {
        return Err(Refusal::bad("Text must be non-empty"));
    }
    if words.length() > limits::TEXT {
        return Err(Refusal::bad("Message is too long"));
    }
    Ok(words)
}

/// Caption of a call.
pub fn call_caption(request: &Request) -> Result<Words, Refusal> {
    let entities = request.json("caption_entities", "caption entities")?;
    media::caption(&json!(request.text("caption")), &json!(request.text("parse_mode")), &entities)
}

/// `sendPhoto`, `sendDocument` …
pub fn media(world: &World, request: &Request) -> Result<Value, Refusal> {
    let kind = match request.method.trim_start_matches("send") {
        "videonote" => Kind::VideoNote,
        field => Kind::named(field).expect("a method that sends a file"),
    };
    let words = call_caption(request)?;
    let ready = media::of_method(world, request, kind)?;
    world.change(|state| {
        let place = place::of(state, request)?;
        refuse_voice(state, place.chat, kind)?;
        let media = ready.keep(state)?;
        let sent = post(state, request, vec![(Content::Media(media), words)], None)?;
        Ok(sent[0].json(state))
    })
}

/// Some people take no recordings.
fn refuse_voice(state: &State, chat: i64, kind: Kind) -> Result<(), Refusal> {
    let person = state.people.get(&chat).filter(|_| state.chat(chat).sort == Sort::Private);
    if matches!(kind, Kind::Voice | Kind::VideoNote) && person.is_some_and(|person| person.no_voice) {
        return Err(Refusal::bad("VOICE_MESSAGES_FORBIDDEN"));
    }
    Ok(())
}

/// `sendMediaGroup`.
pub fn album(world: &World, request: &Request) -> Result<Value, Refusal> {
    if request.params.contains_key("reply_markup") {
        world.change(|state| state.complain("sendMediaGroup: there are no buttons under an album"));
    }
    let given = request.json("media", "media")?;
    if given.is_null() {
        return Err(Refusal::bad("parameter \"media\" is required"));
    }
    let items = given.as_array().ok_or_else(|| Refusal::bad("Expected an Array of InputMedia"))?;
    let mut ready = Vec::new();
    for item in items {
        ready.push(media::of_item(world, request, item, true)?);
    }
    if items.is_empty() {
        return Err(Refusal::bad("there are no messages to send"));
    }
    if items.len() > limits::ALBUM {
        return Err(Refusal::bad("Too many messages to send as an album"));
    }
    if items.len() == 1 {
        world.change(|state| state.complain("sendMediaGroup: an album has two items, by the documentation"));
    }
    alike(items)?;
    world.change(|state| {
        place::of(state, request)?;
        let keep = |(ready, words): (Ready, Words), state: &mut State| {
            ready.keep(state).map(|media| (Content::Media(media), words))
        };
        let contents: Vec<_> = ready.into_iter().map(|item| keep(item, state)).collect::<Result<_, _>>()?;
        // A single item is sent as a message of its own.
        let album = (contents.len() > 1).then(|| (0x3300_0000_0000_0000 + state.number()).to_string());
        let sent = post(state, request, contents, album)?;
        Ok(sent.iter().map(|message| message.json(state)).collect())
    })
}

/// Documents and music stand only beside their like.
fn alike(items: &[Value]) -> Result<(), Refusal> {
    let sorts: Vec<&str> = items.iter().filter_map(|item| item["type"].as_str()).collect();
    let mixed = sorts.iter().any(|sort| *sort != sorts[0]);
    let alone = sorts.iter().find(|sort| matches!(**sort, "document" | "audio"));
    match alone.filter(|_| mixed) {
        Some(sort) => Err(Refusal::bad(format!("{sort} can't be mixed with other media types"))),
        None => Ok(()),
    }
}

/// Puts messages into the chat that a call names.
fn post(
    state: &mut State,
    request: &Request,
    contents: Vec<(Content, Words)>,
    album: Option<String>,
) -> Result<Vec<Message>, Refusal> {
    let place = place::of(state, request)?;
    let grouped = request.method == "sendmediagroup";
    let markup =
        if grouped { Markup::None } else { keyboard::read(&request.json("reply_markup", "reply keyboard markup")?)? };
    let now = state.clock.now();
    state.limiter.pass(place.chat, contents.len(), false, now)?;
    let mut sent = Vec::new();
    for (content, words) in contents {
        let author = match state.chat(place.chat).sort {
            Sort::Channel => Author::Channel,
            _ => Author::User(state.me.id),
        };
        let mut message = Message::new(state, place.chat, author);
        (message.topic, message.reply_to, message.album) = (place.topic, place.reply_to, album.clone());
        (message.content, message.words) = (content, words);
        match &markup {
            Markup::None => {}
            Markup::Inline(rows) => message.keyboard.clone_from(rows),
            Markup::Elsewhere(markup) => message.elsewhere = Some(markup.clone()),
        }
        state.chat_mut(place.chat).messages.insert(message.id, message.clone());
        state.note(place.chat, Event::Sent(message.clone()));
        sent.push(message);
    }
    Ok(sent)
}
