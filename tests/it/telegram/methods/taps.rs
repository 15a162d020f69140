//! `answerCallbackQuery`.

use crate::telegram::history::{Answer, Event};
use crate::telegram::limits;
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::world::World;
use serde_json::{Value, json};

/// Answers a tap: once, and in time.
pub fn answer(world: &World, request: &Request) -> Result<Value, Refusal> {
    let id = request.text("callback_query_id");
    let answer = Answer { text: request.text("text"), alert: request.flag("show_alert"), url: request.text("url") };
    if answer.text.chars().count() > limits::ANSWER {
        return Err(Refusal::bad("MESSAGE_TOO_LONG"));
    }
    world.change(|state| {
        let start = format!("t.me/{}?start=", state.me.username.as_deref().unwrap_or_default());
        if !answer.url.is_empty() && !answer.url.contains(&start) {
            return Err(Refusal::bad("URL_INVALID"));
        }
        let now = state.clock.now();
        let open = state.taps.get_mut(&id).filter(|tap| tap.is_open(now));
        let too_late = "query is too old and response timeout expired or query ID is invalid";
        let tap = open.ok_or_else(|| Refusal::bad(too_late))?;
        tap.answer = Some(answer.clone());
        let chat = tap.chat;
        state.limiter.count(chat, |tally| tally.answers += 1);
        state.note(chat, Event::Answered { answer });
        Ok(json!(true))
    })
}
