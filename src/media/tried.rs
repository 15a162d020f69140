//! One attempt of the chain, for the statistics and the log: who was asked, how long it took, what came of it.

use serde::{Deserialize, Serialize};

/// Who was asked and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tried {
    /// `local` or the provider's id.
    pub provider: String,
    /// The model asked.
    pub model: String,
    /// How long it took.
    pub took_ms: u64,
    /// Size of what came back.
    pub bytes: u64,
    /// [`Tried::DONE`] or the class of the failure.
    pub class: String,
    /// The last characters of the key it was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The HTTP status of a failure, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether it may have been paid without giving an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spend_unknown: bool,
    /// What it was asked for, where that is another task than the job's: the translation of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

impl Tried {
    /// The class of an attempt that was answered.
    pub const DONE: &'static str = "done";
}
