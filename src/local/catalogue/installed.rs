//! What was fetched and what it hashed to: `installed.json` in the weights folder. A cache of knowledge, not a truth:
//! a model whose folder was copied here by hand has no record and is used all the same.

use super::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// One fetched file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Bytes.
    pub bytes: u64,
    /// What the hub declared, and what the file hashed to.
    pub digest: Digest,
    /// `owner/name` of the repository.
    pub repo: String,
    /// The commit it belongs to, when told.
    pub commit: Option<String>,
}

/// Every record, by the file's place below the weights folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Records(BTreeMap<PathBuf, Record>);

impl Records {
    /// Reads the records of a weights folder; an absent or unreadable file has none.
    #[must_use]
    pub fn read(weights_dir: &Path) -> Self {
        let text = std::fs::read_to_string(weights_dir.join("installed.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The record of a file.
    #[must_use]
    pub fn get(&self, place: &Path) -> Option<&Record> {
        self.0.get(place)
    }

    /// Adds a record and writes all of them, whole or not at all.
    ///
    /// # Errors
    /// When the weights folder cannot be written.
    pub fn add(&mut self, weights_dir: &Path, place: &Path, record: Record) -> io::Result<()> {
        self.0.insert(place.to_owned(), record);
        let text = serde_json::to_string_pretty(self)?;
        let new = weights_dir.join("installed.json.part");
        std::fs::write(&new, text)?;
        std::fs::rename(new, weights_dir.join("installed.json"))
    }
}
