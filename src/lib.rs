//! Samovar.

pub mod engine;
pub mod media;
