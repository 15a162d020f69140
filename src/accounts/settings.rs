//! The rules: what is free, what the rest costs, who may name which model.

use crate::media::Level;
use std::collections::BTreeMap;

/// How many units a day are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many; the rest costs money.
    Daily(u32),
    /// All of them.
    Unlimited,
}

/// The terms of one task.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Free units by level; a level that is not here has none.
    pub limits: BTreeMap<Level, Limit>,
    /// Kopecks for one unit beyond the free ones.
    pub price: i64,
    /// The same, of models that have a price of their own.
    pub model_prices: BTreeMap<String, i64>,
}

impl Terms {
    /// What is free at this level.
    #[must_use]
    pub fn limit(&self, level: Level) -> Limit {
        self.limits.get(&level).copied().unwrap_or(Limit::Daily(0))
    }

    /// Kopecks for one unit, by this model when one is named.
    #[must_use]
    pub fn price_of(&self, model: Option<&str>) -> i64 {
        model.and_then(|model| self.model_prices.get(model)).copied().unwrap_or(self.price)
    }
}

/// The rules as configured.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// By task.
    pub tasks: BTreeMap<String, Terms>,
    /// Kopecks that every new account begins with.
    pub start_balance: i64,
    /// The models that a level may name; a level that is not here may name all.
    pub models: BTreeMap<Level, Vec<String>>,
}
