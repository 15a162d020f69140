//! Words of the door: what people write, read into values, and values, written for people. No I/O, no clock, no
//! database; must not know Telegram's client.

pub mod advanced;
mod aliases;
pub mod caption;
pub mod cut;
pub mod failure;
pub mod format;
pub mod html;
pub mod keyboards;
pub mod mode;
pub mod money;
pub mod notice;
pub mod style;
pub mod tap;
pub mod time;
pub mod trigger;
