//! Who may do how much: levels, the day's free units, the balance and its ledger, API keys.
//!
//! Owns the tables `users`, `operations`, `ledger` and `api_keys`. Everything about a job happens in the caller's
//! transaction, together with the job itself. Must not know the queue, the storage, or any door.

mod keys;
mod ledger;
pub mod money;
mod operations;
mod overview;
mod pace;
mod settings;

pub use keys::{ApiKey, Holder, Keys, NewKey, StoredKey};
pub use ledger::{Discrepancy, Movement, TopUp, ToppedUp};
pub use operations::{Bill, Purchase, Reserved};
pub use overview::{Account, Overview, Standing};
pub use pace::Pace;
pub use settings::{Limit, Settings, Terms};

use crate::db::Db;
use crate::media::{Failure, Level};
use std::sync::Arc;

/// The accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    db: Db,
    settings: Arc<Settings>,
}

impl Accounts {
    /// The accounts of this database, by these rules.
    #[must_use]
    pub fn new(db: Db, settings: Settings) -> Self {
        Self { db, settings: Arc::new(settings) }
    }

    /// The models that a level may name. `None`: all.
    #[must_use]
    pub fn allowed_models(&self, level: Level) -> Option<&[String]> {
        self.settings.models.get(&level).map(Vec::as_slice)
    }

    /// What one unit costs beyond the free ones, in kopecks.
    #[must_use]
    pub fn price(&self, task: &str, model: Option<&str>) -> Option<i64> {
        self.settings.tasks.get(task).map(|terms| terms.price_of(model))
    }

    /// The free units of a day.
    #[must_use]
    pub fn limit(&self, level: Level, task: &str) -> Option<Limit> {
        self.settings.tasks.get(task).map(|terms| terms.limit(level))
    }

    fn terms(&self, task: &str) -> Result<&Terms, Failure> {
        let terms = self.settings.tasks.get(task);
        terms.ok_or_else(|| Failure::internal(format!("no limit and no price are set for the task {task}")))
    }
}
