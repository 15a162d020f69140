//! What is deleted by itself: files past their time, and objects that have no row, such as a crash leaves.

use super::place::{self, Ours};
use super::{Storage, asset, unavailable};
use crate::media::{AssetId, Failure};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Rows and objects looked at in one go.
const BATCH: u32 = 500;
/// Objects deleted at a time.
const AT_ONCE: usize = 8;
/// An object may be without its row for as long as this: the bytes are written first.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);

/// What a sweep deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Files past their time.
    pub expired: usize,
    /// Objects without a row.
    pub orphans: usize,
}

impl Storage {
    /// Deletes the files whose time was over at `now` (milliseconds since 1970, as the database tells it), and objects
    /// older than a day that have no row. What has another name than ours is left alone.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database or the storage refuses.
    pub async fn sweep(&self, now: i64) -> Result<Swept, Failure> {
        let mut expired = 0;
        loop {
            // The rows go first: a file without one does not exist, and its object is an orphan at worst.
            let gone = asset::remove_expired(&self.db, now, BATCH).await?;
            if gone.is_empty() {
                break;
            }
            expired += gone.len();
            self.remove(gone.into_iter().map(place::name)).await;
        }
        // The age of an object is told by the store's clock, which no row is stamped with.
        let orphans = self.sweep_orphans(SystemTime::now() - ORPHAN_AGE).await?;
        Ok(Swept { expired, orphans })
    }

    /// Deletes every file of an account. Returns how many there were.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the database does not answer.
    pub async fn delete_of(&self, owner: &str) -> Result<usize, Failure> {
        let mut deleted = 0;
        loop {
            let gone = asset::remove_of(&self.db, owner, BATCH).await?;
            if gone.is_empty() {
                return Ok(deleted);
            }
            deleted += gone.len();
            self.remove(gone.into_iter().map(place::name)).await;
        }
    }

    async fn sweep_orphans(&self, oldest: SystemTime) -> Result<usize, Failure> {
        let mut deleted = self.sweep_unfinished(oldest).await;
        let mut all = self.objects.list(None).chunks(BATCH as usize);
        while let Some(found) = all.next().await {
            let (mut assets, mut orphans) = (Vec::new(), Vec::new());
            for object in found {
                let object = object.map_err(|e| unavailable("listed", &e))?;
                if SystemTime::from(object.last_modified) >= oldest {
                    continue;
                }
                match place::ours(&object.location) {
                    Some(Ours::Asset(id)) => assets.push(id),
                    Some(Ours::Leftover) => orphans.push(object.location),
                    None => {}
                }
            }
            let known: HashSet<AssetId> = asset::existing(&self.db, &assets).await?.into_iter().collect();
            orphans.extend(assets.into_iter().filter(|id| !known.contains(id)).map(place::name));
            deleted += self.remove(orphans).await;
        }
        Ok(deleted)
    }

    /// Deletes objects; those that resist are left for the next sweep. Returns how many are gone.
    async fn remove(&self, objects: impl IntoIterator<Item = Path>) -> usize {
        let delete = |path: Path| async move {
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => 1,
                Err(error) => {
                    tracing::warn!(
                        reason = place::reason(&error),
                        "an object could not be deleted; the next sweep will try"
                    );
                    0
                }
            }
        };
        futures::stream::iter(objects)
            .map(delete)
            .buffer_unordered(AT_ONCE)
            .fold(0, |n, one| async move { n + one })
            .await
    }

    /// Deletes files that a crash left half-written. The store itself shows them to nobody.
    async fn sweep_unfinished(&self, oldest: SystemTime) -> usize {
        let Some(folder) = self.folder.clone() else { return 0 };
        let swept = tokio::task::spawn_blocking(move || {
            let files = entries(folder).flat_map(|within| entries(within.path()));
            files.filter(|file| unfinished(file, oldest)).count()
        });
        swept.await.unwrap_or_default()
    }
}

fn entries(folder: PathBuf) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(folder).into_iter().flatten().flatten()
}

/// Whether this was a file that was being written (`ID#1`, `ID#2` …) at `oldest` or earlier, and is gone now.
fn unfinished(file: &std::fs::DirEntry, oldest: SystemTime) -> bool {
    let name = file.file_name();
    let id = name.to_str().and_then(|name| name.split_once('#')).map(|(id, _)| id.parse::<AssetId>());
    let old = file.metadata().and_then(|meta| meta.modified()).is_ok_and(|modified| modified < oldest);
    matches!(id, Some(Ok(_))) && old && std::fs::remove_file(file.path()).is_ok()
}
