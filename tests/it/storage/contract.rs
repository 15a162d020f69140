//! What every storage must do, wherever its bytes and its rows lie.

use super::*;
use futures::TryStreamExt;

#[tokio::test]
async fn a_file_comes_back_whole_in_parts_and_piece_by_piece() {
    on_every_shelf(async |shelf| {
        let Shelf { storage, database, .. } = shelf;
        let before = database.db.now();
        let parent = Some(AssetId::fresh());
        let id = storage.put(NewAsset { parent, ..new(b"0123456789") }).await.unwrap();
        let meta = storage.meta(id).await.unwrap().unwrap();
        assert_eq!((meta.id, meta.owner.as_str(), meta.kind, meta.parent), (id, "key:anna", Kind::Generated, parent));
        assert_eq!((meta.content_type.as_str(), meta.size, &meta.error), ("image/png", 10, &None));
        assert_eq!(meta.metadata, json!({"width": 5, "note": "ёж"}));
        assert!((before..=database.db.now()).contains(&meta.created_at));
        assert_eq!(meta.expires_at - meta.created_at, 30 * DAY);
        assert_eq!(storage.bytes(id, None).await.unwrap().unwrap(), "0123456789");
        assert_eq!(storage.bytes(id, Some(2..5)).await.unwrap().unwrap(), "234");
        assert_eq!(storage.bytes(id, Some(0..10)).await.unwrap().unwrap(), "0123456789");
        let streamed = async |part| {
            let pieces: Vec<Bytes> = storage.stream(id, part).await.unwrap().unwrap().try_collect().await.unwrap();
            pieces.concat()
        };
        assert_eq!(streamed(None).await, b"0123456789");
        assert_eq!(streamed(Some(7..10)).await, b"789");
    })
    .await;
}

#[tokio::test]
async fn a_large_file_is_streamed_in_pieces() {
    on_every_shelf(async |Shelf { storage, .. }| {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let id = storage.put(NewAsset { bytes: bytes.clone().into(), ..new(b"") }).await.unwrap();
        let pieces: Vec<Bytes> = storage.stream(id, None).await.unwrap().unwrap().try_collect().await.unwrap();
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() < 1_000_000), "{}", pieces.len());
        assert_eq!(pieces.concat(), bytes);
    })
    .await;
}

#[tokio::test]
async fn what_was_never_stored_is_not_there() {
    on_every_shelf(async |Shelf { storage, .. }| {
        let id = AssetId::fresh();
        assert_eq!(storage.meta(id).await.unwrap(), None);
        assert_eq!(storage.bytes(id, None).await.unwrap(), None);
        assert!(storage.stream(id, Some(0..1)).await.unwrap().is_none());
        assert_eq!(storage.copy(id, "key:boris").await.unwrap(), None);
        assert!(!storage.delete(id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_copy_is_a_file_of_its_own() {
    on_every_shelf(async |shelf| {
        let storage = &shelf.storage;
        let first = storage.put(NewAsset { kind: Kind::Derived, ..new(b"picture") }).await.unwrap();
        let copy = storage.copy(first, "tg:7").await.unwrap().unwrap();
        assert_eq!(shelf.all().iter().filter(|path| !hidden(path)).count(), 2);
        let (of, meta) = (storage.meta(first).await.unwrap().unwrap(), storage.meta(copy).await.unwrap().unwrap());
        assert_eq!((meta.owner.as_str(), meta.parent, meta.kind), ("tg:7", Some(first), Kind::Derived));
        assert_eq!((meta.size, &meta.content_type, &meta.metadata), (of.size, &of.content_type, &of.metadata));
        assert!(storage.delete(first).await.unwrap());
        assert_eq!(storage.bytes(copy, None).await.unwrap().unwrap(), "picture");
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_is_gone_with_its_bytes() {
    on_every_shelf(async |shelf| {
        let Shelf { storage, .. } = shelf;
        let id = storage.put(new(b"x")).await.unwrap();
        assert!(shelf.object(id).exists());
        assert!(storage.delete(id).await.unwrap());
        assert!(!storage.delete(id).await.unwrap(), "a second time");
        assert_eq!(storage.meta(id).await.unwrap(), None);
        assert_eq!(storage.bytes(id, None).await.unwrap(), None);
        assert!(!shelf.object(id).exists());
    })
    .await;
}

#[tokio::test]
async fn a_file_without_its_row_does_not_exist() {
    on_every_shelf(async |Shelf { storage, database, .. }| {
        let id = storage.put(new(b"half")).await.unwrap();
        let mut tx = database.db.begin().await.unwrap();
        assert_eq!(tx.execute("DELETE FROM assets", &[]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(storage.meta(id).await.unwrap(), None);
        assert_eq!(storage.bytes(id, None).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_lost_or_cut_are_told_of_and_may_come_back() {
    on_every_shelf(async |shelf| {
        let Shelf { storage, .. } = shelf;
        let id = storage.put(new(b"0123456789")).await.unwrap();
        let error = async || storage.meta(id).await.unwrap().unwrap().error;
        std::fs::write(shelf.object(id), b"0123").unwrap();
        for part in [None, Some(0..2), Some(6..8)] {
            assert_eq!(storage.bytes(id, part.clone()).await.unwrap(), None, "{part:?}");
            assert_eq!(error().await.unwrap(), "the file is damaged: it has 4 bytes instead of 10");
        }
        std::fs::remove_file(shelf.object(id)).unwrap();
        assert!(storage.stream(id, None).await.unwrap().is_none());
        assert_eq!(error().await.unwrap(), "the file was lost by the storage");
        assert_eq!(storage.copy(id, "key:anna").await.unwrap(), None);
        std::fs::write(shelf.object(id), b"0123456789").unwrap();
        assert_eq!(storage.bytes(id, None).await.unwrap().unwrap(), "0123456789");
        assert_eq!(error().await, None, "the disk is back");
    })
    .await;
}

#[tokio::test]
async fn a_link_works_on_every_opening_of_the_same_secret() {
    on_every_shelf(async |Shelf { storage, database, place, folder, .. }| {
        let (id, now) = (AssetId::fresh(), SystemTime::now());
        let link = storage.link(id, now);
        let again = Storage::open(settings(place, folder.path()), database.db.clone()).await.unwrap();
        assert!(again.allows(id, &link, now) && !again.allows(AssetId::fresh(), &link, now));
        assert!(!again.allows(id, &link, now + Duration::from_secs(3602)));
    })
    .await;
}

#[tokio::test]
async fn a_probe_leaves_nothing_and_notices_a_place_that_cannot_be_used() {
    on_every_shelf(async |shelf| {
        shelf.storage.probe().await.unwrap();
        assert_eq!(shelf.all().into_iter().filter(|path| !hidden(path)).collect::<Vec<_>>(), Vec::<PathBuf>::new());
        let top = match &shelf.place {
            Place::Folder(folder) => folder.clone(),
            Place::S3(_) => shelf.folder.path().join("s3").join(s3::BUCKET),
        };
        std::fs::remove_dir_all(&top).unwrap();
        std::fs::write(&top, b"a file where the folder was").unwrap();
        let told = shelf.storage.probe().await.unwrap_err();
        assert!(told.starts_with("the storage cannot be used: "), "{told}");
    })
    .await;
}

/// Whether it is a note of the S3 server's own.
fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
