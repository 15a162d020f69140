//! The words every room speaks: requests, results, failures, ids. No I/O, no clock, no internal imports.
//!
//! Anything a request carries is checked here once, on construction, so that no later room has to doubt it.

pub mod answer;
pub mod calendar;
pub mod failure;
pub mod hex;
pub mod ids;
pub mod image;
pub mod models;
pub mod order;
pub mod owner;
pub mod picture;
pub mod progress;
pub mod tried;
pub mod watch;

pub use answer::{Answer, Kept};
pub use failure::Failure;
pub use ids::{AssetId, JobId};
pub use image::{Decoder, DrawnPicture, ImageRequest, ImageResult, Mode, Provenance, Scheduler, Timings};
pub use order::{ImageOrder, Source};
pub use owner::{Door, Level, Owner};
pub use picture::{Mask, Picture};
pub use progress::Progress;
pub use tried::Tried;
pub use watch::Watch;
