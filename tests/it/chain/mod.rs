//! The chain with its real neighbours.

mod commands;
mod keys;
