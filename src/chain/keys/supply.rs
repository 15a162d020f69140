//! What a provider wants for a call, and the keys that were found for it. Must not know where they were looked for.

use crate::providers::Key;
use secrecy::SecretString;
use std::collections::BTreeMap;

/// What a provider wants, in the words of its file.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Its id.
    pub provider: String,
    /// Variables that may hold its keys; the first that is set counts. None: it wants no key.
    pub keys: Vec<String>,
    /// What it wants beside each key, by name.
    pub vars: BTreeMap<String, WantedVar>,
    /// Calls at a time with one key.
    pub concurrency: usize,
}

/// Something that is wanted beside a key.
#[derive(Debug, Clone, Default)]
pub struct WantedVar {
    /// Variables that may hold it; the first that is set counts.
    pub names: Vec<String>,
    /// Whether a key is of use without it.
    pub optional: bool,
    /// What it is where none is set.
    pub default: Option<String>,
}

/// A key that was found, and what goes with it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The key; empty for a provider that wants none.
    pub value: SecretString,
    /// What goes with it, by name.
    pub vars: BTreeMap<String, SecretString>,
}

/// A provider and the keys that the configuration has for it.
#[derive(Debug, Clone)]
pub struct Supply {
    /// Its id.
    pub provider: String,
    /// Whether it wants keys at all.
    pub keyed: bool,
    /// Calls at a time with one key.
    pub concurrency: usize,
    /// The keys; for a provider without keys, one that is empty and holds the variables.
    pub keys: Vec<Key>,
}

impl Wanted {
    /// Whether it wants keys at all.
    #[must_use]
    pub fn keyed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What is found becomes its supply.
    #[must_use]
    pub fn supplied_with(&self, found: Vec<Found>) -> Supply {
        let key = |Found { value, vars }: Found| Key::new(&self.provider, value, vars);
        let keys = found.into_iter().map(key).collect();
        Supply { provider: self.provider.clone(), keyed: self.keyed(), concurrency: self.concurrency, keys }
    }
}
