//! Integration tests: one binary, one module for each subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod accounts;
#[cfg(all(feature = "telegram", feature = "engine"))]
mod bot;
mod chain;
mod cli;
mod db;
mod docker;
mod docs;
#[cfg(feature = "engine")]
mod draw;
#[cfg(feature = "engine")]
mod engine_process;
mod examples_in_sync;
mod fakes;
#[cfg(feature = "engine")]
mod faults;
mod fetch;
mod golden;
mod http;
mod older;
#[cfg(feature = "engine")]
mod openai;
mod queue;
mod serve;
#[cfg(feature = "engine")]
mod speech;
mod statistics;
mod storage;
mod telegram;
mod tidy;
#[cfg(feature = "engine")]
mod upscale;
#[cfg(feature = "telegram")]
mod wire;

/// What several subjects need.
mod support {
    pub mod database;
    pub mod desk;
    pub mod hub;
    pub mod postgres;
    pub mod server;
}
