//! The Telegram door: what people write and press becomes jobs, and what comes of those goes back into their chats.
//!
//! An update is written down before Telegram may forget it, handled once, and answered by parcels that are put into the
//! outbox in the same transaction. Handlers never wait for a job: whoever follows it puts its answer into the outbox.
//! Must not know who answers or how: what is shown of models and of the engine comes through traits of `media`, wired
//! by the composition root.

mod alerts;
mod commands;
mod conclude;
mod door;
mod errand;
mod follow;
mod incoming;
pub mod keyboard;
mod listing;
mod modes;
mod offer;
mod onward;
pub mod orders;
pub mod parcel;
pub mod people;
mod service;
pub mod session;
mod status;
mod switches;
mod taps;
pub mod texts;
mod tree;
mod turn;
pub mod wire;
pub mod words;
mod written;

pub use door::{Health, House, Settings, Vitals};
pub use service::Telegram;
