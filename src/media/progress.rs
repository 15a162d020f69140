//! What a running job tells about itself.

use super::Picture;
use serde::{Deserialize, Serialize};

/// One sign of life of a running job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps finished, over all pictures of the job.
    pub step: u32,
    /// Steps in all.
    pub of: u32,
    /// How much of the step in hand is done, percent; 0 of models whose steps are short.
    pub percent: u8,
    /// A small picture of how it looks now, when the request asked for previews and the model has a tiny decoder.
    pub preview: Option<Picture>,
}
