//! A request as a job keeps it: its files are stored, so that a row stays small and any machine can work on it.

use super::{AssetId, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a job has to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What was asked, checked, without its files: [`Request::to_json`].
    pub request: Value,
    /// Its files, by the names of [`Request::media`], in order.
    #[serde(default)]
    pub files: Vec<(String, Source)>,
    /// What the checks changed in the request.
    pub notices: Vec<String>,
}

impl Order {
    /// The request, without its files.
    ///
    /// # Errors
    /// One sentence when it is none of this task.
    pub fn request(&self, task: &str) -> Result<Request, String> {
        Request::from_json(task, self.request.clone())
    }
}

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A stored file.
    Asset(AssetId),
    /// The first file of the parent job's answer.
    Parent,
}
