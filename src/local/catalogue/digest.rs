//! What identifies a file's content on the hub: SHA-256 for large files, git's blob hash for small ones.

use crate::media::hex;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The hash of a file's content, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// SHA-256 of the content.
    Sha256(String),
    /// SHA-1 of `blob <length>\0` and the content.
    GitBlob(String),
}

impl Digest {
    /// Reads an etag as the hub declares it: quoted or not, 64 digits of SHA-256 or 40 of a git blob.
    #[must_use]
    pub fn from_etag(etag: &str) -> Option<Self> {
        let hex = etag.trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match hex.len() {
            64 => Some(Self::Sha256(hex)),
            40 => Some(Self::GitBlob(hex)),
            _ => None,
        }
    }

    /// The digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) => hex,
        }
    }

    /// Hashes a file in the same way as `self`. Reads all of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_same_kind(&self, path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        match self {
            Self::Sha256(_) => {
                let mut hash = Sha256::new();
                feed(&mut file, |bytes| hash.update(bytes))?;
                Ok(Self::Sha256(hex::encode(hash.finalize())))
            }
            Self::GitBlob(_) => {
                let mut hash = Sha1::new();
                hash.update(format!("blob {}\0", file.metadata()?.len()));
                feed(&mut file, |bytes| hash.update(bytes))?;
                Ok(Self::GitBlob(hex::encode(hash.finalize())))
            }
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "sha256 {hex}"),
            Self::GitBlob(hex) => write!(f, "git blob {hex}"),
        }
    }
}

fn feed(file: &mut File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => take(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_of_both_kinds_are_read() {
        let long = "A".repeat(64);
        assert_eq!(Digest::from_etag(&format!("\"{long}\"")), Some(Digest::Sha256(long.to_ascii_lowercase())));
        let short = "b".repeat(40);
        assert_eq!(Digest::from_etag(&format!("W/\"{short}\"")), Some(Digest::GitBlob(short)));
        assert_eq!(Digest::from_etag("\"5d41402abc4b2a76b9719d911017c592\""), None);
    }

    #[test]
    fn files_are_hashed_as_the_hub_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        let blob = Digest::GitBlob(String::new()).of_same_kind(&path).unwrap();
        // `echo hello | git hash-object --stdin`
        assert_eq!(blob.hex(), "ce013625030ba8dba906f756967f9e9ca394464a");
        let sha256 = Digest::Sha256(String::new()).of_same_kind(&path).unwrap();
        assert_eq!(sha256.hex(), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    }
}
