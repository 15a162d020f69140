//! Stored files: their bytes in a folder or in S3, what is known of them in the database; kept for a while, handed out
//! by signed links.
//!
//! Owns the table `assets`, the place of the bytes and the secret of the links. Must not know what a job is or who asks
//! over which door.

mod asset;
mod link;
mod place;
mod sweep;

pub use asset::{Kind, Meta, NewAsset};
pub use link::Link;
pub use place::{Place, S3};
pub use sweep::Swept;

use crate::db::Db;
use crate::media::{AssetId, Failure};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use link::Secret;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt, PutPayload};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Where files lie and how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where their bytes lie.
    pub place: Place,
    /// File with the secret that signs links; made when absent, readable for its owner alone.
    pub secret_file: PathBuf,
    /// How long a result is kept.
    pub retention: Duration,
    /// How long an uploaded file is kept.
    pub upload_retention: Duration,
    /// How long a link works.
    pub link_life: Duration,
}

/// Why the storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder or the bucket cannot be used.
    #[error("the storage {place} cannot be used: {reason}")]
    Place {
        /// Which.
        place: String,
        /// What the system or the server said.
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

/// The bytes of a file, piece by piece.
pub type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// The stored files.
pub struct Storage {
    settings: Settings,
    db: Db,
    objects: Arc<dyn ObjectStore>,
    /// Where the objects are files of this machine.
    folder: Option<PathBuf>,
    secret: Secret,
}

impl Storage {
    /// Opens the place of the bytes, tries it, and opens the secret; folders and the secret are made when absent.
    ///
    /// # Errors
    /// [`StorageError`] when either cannot be used.
    pub async fn open(settings: Settings, db: Db) -> Result<Self, StorageError> {
        let objects = settings.place.open()?;
        place::try_out(&*objects).await.map_err(|reason| settings.place.unusable(reason))?;
        let folder = settings.place.folder().map(std::path::Path::to_owned);
        Ok(Self { folder, ..Self::with_store(settings, db, objects)? })
    }

    /// As [`Self::open`], with the bytes in this store instead of the place that the settings name.
    ///
    /// # Errors
    /// [`StorageError::Secret`] when the secret cannot be used.
    pub fn with_store(settings: Settings, db: Db, objects: Arc<dyn ObjectStore>) -> Result<Self, StorageError> {
        let secret = Secret::open(&settings.secret_file)?;
        Ok(Self { settings, db, objects, folder: None, secret })
    }

    /// Stores a file. It exists whole or not at all: the bytes are written first, then the row without which nobody
    /// sees them.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the storage is full or does not answer.
    pub async fn put(&self, new: NewAsset) -> Result<AssetId, Failure> {
        let (id, now) = (AssetId::fresh(), self.db.now());
        let kept = match new.kind {
            Kind::Uploaded => self.settings.upload_retention,
            Kind::Generated | Kind::Derived => self.settings.retention,
        };
        let meta = Meta {
            id,
            owner: new.owner,
            kind: new.kind,
            parent: new.parent,
            content_type: new.content_type,
            size: new.bytes.len() as u64,
            metadata: new.metadata,
            error: None,
            created_at: now,
            expires_at: now.saturating_add(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)),
        };
        let object = place::name(id);
        let stored = match self.write(&object, new.bytes).await {
            Ok(()) => asset::insert(&self.db, &meta).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = stored {
            // What stays all the same is an orphan, and swept.
            let _ = self.objects.delete(&object).await;
            return Err(failure);
        }
        Ok(id)
    }

    async fn write(&self, object: &Path, bytes: Bytes) -> Result<(), Failure> {
        self.objects.put(object, PutPayload::from(bytes)).await.map_err(|e| unavailable("written", &e))?;
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let object = object.clone();
        let flushed = tokio::task::spawn_blocking(move || place::flush(&folder, &object)).await;
        flushed.map_err(std::io::Error::other).flatten().map_err(|error| {
            tracing::error!(%error, "a file could not be written to the disk");
            out_of_reach("written")
        })
    }

    /// What is known of a file. `None`: never stored, deleted, or expired.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database does not answer.
    pub async fn meta(&self, id: AssetId) -> Result<Option<Meta>, Failure> {
        asset::read(&self.db, id).await
    }

    /// The bytes of a file, or a part of them that lies within it. `None`: never stored, deleted, expired, or lost by
    /// the disk; then [`Meta::error`] says so.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the storage or the database does not answer.
    pub async fn bytes(&self, id: AssetId, part: Option<Range<u64>>) -> Result<Option<Bytes>, Failure> {
        let Some(found) = self.find(id, part).await? else { return Ok(None) };
        found.bytes().await.map(Some).map_err(|e| unavailable("read", &e))
    }

    /// As [`Self::bytes`], piece by piece, so that a large file is never in memory as a whole.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub async fn stream(&self, id: AssetId, part: Option<Range<u64>>) -> Result<Option<Pieces>, Failure> {
        let told = |e: &Error| tracing::error!(reason = place::reason(e), "a file could not be read to its end");
        Ok(self.find(id, part).await?.map(|found| found.into_stream().inspect_err(told).boxed()))
    }

    async fn find(&self, id: AssetId, part: Option<Range<u64>>) -> Result<Option<GetResult>, Failure> {
        let Some(meta) = self.meta(id).await? else { return Ok(None) };
        let object = place::name(id);
        let asked = GetOptions { range: part.map(Into::into), ..GetOptions::default() };
        let size = match self.objects.get_opts(&object, asked).await {
            Ok(found) if found.meta.size == meta.size => {
                if meta.error.is_some() {
                    // A disk that was not there for a while is back.
                    asset::mark(&self.db, id, None).await?;
                }
                return Ok(Some(found));
            }
            Ok(found) => Some(found.meta.size),
            Err(Error::NotFound { .. }) => None,
            // A part that lies outside of what is left is an error of the store's own.
            Err(error) => match self.objects.head(&object).await {
                Ok(head) if head.size != meta.size => Some(head.size),
                _ => return Err(unavailable("read", &error)),
            },
        };
        let problem = match size {
            Some(size) => format!("the file is damaged: it has {size} bytes instead of {}", meta.size),
            None => "the file was lost by the storage".to_owned(),
        };
        tracing::error!(asset = %id, problem, "a stored file cannot be read");
        asset::mark(&self.db, id, Some(&problem)).await?;
        Ok(None)
    }

    /// The same file for another owner, as a file of its own with the first as its parent. `None` as
    /// [`Self::bytes`].
    ///
    /// # Errors
    /// As [`Self::bytes`] and [`Self::put`].
    pub async fn copy(&self, id: AssetId, owner: &str) -> Result<Option<AssetId>, Failure> {
        let Some(meta) = self.meta(id).await? else { return Ok(None) };
        // Not by the store's own copy: on a disk that is a second name of an old file, which looks like an orphan.
        let Some(bytes) = self.bytes(id, None).await? else { return Ok(None) };
        let Meta { content_type, kind, metadata, .. } = meta;
        let new = NewAsset { bytes, content_type, owner: owner.to_owned(), kind, parent: Some(id), metadata };
        self.put(new).await.map(Some)
    }

    /// Deletes a file. Returns whether there was one.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database does not answer.
    pub async fn delete(&self, id: AssetId) -> Result<bool, Failure> {
        let existed = asset::remove(&self.db, id).await?;
        if existed && let Err(error) = self.objects.delete(&place::name(id)).await {
            tracing::warn!(reason = place::reason(&error), "a deleted file's object stays until it is swept");
        }
        Ok(existed)
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

    /// Lists, and writes, reads and deletes a small object.
    ///
    /// # Errors
    /// One sentence when any of the four fails.
    pub async fn probe(&self) -> Result<(), String> {
        place::try_out(&*self.objects).await.map_err(|reason| format!("the storage cannot be used: {reason}"))
    }
}

/// A store that refuses may be full or away: worth another try.
fn unavailable(what: &str, error: &Error) -> Failure {
    tracing::error!(reason = place::reason(error), "a file could not be {what}");
    out_of_reach(what)
}

fn out_of_reach(what: &str) -> Failure {
    let message =
        format!("the file could not be {what}: the storage is full or does not answer; please try again later");
    Failure::Unavailable { message }
}
