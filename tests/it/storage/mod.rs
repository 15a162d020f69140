//! Stored files: one contract for folders and S3, on SQLite and on PostgreSQL, and what happens when a store fails.

mod contract;
mod faults;
mod file_limit;
mod s3;
mod sweep;

use crate::support::database::{Database, on_every_database};
use bytes::Bytes;
use samovar::media::AssetId;
use samovar::storage::{Kind, NewAsset, Place, Settings, Storage};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A storage with nothing in it.
struct Shelf {
    storage: Storage,
    database: Database,
    /// Where its objects are files, whichever way the storage reaches them.
    objects: PathBuf,
    place: Place,
    folder: tempfile::TempDir,
    server: Option<s3::Server>,
}

impl Shelf {
    async fn in_folder(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("media");
        Self::open(database, folder, objects.clone(), Place::Folder(objects), None).await
    }

    async fn in_s3(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = s3::Server::start(&folder.path().join("s3")).await;
        let objects = folder.path().join("s3").join(s3::BUCKET).join("results");
        let place = Place::S3(server.bucket("results"));
        Self::open(database, folder, objects, place, Some(server)).await
    }

    async fn open(
        database: Database,
        folder: tempfile::TempDir,
        objects: PathBuf,
        place: Place,
        server: Option<s3::Server>,
    ) -> Self {
        let storage = Storage::open(settings(&place, folder.path()), database.db.clone()).await.unwrap();
        Self { storage, database, objects, place, folder, server }
    }

    /// The file that holds the bytes of an asset.
    fn object(&self, id: AssetId) -> PathBuf {
        let id = id.to_string();
        self.objects.join(&id[..2]).join(id)
    }

    /// Every object there is.
    fn all(&self) -> Vec<PathBuf> {
        files(&self.objects)
    }
}

/// Runs a test on a folder and on S3, each on SQLite and on PostgreSQL.
async fn on_every_shelf(test: impl AsyncFn(&Shelf)) {
    on_every_database(async |database| test(&Shelf::in_folder(database).await).await).await;
    on_every_database(async |database| test(&Shelf::in_s3(database).await).await).await;
}

fn settings(place: &Place, folder: &Path) -> Settings {
    Settings {
        place: place.clone(),
        secret_file: folder.join("link-secret"),
        retention: Duration::from_secs(30 * 86_400),
        upload_retention: Duration::from_secs(86_400),
        link_life: Duration::from_secs(3600),
    }
}

fn new(bytes: &'static [u8]) -> NewAsset {
    NewAsset {
        bytes: Bytes::from_static(bytes),
        content_type: "image/png".to_owned(),
        owner: "key:anna".to_owned(),
        kind: Kind::Generated,
        parent: None,
        metadata: json!({"width": 5, "note": "ёж"}),
    }
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Writes a file as if it had been written two days ago.
fn aged(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    age(path);
}

fn age(path: &Path) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400)).unwrap();
}
