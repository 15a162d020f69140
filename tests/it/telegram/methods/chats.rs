//! Methods about chats and who is in them.

use super::place;
use crate::telegram::chats::Standing;
use crate::telegram::history::Event;
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::world::World;
use serde_json::{Value, json};

const ACTIONS: [&str; 13] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "record_audio",
    "upload_voice",
    "upload_audio",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// `getMe`.
pub fn me(world: &World) -> Value {
    world.look(|state| {
        let mut json = state.me.json();
        let flags = [
            ("can_join_groups", true),
            ("can_read_all_group_messages", !state.privacy),
            ("supports_inline_queries", false),
            ("can_connect_to_business", false),
            ("has_main_web_app", false),
        ];
        for (name, value) in flags {
            json[name] = json!(value);
        }
        json
    })
}

/// `sendChatAction`.
pub fn action(world: &World, request: &Request) -> Result<Value, Refusal> {
    let action = request.text("action").to_ascii_lowercase();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(Refusal::bad("Wrong parameter action in request"));
    }
    world.change(|state| {
        let chat = place::writable(state, request)?;
        state.limiter.count(chat, |tally| tally.actions += 1);
        state.note(chat, Event::Action(action));
        Ok(json!(true))
    })
}

/// `getChat`.
pub fn chat(world: &World, request: &Request) -> Result<Value, Refusal> {
    world.look(|state| {
        let chat = place::chat(state, request)?;
        if chat.standing(state.me.id) == Standing::Kicked && chat.id < 0 {
            chat.writable_by(state.me.id, None)?;
        }
        Ok(chat.full_json())
    })
}

/// `getChatMember`.
pub fn member(world: &World, request: &Request) -> Result<Value, Refusal> {
    let Some(user) = request.number("user_id").filter(|id| *id > 0) else {
        return Err(Refusal::bad("invalid user_id specified"));
    };
    world.look(|state| {
        let chat = place::chat(state, request)?;
        let user = state.people.get(&user).ok_or_else(|| Refusal::bad("PARTICIPANT_ID_INVALID"))?;
        Ok(chat.standing(user.id).json(user))
    })
}

/// `getChatMemberCount`.
pub fn count(world: &World, request: &Request) -> Result<Value, Refusal> {
    world.look(|state| {
        let chat = place::chat(state, request)?;
        Ok(json!(chat.members.values().filter(|standing| standing.is_inside()).count()))
    })
}

/// `leaveChat`.
pub fn leave(world: &World, request: &Request) -> Result<Value, Refusal> {
    world.change(|state| {
        let chat = place::writable(state, request)?;
        if chat > 0 {
            return Err(Refusal::bad("chat member status can't be changed in private chats"));
        }
        let me = state.me.id;
        state.chat_mut(chat).members.insert(me, Standing::Left);
        state.note(chat, Event::News("the bot left".to_owned()));
        Ok(json!(true))
    })
}
