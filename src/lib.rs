//! Samovar: pictures from words, on this machine first.
//!
//! The way of a request, one room for each step:
//!
//! ```text
//! cli ─────────────────────────────────┐
//!                                      ├─► chain ─► providers ─► local ══ socket ══► engine
//! http ─► intake ─► queue ─► pipeline ─┘           │           (server)        (a process of its own)
//!            └─ accounts ───────┼─► storage          └─► lettering
//!                               └─► statistics
//! ```
//!
//! The modules below stand in that order; `docs/architecture.md` tells what each may know, and `tests/it/tidy.rs`
//! enforces it.

// The words everybody speaks.
pub mod media;

// Where it is written down.
pub mod db;

// Doors.
pub mod cli;
pub mod http;

// Who may do how much.
pub mod accounts;

// The line of jobs, and what is done with each.
pub mod intake;
pub mod queue;

pub mod pipeline;
pub mod statistics;
pub mod storage;

// Who answers.
pub mod chain;
pub mod providers;

pub mod local;

pub mod lettering;

pub mod engine;

// What holds it together.
pub mod app;
pub mod config;
pub mod telemetry;
