//! The words every room speaks: requests, results, failures, ids. No I/O, no clock, no internal imports.
//!
//! Anything a request carries is checked here once, on construction, so that no later room has to doubt it.

pub mod answer;
pub mod calendar;
pub mod content;
pub mod failure;
pub mod hex;
pub mod ids;
pub mod image;
pub mod language;
pub mod medium;
pub mod models;
pub mod order;
pub mod owner;
pub mod picture;
pub mod progress;
pub mod providers;
pub mod refusal;
pub mod sound;
pub mod task;
pub mod text;
pub mod transcript;
pub mod tried;
pub mod watch;
mod words;

pub use answer::{Answer, Kept};
pub use content::{Answered, Content};
pub use failure::Failure;
pub use ids::{AssetId, JobId};
pub use image::{Decoder, Drawing, DrawnPicture, ImageRequest, ImageResult, Mode, Provenance, Scheduler, Timings};
pub use medium::Medium;
pub use order::{Order, Source};
pub use owner::{Door, Level, Owner};
pub use picture::{Mask, Picture};
pub use progress::Progress;
pub use refusal::Refusal;
pub use sound::Sound;
pub use task::{Choice, Request, Task};
pub use text::{Segment, Sureness, Text, Word};
pub use tried::Tried;
pub use watch::Watch;

pub(crate) use words::words;
