//! Taps on buttons, until they are answered.

use super::history::{Answer, Event};
use super::limits::TAP_ANSWERABLE;
use super::world::State;
use serde_json::json;
use std::time::Duration;

/// A tap.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where.
    pub chat: i64,
    /// When, in the clock's time.
    at: Duration,
    /// What the bot said to it.
    pub answer: Option<Answer>,
}

impl Query {
    /// Whether the server still takes an answer.
    pub fn is_open(&self, now: Duration) -> bool {
        self.answer.is_none() && now < self.at + TAP_ANSWERABLE
    }
}

impl State {
    /// Someone taps a button; gives the id of the query.
    pub fn tap(&mut self, user: i64, chat: i64, message: i32, (label, data): (&str, &str)) -> String {
        let id = (0x3a7f_0000_0000_0000 + self.number() * 0x1_0001).to_string();
        let shown = self.chat(chat).message(message);
        // Of a message that is gone only its number is told.
        let gone = || json!({ "message_id": message, "chat": self.chat(chat).json(), "date": 0 });
        let shown = shown.map_or_else(gone, |shown| shown.json(self));
        let body = json!({
            "id": id,
            "from": self.user(user).json(),
            "message": shown,
            "chat_instance": chat.wrapping_mul(0x9e37_79b9).to_string(),
            "data": data,
        });
        let at = self.clock.now();
        self.taps.insert(id.clone(), Query { chat, at, answer: None });
        self.note(chat, Event::Tapped { user, message, label: label.to_owned() });
        self.tell("callback_query", body, chat);
        id
    }
}
