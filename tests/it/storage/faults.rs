//! Stores that are full or fail: nothing half-written, a failure worth another try, and all well when they are back.

use super::*;
use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use samovar::media::Failure;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that refuses one of the writes, or all deletions.
#[derive(Debug)]
struct Failing {
    files: LocalFileSystem,
    puts: AtomicUsize,
    refused: usize,
    deletes: bool,
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store that fails")
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::Generic { store: "test", source: "500 Internal Server Error".into() })
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, location: &ObjectPath, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if self.puts.fetch_add(1, Ordering::Relaxed) + 1 == self.refused {
            return refused();
        }
        self.files.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, _: &ObjectPath, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        refused()
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        if self.deletes {
            return self.files.delete_stream(locations);
        }
        Box::pin(futures::stream::once(async { refused() }))
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &ObjectPath, _: &ObjectPath, _: CopyOptions) -> Result<()> {
        refused()
    }
}

fn failing(database: &Database, folder: &Path, refused: usize, deletes: bool) -> Storage {
    let objects = folder.join("objects");
    std::fs::create_dir_all(&objects).unwrap();
    let files = LocalFileSystem::new_with_prefix(&objects).unwrap();
    let store = Failing { files, puts: AtomicUsize::new(0), refused, deletes };
    let settings = settings(&Place::Folder(objects), folder);
    Storage::with_store(settings, database.db.clone(), Arc::new(store)).unwrap()
}

async fn rows(database: &Database) -> i64 {
    database.db.row("SELECT COUNT(*) AS n FROM assets", &[]).await.unwrap().unwrap().get("n").unwrap()
}

#[tokio::test]
async fn a_store_that_fails_once_leaves_no_trace_of_that_file() {
    on_every_database(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let storage = failing(&database, folder.path(), 2, true);
        let first = storage.put(new(b"first")).await.unwrap();
        let failure = storage.put(new(b"second")).await.unwrap_err();
        assert!(matches!(&failure, Failure::Unavailable { message } if message.contains("full")), "{failure:?}");
        assert_eq!((rows(&database).await, files(&folder.path().join("objects")).len()), (1, 1));
        let third = storage.put(new(b"second")).await.unwrap();
        assert_eq!(storage.bytes(first, None).await.unwrap().unwrap(), "first");
        assert_eq!(storage.bytes(third, None).await.unwrap().unwrap(), "second");
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_row_cannot_be_written_leaves_no_object() {
    on_every_database(async |database| {
        let shelf = Shelf::in_folder(database).await;
        let rename = async |sql| {
            let mut tx = shelf.database.db.begin().await.unwrap();
            tx.execute(sql, &[]).await.unwrap();
            tx.commit().await.unwrap();
        };
        rename("ALTER TABLE assets RENAME TO elsewhere").await;
        shelf.storage.put(new(b"no row")).await.unwrap_err();
        assert_eq!(shelf.all(), Vec::<PathBuf>::new());
        rename("ALTER TABLE elsewhere RENAME TO assets").await;
        shelf.storage.put(new(b"a row")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_object_that_resists_deletion_is_gone_for_everybody_and_swept_later() {
    on_every_database(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let storage = failing(&database, folder.path(), 0, false);
        let id = storage.put(new(b"stays")).await.unwrap();
        assert!(storage.delete(id).await.unwrap());
        assert_eq!(storage.meta(id).await.unwrap(), None);
        let left = files(&folder.path().join("objects"));
        assert_eq!(left.len(), 1);
        age(&left[0]);
        assert_eq!(storage.sweep(database.db.now()).await.unwrap().orphans, 0, "still refused");
        let storage = failing(&database, folder.path(), 0, true);
        assert_eq!(storage.sweep(database.db.now()).await.unwrap().orphans, 1);
        assert_eq!(files(&folder.path().join("objects")), Vec::<PathBuf>::new());
    })
    .await;
}

/// A mounted file system that is taken away with the test.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        println!("unmounted: {unmounted:?}");
    }
}

#[tokio::test]
async fn a_full_disk_takes_no_half_file_and_works_again_with_room() {
    on_every_database(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let media = folder.path().join("media");
        std::fs::create_dir(&media).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&media).output();
        if !mount.as_ref().is_ok_and(|output| output.status.success()) {
            println!("skipped: only root can mount a small disk here ({mount:?})");
            return;
        }
        let _mounted = Mounted(media.clone());
        let storage = Storage::open(settings(&Place::Folder(media.clone()), folder.path()), database.db.clone());
        let storage = storage.await.unwrap();
        let half = || NewAsset { bytes: vec![7; 600 * 1024].into(), ..new(b"") };
        let first = storage.put(half()).await.unwrap();
        let failure = storage.put(half()).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
        assert_eq!((rows(&database).await, files(&media).len()), (1, 1));
        assert_eq!(storage.bytes(first, None).await.unwrap().unwrap().len(), 600 * 1024);
        assert!(storage.delete(first).await.unwrap());
        storage.put(half()).await.unwrap();
    })
    .await;
}
