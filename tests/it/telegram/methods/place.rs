//! Where a call goes: the chat, the topic, the message that is answered.

use crate::telegram::chats::{Chat, Sort};
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::world::State;
use serde_json::Value;

/// The topic of all messages that are in none; it has no number to send to.
const GENERAL: i64 = 1;

/// Where a message goes.
pub struct Place {
    pub chat: i64,
    pub topic: Option<i32>,
    pub reply_to: Option<i32>,
}

/// The chat that a call names.
pub fn chat<'a>(state: &'a State, request: &Request) -> Result<&'a Chat, Refusal> {
    let named = request.text("chat_id");
    if named.is_empty() {
        return Err(Refusal::bad("chat_id is empty"));
    }
    let found = match named.strip_prefix('@') {
        Some(name) => state.chats.values().find(|chat| chat.username.as_deref() == Some(name)),
        None => named.trim().parse().ok().and_then(|id: i64| state.chats.get(&id)),
    };
    found.filter(|chat| chat.known).ok_or_else(|| Refusal::bad("chat not found"))
}

/// The chat that a call names, if the bot may write there.
pub fn writable(state: &State, request: &Request) -> Result<i64, Refusal> {
    let chat = chat(state, request)?;
    chat.writable_by(state.me.id, state.people.get(&chat.id))?;
    Ok(chat.id)
}

/// Where a new message goes.
pub fn of(state: &State, request: &Request) -> Result<Place, Refusal> {
    let chat = writable(state, request)?;
    let topic = topic(state.chat(chat), request)?;
    let reply_to = reply_to(state.chat(chat), request)?;
    Ok(Place { chat, topic, reply_to })
}

fn topic(chat: &Chat, request: &Request) -> Result<Option<i32>, Refusal> {
    let Some(topic) = request.number("message_thread_id").filter(|topic| *topic != 0) else { return Ok(None) };
    // Other chats have no topics, and nobody minds.
    if !matches!(chat.sort, Sort::Forum | Sort::Private) {
        return Ok(None);
    }
    let known = i32::try_from(topic).ok().filter(|id| topic != GENERAL && chat.topics.contains_key(id));
    known.map(Some).ok_or_else(|| Refusal::bad("message thread not found"))
}

fn reply_to(chat: &Chat, request: &Request) -> Result<Option<i32>, Refusal> {
    let parameters = request.json("reply_parameters", "reply parameters")?;
    let (id, optional) = match &parameters {
        Value::Null => (request.number("reply_to_message_id"), request.flag("allow_sending_without_reply")),
        Value::Object(_) => {
            let id = parameters["message_id"].as_i64();
            (id, parameters["allow_sending_without_reply"] == Value::Bool(true))
        }
        _ => return Err(Refusal::bad("Object expected as reply parameters")),
    };
    let Some(id) = id.filter(|id| *id > 0) else { return Ok(None) };
    let found = i32::try_from(id).ok().filter(|id| chat.message(*id).is_some());
    match found {
        Some(id) => Ok(Some(id)),
        None if optional => Ok(None),
        None => Err(Refusal::bad("message to be replied not found")),
    }
}
