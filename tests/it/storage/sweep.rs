//! What is deleted by itself, and what must not be.

use super::*;
use samovar::storage::Swept;
use samovar::values;

const NOTHING: Swept = Swept { expired: 0, orphans: 0 };

#[tokio::test]
async fn uploads_expire_after_a_day_and_results_when_their_time_is_over() {
    on_every_shelf(async |shelf| {
        let Shelf { storage, database, .. } = shelf;
        let result = storage.put(new(b"result")).await.unwrap();
        let upload = storage.put(NewAsset { kind: Kind::Uploaded, ..new(b"upload") }).await.unwrap();
        let copy = storage.copy(upload, "key:anna").await.unwrap().unwrap();
        let now = database.db.now();
        assert_eq!(storage.sweep(now).await.unwrap(), NOTHING);
        assert_eq!(storage.sweep(now + DAY - HOUR).await.unwrap(), NOTHING);
        assert_eq!(storage.sweep(now + DAY + HOUR).await.unwrap(), Swept { expired: 2, orphans: 0 });
        for gone in [upload, copy] {
            assert_eq!(storage.meta(gone).await.unwrap(), None);
            assert!(!shelf.object(gone).exists());
        }
        assert_eq!(storage.bytes(result, None).await.unwrap().unwrap(), "result");
        database.clock.jump(30 * DAY + HOUR);
        assert_eq!(storage.meta(result).await.unwrap(), None, "over, even before it is swept");
        assert_eq!(storage.bytes(result, None).await.unwrap(), None);
        assert!(shelf.object(result).exists());
        assert_eq!(storage.sweep(database.db.now()).await.unwrap(), Swept { expired: 1, orphans: 0 });
        assert!(!shelf.object(result).exists());
    })
    .await;
}

#[tokio::test]
async fn a_sweep_takes_any_number_of_rows_and_none_too_many() {
    on_every_shelf(async |Shelf { storage, database, .. }| {
        let mut tx = database.db.begin().await.unwrap();
        for expires in (0..1200).chain([DAY]) {
            let sql = "INSERT INTO assets (id, owner, kind, content_type, size, metadata, created_at, expires_at) \
                       VALUES ($1, 'local', 'generated', 'image/png', 1, '{}', 0, $2)";
            tx.execute(sql, values![AssetId::fresh().to_string(), expires]).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(storage.sweep(HOUR).await.unwrap(), Swept { expired: 1200, orphans: 0 });
        let left = database.db.rows("SELECT expires_at FROM assets", &[]).await.unwrap();
        assert_eq!(left.iter().map(|row| row.get("expires_at").unwrap()).collect::<Vec<i64>>(), [DAY]);
    })
    .await;
}

#[tokio::test]
async fn old_objects_without_a_row_are_swept_and_nothing_else_is() {
    on_every_shelf(async |shelf| {
        let Shelf { storage, database, objects, .. } = shelf;
        let kept = storage.put(new(b"with a row")).await.unwrap();
        age(&shelf.object(kept));
        let young = shelf.object(AssetId::fresh());
        std::fs::create_dir_all(young.parent().unwrap()).unwrap();
        std::fs::write(&young, b"its row may come").unwrap();
        let orphans: Vec<_> = (0..3).map(|_| shelf.object(AssetId::fresh())).collect();
        orphans.iter().for_each(|orphan| aged(orphan, b"a crash left it"));
        // What an earlier version kept: no rows, the description in a file beside.
        let earlier = AssetId::fresh();
        let leftovers = [".bin", ".json"].map(|end| objects.join(format!("{earlier}{end}")));
        leftovers.iter().for_each(|leftover| aged(leftover, b"{}"));
        let foreign = ["taxes.pdf", "photos/cat.png", "ab/notes.txt"].map(|name| objects.join(name));
        foreign.iter().for_each(|file| aged(file, b"not ours"));
        let swept = storage.sweep(database.db.now()).await.unwrap();
        assert_eq!(swept, Swept { expired: 0, orphans: 5 });
        for gone in orphans.iter().chain(&leftovers) {
            assert!(!gone.exists(), "{}", gone.display());
        }
        for stays in foreign.iter().chain([&young]) {
            assert!(stays.exists(), "{}", stays.display());
        }
        assert_eq!(storage.bytes(kept, None).await.unwrap().unwrap(), "with a row");
        assert_eq!(storage.sweep(database.db.now()).await.unwrap(), NOTHING);
    })
    .await;
}

#[tokio::test]
async fn more_orphans_than_are_looked_at_in_one_go() {
    on_every_shelf(async |shelf| {
        let kept = shelf.storage.put(new(b"with a row")).await.unwrap();
        age(&shelf.object(kept));
        (0..600).for_each(|_| aged(&shelf.object(AssetId::fresh()), b"x"));
        let swept = shelf.storage.sweep(shelf.database.db.now()).await.unwrap();
        assert_eq!(swept, Swept { expired: 0, orphans: 600 });
        assert!(shelf.object(kept).exists());
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_swept() {
    on_every_database(async |database| {
        let shelf = Shelf::in_folder(database).await;
        let half = |end: &str| {
            let whole = shelf.object(AssetId::fresh());
            whole.with_file_name(format!("{}{end}", whole.file_name().unwrap().to_str().unwrap()))
        };
        let (old, older, young) = (half("#1"), half("#12"), half("#1"));
        aged(&old, b"ha");
        aged(&older, b"hal");
        std::fs::create_dir_all(young.parent().unwrap()).unwrap();
        std::fs::write(&young, b"being written").unwrap();
        let foreign = shelf.objects.join("ab/c#1");
        aged(&foreign, b"not ours");
        let swept = shelf.storage.sweep(shelf.database.db.now()).await.unwrap();
        assert_eq!(swept, Swept { expired: 0, orphans: 2 });
        let mut left = [young, foreign];
        left.sort();
        assert_eq!(shelf.all(), left);
    })
    .await;
}
