//! The chain with its real neighbours.

mod commands;
mod equivalents;
#[cfg(feature = "engine")]
mod falling_back;
mod houses;
mod keys;
mod matrix;
#[cfg(feature = "engine")]
mod openai_user;
mod tasks;
