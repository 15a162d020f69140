//! What came of a job that was answered.

use super::{AssetId, Provenance, Text};
use serde::{Deserialize, Serialize};

/// One stored file of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it lies.
    pub asset: AssetId,
    /// The seed that draws it again, alone; `None` for what has none.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// The answer of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Pictures in the order of their seeds, or the only sound or film.
    #[serde(alias = "pictures")]
    pub files: Vec<Kept>,
    /// Words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Who made them.
    pub provenance: Provenance,
    /// What the caller should know: changed texts, a cut prompt, a tiled decode.
    pub notices: Vec<String>,
    /// Whether the same request was answered before and its files were found in the storage.
    #[serde(default)]
    pub from_cache: bool,
}
