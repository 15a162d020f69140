//! The wire of the Telegram door: everything between the database and Telegram's servers. Must not know what a message
//! means.
//!
//! What is to be sent stands in the outbox before it is sent, and what came is written down before Telegram may forget
//! it. Whatever was sent and not answered may have arrived: it is never sent again by itself.

mod bots;
mod busy;
mod moved;
pub mod outbox;
mod pauses;
mod settings;
mod trouble;
pub mod updates;

pub use bots::{Bots, Identity, MOST_DOWNLOAD};
pub use busy::{Action, Busy};
pub use moved::moved;
pub use outbox::{Lost, Onward, Outbox, Pace, Rate};
pub use settings::{Patience, Settings, SettingsError, Webhook};
pub use trouble::{Trouble, classify};
