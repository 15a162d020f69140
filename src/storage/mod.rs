//! Results on disk: bytes and a little about them, kept for a while, handed out by signed links.
//!
//! Owns the folder of results and the secret of its links. Must not know what a job is or who asks over which door.

mod link;

pub use link::Link;

use crate::media::{AssetId, Failure};
use bytes::Bytes;
use futures::TryStreamExt;
use link::Secret;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Where results lie and how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the results; made when absent.
    pub dir: PathBuf,
    /// File with the secret that signs links; made when absent, readable for its owner alone.
    pub secret_file: PathBuf,
    /// How long a result is kept.
    pub retention: Duration,
    /// How long a link works.
    pub link_life: Duration,
}

/// What is known of a stored file beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Its media type, such as `image/png`.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// Name of the owner.
    pub owner: String,
}

/// Why the storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder cannot be made or used.
    #[error("the folder for results {dir} cannot be used: {reason}")]
    Dir {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The secret of the links cannot be read or written.
    #[error("the link secret {file} cannot be used: {reason}")]
    Secret {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The stored results.
pub struct Storage {
    settings: Settings,
    files: LocalFileSystem,
    secret: Secret,
}

impl Storage {
    /// Opens the folder and the secret, making both when absent.
    ///
    /// # Errors
    /// [`StorageError`] when either cannot be used.
    pub fn open(settings: Settings) -> Result<Self, StorageError> {
        let dir = |reason: String| StorageError::Dir { dir: settings.dir.clone(), reason };
        std::fs::create_dir_all(&settings.dir).map_err(|e| dir(e.to_string()))?;
        let files = LocalFileSystem::new_with_prefix(&settings.dir).map_err(|e| dir(e.to_string()))?;
        let secret = Secret::open(&settings.secret_file)?;
        Ok(Self { settings, files, secret })
    }

    /// Stores bytes; they appear whole or not at all.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the disk refuses.
    pub async fn put(&self, bytes: Bytes, content_type: &str, owner: &str) -> Result<AssetId, Failure> {
        let id = AssetId::fresh();
        let meta = Meta { content_type: content_type.to_owned(), size: bytes.len() as u64, owner: owner.to_owned() };
        let meta = serde_json::to_vec(&meta).map_err(|e| broken("described", &e))?;
        // The description goes last: an asset without one does not exist for any reader.
        self.files.put(&data(id), PutPayload::from(bytes)).await.map_err(|e| broken("written", &e))?;
        self.files.put(&about(id), PutPayload::from(meta)).await.map_err(|e| broken("written", &e))?;
        Ok(id)
    }

    /// What is known of a file. `None`: never stored, or expired.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the disk refuses.
    pub async fn meta(&self, id: AssetId) -> Result<Option<Meta>, Failure> {
        let Some(bytes) = self.read(&about(id), None).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| broken("read", &e))
    }

    /// The bytes of a file, or a part of them that lies within it. `None`: never stored, or expired.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the disk refuses.
    pub async fn bytes(&self, id: AssetId, part: Option<Range<u64>>) -> Result<Option<Bytes>, Failure> {
        self.read(&data(id), part).await
    }

    /// A link to a file that works from `now` on for a while, for whoever has it.
    #[must_use]
    pub fn link(&self, id: AssetId, now: SystemTime) -> Link {
        self.secret.sign(id, now + self.settings.link_life)
    }

    /// Whether a link is ours, untouched, and not expired at `now`.
    #[must_use]
    pub fn allows(&self, id: AssetId, link: &Link, now: SystemTime) -> bool {
        self.secret.allows(id, link, now)
    }

    /// Deletes what is older than the retention at `now`. Returns the number of files deleted.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the disk refuses.
    pub async fn sweep(&self, now: SystemTime) -> Result<usize, Failure> {
        let Some(oldest) = now.checked_sub(self.settings.retention) else { return Ok(0) };
        let all: Vec<_> = self.files.list(None).try_collect().await.map_err(|e| broken("listed", &e))?;
        let mut deleted = 0;
        for file in all {
            if SystemTime::from(file.last_modified) < oldest {
                match self.files.delete(&file.location).await {
                    Ok(()) => deleted += 1,
                    Err(object_store::Error::NotFound { .. }) => {}
                    Err(e) => return Err(broken("deleted", &e)),
                }
            }
        }
        Ok(deleted)
    }

    /// Writes, reads and deletes a small file.
    ///
    /// # Errors
    /// One sentence when any of the three fails.
    pub async fn probe(&self) -> Result<(), String> {
        let path = Path::from(format!("probe-{}", AssetId::fresh()));
        let said = |e: object_store::Error| format!("the folder for results cannot be written: {e}");
        self.files.put(&path, PutPayload::from_static(b"probe")).await.map_err(said)?;
        self.files.get(&path).await.map_err(said)?;
        self.files.delete(&path).await.map_err(said)
    }

    async fn read(&self, path: &Path, part: Option<Range<u64>>) -> Result<Option<Bytes>, Failure> {
        let read = match part {
            Some(part) => self.files.get_range(path, part).await,
            None => match self.files.get(path).await {
                Ok(found) => found.bytes().await,
                Err(e) => Err(e),
            },
        };
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(broken("read", &e)),
        }
    }
}

fn data(id: AssetId) -> Path {
    Path::from(format!("{id}.bin"))
}

fn about(id: AssetId) -> Path {
    Path::from(format!("{id}.json"))
}

fn broken(what: &str, error: &dyn std::error::Error) -> Failure {
    tracing::error!(%error, "a result could not be {what}");
    Failure::internal(format!("a result could not be {what}; the server's log says why"))
}

#[cfg(test)]
mod tests;
