//! A provider's key as it is carried around: never shown, known by its last characters.

use crate::media::hex;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// Digits of an id.
const ID_DIGITS: usize = 16;
/// Characters that people see of a key.
const TAIL: usize = 4;
/// A key shorter than this shows nothing: four characters would be too much of it.
const SHORTEST_TO_SHOW: usize = 12;

/// A key, and what goes with it.
#[derive(Clone)]
pub struct Key {
    /// Names it in the database: a hash, from which nobody can guess it.
    pub id: String,
    /// The key itself.
    pub value: SecretString,
    /// What is needed beside it, such as the folder of a Yandex account.
    pub vars: BTreeMap<String, SecretString>,
}

impl Key {
    /// A key of this provider.
    #[must_use]
    pub fn new(provider: &str, value: SecretString, vars: BTreeMap<String, SecretString>) -> Self {
        let mut hash = Sha256::new();
        hash.update(provider);
        hash.update([0]);
        hash.update(value.expose_secret());
        let mut id = hex::encode(hash.finalize());
        id.truncate(ID_DIGITS);
        Self { id, value, vars }
    }

    /// Its last four characters, or points for a key that is too short to show any.
    #[must_use]
    pub fn tail(&self) -> String {
        let chars: Vec<char> = self.value.expose_secret().chars().collect();
        if chars.len() < SHORTEST_TO_SHOW {
            return "....".to_owned();
        }
        chars[chars.len() - TAIL..].iter().collect()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(…{})", self.tail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_end_and_nothing_else() {
        let key = Key::new("openai", "sk-secret-value-9f3a".into(), BTreeMap::new());
        assert_eq!((key.tail().as_str(), key.id.len()), ("9f3a", ID_DIGITS));
        assert!(!format!("{key:?}").contains("secret"), "{key:?}");
        assert_eq!(Key::new("openai", "short".into(), BTreeMap::new()).tail(), "....");
        assert_ne!(key.id, Key::new("hf", "sk-secret-value-9f3a".into(), BTreeMap::new()).id);
    }
}
