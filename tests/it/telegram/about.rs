//! What the bot tells of itself: commands for whom and in which language, name and descriptions.

use serde_json::Value;
use std::collections::BTreeMap;

/// Texts by scope or kind, and language.
#[derive(Debug, Default)]
pub struct About {
    /// Commands by scope, as JSON, and language.
    pub commands: BTreeMap<(String, String), Value>,
    /// `name`, `description` and `short_description` by language.
    pub texts: BTreeMap<(&'static str, String), String>,
}
