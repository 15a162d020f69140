//! Words of the door: what people write, read into values, and values, written for people. No I/O, no clock, no
//! database; must not know Telegram's client.

pub mod cut;
pub mod format;
pub mod keyboards;
pub mod mode;
pub mod money;
pub mod style;
pub mod tap;
