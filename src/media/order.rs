//! A request as a job keeps it: its pictures are stored files, so that a row stays small and any machine can work on it.

use super::{AssetId, ImageRequest};
use serde::{Deserialize, Serialize};

/// The task of every request for pictures.
pub const IMAGE_GENERATE: &str = "image.generate";
/// Every task there is.
pub const TASKS: &[&str] = &[IMAGE_GENERATE];

/// A request for pictures. Its own `init` and `mask` are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageOrder {
    /// What was asked, checked.
    pub request: ImageRequest,
    /// The picture to start from.
    pub init: Option<Source>,
    /// What of it to repaint.
    pub mask: Option<AssetId>,
    /// What the checks changed in the request.
    pub notices: Vec<String>,
}

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A stored file.
    Asset(AssetId),
    /// The first picture of the parent job's answer.
    Parent,
}
