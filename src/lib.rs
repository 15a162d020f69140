//! Samovar: pictures from words, on this machine first.
//!
//! The modules stand in the order in which one request meets them.

pub mod media;

pub mod cli;

pub mod http;

pub mod intake;
pub mod queue;

pub mod pipeline;
pub mod storage;

pub mod chain;
pub mod providers;

pub mod local;

pub mod engine;

pub mod config;
pub mod telemetry;
