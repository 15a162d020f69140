//! The bot as people meet it: the real program with the real engine and the bundled demo model, behind a Telegram of
//! our own, in conversations.

mod accounts;
mod admins;
mod advanced;
mod buttons;
mod cancel;
mod create;
mod fallback;
mod groups;
mod languages;
mod letters;
mod pictures;
mod restart;
mod soak;
mod stage;
mod storms;
mod story;
mod voice;
mod write;
