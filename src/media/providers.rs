//! How those who answer stand, for the doors to show to administrators. The doors get this through [`Providers`], never
//! from the rooms that ask providers.

use serde::{Deserialize, Serialize};

/// One key as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// Whose key it is: the provider's id.
    pub provider: String,
    /// Its last characters; empty for the place that stands for a provider without keys.
    pub tail: String,
    /// `ready`, `resting` (asked too often), `retired` (refused, or out of money) or `trying` (one request finds out
    /// whether it works again).
    pub state: String,
    /// When a resting key is used again and a retired one is tried again, milliseconds since 1970.
    pub until: Option<i64>,
    /// When it was last used, the same.
    pub used_at: Option<i64>,
    /// What came of it when it was last used: `done`, `rate`, `bad_key` or `payment`.
    pub class: Option<String>,
    /// Calls that are under way with it, in this process.
    pub busy: usize,
    /// How many may be.
    pub places: usize,
}

/// Whether a provider is asked, or rests because asking it was of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerView {
    /// `closed` (it is asked), `open` (it rests) or `half_open` (one request may try it).
    pub state: String,
    /// Failures in a row.
    pub failures: u32,
    /// Seconds that it rests still.
    pub rests_s: Option<u64>,
}

/// One provider as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderView {
    /// Its id, as routes and answers name it.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Whether it is asked with keys; without any it is skipped then.
    pub keyed: bool,
    /// Tasks that its models do.
    pub tasks: Vec<String>,
    /// Its keys.
    pub keys: Vec<KeyView>,
    /// Whether it is asked.
    pub breaker: BreakerView,
}

/// Who answers besides this machine.
pub trait Providers: Send + Sync {
    /// Every provider known, with keys or without, by id.
    fn standings(&self) -> Vec<ProviderView>;
}
