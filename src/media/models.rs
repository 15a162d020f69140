//! What is known of the models that can be asked, for the doors to show. The doors get this through [`Models`],
//! never from the rooms that run models.

use serde::{Deserialize, Serialize};

/// One model as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Its name in requests, such as `sdxl-turbo`.
    pub name: String,
    /// A name for people; the bundled ones carry the word "demo".
    pub title: String,
    /// `local` or the provider's id.
    pub provider: String,
    /// What it does, such as `image.generate`.
    pub tasks: Vec<String>,
    /// Whether it can answer now (its weights are here).
    pub ready: bool,
    /// When its files were installed, seconds since 1970; 0 when unknown.
    pub created: i64,
    /// Languages of prompts that it understands, such as `en`; empty: any.
    pub languages: Vec<String>,
    /// Who else serves it, best first, as links of a route.
    pub elsewhere: Vec<String>,
    /// The levels that may use it, such as `subscriber`; empty: everybody.
    #[serde(default)]
    pub levels: Vec<String>,
    /// Width and height that it draws when nobody names any; `None` where that is not told.
    #[serde(default)]
    pub canvas: Option<(u32, u32)>,
}

/// Who can be asked now.
pub trait Models: Send + Sync {
    /// Every model known, ready or not, in the order of the route.
    fn cards(&self) -> Vec<ModelCard>;

    /// Whether a request may name this model, under today's name or an older one.
    fn knows(&self, model: &str) -> bool;
}
