//! Telegram on this machine: a Bot API server for any client, with its limits and its ways to fail, and people who talk
//! with the bot behind it.
//!
//! ```ignore
//! let bot_api = FakeTelegram::start().await;
//! // The bot is given `bot_api.url()` and `bot_api.token()`.
//! let anna = bot_api.user("Анна", "ru");
//! anna.sends("рыжий кот").await;
//! let photo = anna.expects_photo().await;
//! let tap = anna.taps(&photo, "🔁 Ещё раз").await;
//! anna.expects_answer(&tap).await;
//! ```
//!
//! People read a chat in order: an expectation takes the first message of the bot that fits, and those before it count
//! as read. What is not met in time ends the test with everything that was said in the chat.

#![cfg_attr(not(feature = "telegram"), allow(dead_code, reason = "some of it is for tests of the bot alone"))]

mod about;
mod chats;
mod clock;
mod expect;
mod fake;
mod faults;
mod files;
mod history;
mod html;
mod keyboard;
mod latency;
mod limits;
mod messages;
mod methods;
mod pace;
mod page;
mod person;
mod picture;
mod polling;
mod postman;
mod recorder;
mod refusal;
mod request;
mod room;
mod seen;
mod server;
mod taps;
mod tests;
mod transcript;
mod updates;
mod words;
mod world;

pub use chats::Standing;
pub use fake::FakeTelegram;
pub use faults::{Fault, Trouble};
pub use files::{Attachment, Kind};
pub use pace::Pace;
pub use person::Person;
pub use recorder::Outcome;
pub use refusal::Refusal;
pub use seen::Seen;
