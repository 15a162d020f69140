//! Methods that delete messages.

use super::place;
use crate::telegram::chats::{Sort, Standing};
use crate::telegram::history::Event;
use crate::telegram::limits;
use crate::telegram::messages::Author;
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::world::{State, World};
use serde_json::{Value, json};
use std::time::Duration;

/// `deleteMessage`.
pub fn one(world: &World, request: &Request) -> Result<Value, Refusal> {
    if request.text("chat_id").is_empty() {
        return Err(Refusal::bad("Chat identifier is not specified"));
    }
    let Some(id) = request.number("message_id") else {
        return Err(Refusal::bad("Message identifier is not specified"));
    };
    world.change(|state| {
        let chat = place::writable(state, request)?;
        let id = i32::try_from(id).unwrap_or_default();
        if state.chat(chat).message(id).is_none() {
            return Err(Refusal::bad("message to delete not found"));
        }
        deletable(state, chat, id)?;
        delete(state, chat, id);
        Ok(json!(true))
    })
}

/// `deleteMessages`: those that are not there are no matter.
pub fn many(world: &World, request: &Request) -> Result<Value, Refusal> {
    let ids = request.json("message_ids", "message_ids")?;
    let ids = ids.as_array().ok_or_else(|| Refusal::bad("Message identifiers are not specified"))?;
    if ids.len() > limits::DELETED {
        return Err(Refusal::bad("Too many message identifiers specified"));
    }
    let ids = ids.iter().map(|id| id.as_i64().and_then(|id| i32::try_from(id).ok()));
    let ids: Option<Vec<i32>> = ids.collect();
    let ids = ids.ok_or_else(|| Refusal::bad("Message identifier must be a Number"))?;
    if ids.is_empty() {
        return Err(Refusal::bad("Message identifiers are not specified"));
    }
    world.change(|state| {
        let chat = place::writable(state, request)?;
        let there: Vec<i32> = ids.into_iter().filter(|id| state.chat(chat).message(*id).is_some()).collect();
        for id in &there {
            deletable(state, chat, *id)?;
        }
        for id in there {
            delete(state, chat, id);
        }
        Ok(json!(true))
    })
}

fn deletable(state: &State, chat: i64, id: i32) -> Result<(), Refusal> {
    let chat = state.chat(chat);
    let message = chat.message(id).expect("looked at before");
    let own = message.author == Author::User(state.me.id);
    let rights = matches!(chat.standing(state.me.id), Standing::Administrator | Standing::Creator);
    if !own && !rights && chat.sort != Sort::Private {
        return Err(Refusal::bad("message can't be deleted"));
    }
    let age = state.clock.now().saturating_sub(Duration::from_secs(message.date.unsigned_abs()));
    if age >= limits::DELETABLE && !(rights && chat.sort != Sort::Private) {
        return Err(Refusal::bad("Message can't be deleted for everyone"));
    }
    Ok(())
}

fn delete(state: &mut State, chat: i64, id: i32) {
    state.chat_mut(chat).messages.get_mut(&id).expect("looked at before").deleted = true;
    state.limiter.count(chat, |tally| tally.deletes += 1);
    state.note(chat, Event::Deleted(id));
}
