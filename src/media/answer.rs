//! What came of a job that was answered.

use super::{AssetId, Provenance};
use serde::{Deserialize, Serialize};

/// One stored picture of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Where its PNG lies.
    pub asset: AssetId,
    /// The seed that draws it again, alone.
    pub seed: u64,
}

/// The answer of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// In the order of their seeds.
    pub pictures: Vec<Kept>,
    /// Who drew them.
    pub provenance: Provenance,
    /// What the caller should know: changed texts, a cut prompt, a tiled decode.
    pub notices: Vec<String>,
    /// Whether the same request was answered before and its pictures were found in the storage.
    #[serde(default)]
    pub from_cache: bool,
}
