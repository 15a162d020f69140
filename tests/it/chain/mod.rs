//! The chain with its real neighbours.

mod commands;
#[cfg(feature = "engine")]
mod falling_back;
mod keys;
#[cfg(feature = "engine")]
mod openai_user;
