//! The database room on SQLite and on PostgreSQL: what is written is there, once, for everybody.

use crate::support::database::{Database, Kind, on_every_database, on_every_url};
use crate::support::postgres::Postgres;
use samovar::db::{Clock, Db, DbError, Event, Hearing, Passing};
use samovar::values;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Far more than anything here takes: only keeps a test that hangs from hanging for ever.
const HANG: Duration = Duration::from_secs(60);
/// A row that a second insert of the same would double, were it not looked for first.
const ADD: &str = "INSERT INTO notes (note) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM notes WHERE note = $1)";

/// Makes the table that these tests write to; no room owns it.
async fn with_notes(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.execute("CREATE TABLE notes (note TEXT NOT NULL)", &[]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn add(db: &Db, note: &str) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    tx.execute(ADD, values![note]).await?;
    tx.tell("note", note);
    tx.commit().await
}

async fn notes(db: &Db) -> Vec<String> {
    let rows = db.rows("SELECT note FROM notes ORDER BY note", &[]).await.unwrap();
    rows.iter().map(|row| row.get("note").unwrap()).collect()
}

#[tokio::test]
async fn a_transaction_that_is_dropped_changes_nothing() {
    on_every_database(async |base| {
        with_notes(&base.db).await;
        let mut tx = base.db.begin().await.unwrap();
        tx.execute(ADD, values!["dropped"]).await.unwrap();
        tx.tell("note", "dropped");
        let mut hearing = base.db.listen();
        drop(tx);
        add(&base.db, "kept").await.unwrap();
        assert_eq!(notes(&base.again().await).await, ["kept"], "{base:?}");
        let heard = timeout(HANG, hearing.next()).await.unwrap();
        assert_eq!(heard, Event::Changed { topic: "note".into(), id: "kept".to_owned() }, "{base:?}");
    })
    .await;
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    on_every_database(async |base| {
        let mut tx = base.db.begin().await.unwrap();
        let made = "CREATE TABLE kept (id BIGINT, whole BIGINT, text TEXT, part DOUBLE PRECISION)";
        tx.execute(made, &[]).await.unwrap();
        let rows: [(Option<i64>, Option<&str>, Option<f64>); 5] = [
            (Some(i64::MIN), Some(""), Some(f64::MIN_POSITIVE)),
            (Some(i64::MAX), Some("самовар ☕ 'quoted' \"$1\" ?\n"), Some(f64::MAX)),
            (Some(0), Some("true"), Some(0.1)),
            (Some(-1), Some("0"), Some(-2.0)),
            (None, None, None),
        ];
        for (id, (whole, text, part)) in (0_i64..).zip(rows) {
            let changed = tx
                .execute(
                    "INSERT INTO kept (id, whole, text, part) VALUES ($1, $2, $3, $4)",
                    values![id, whole, text, part],
                )
                .await
                .unwrap();
            assert_eq!(changed, 1);
        }
        tx.commit().await.unwrap();
        let found = base.db.rows("SELECT * FROM kept ORDER BY id", &[]).await.unwrap();
        for (row, (whole, text, part)) in found.iter().zip(rows) {
            assert_eq!(row.get::<Option<i64>>("whole").unwrap(), whole, "{base:?}");
            assert_eq!(row.get::<Option<String>>("text").unwrap().as_deref(), text, "{base:?}");
            assert_eq!(row.get::<Option<f64>>("part").unwrap(), part, "{base:?}");
        }
        assert_eq!(found.len(), rows.len());
        assert!(found[4].get::<i64>("whole").is_err() && found[0].get::<i64>("nothing").is_err());
        let truth = base.db.row("SELECT COUNT(*) AS n FROM kept WHERE whole = $1", values![false]).await.unwrap();
        assert_eq!(truth.unwrap().get::<i64>("n").unwrap(), 1, "{base:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_table_forbids_is_refused() {
    on_every_database(async |base| {
        let pace = "INSERT INTO paces (task, mean_ms) VALUES ($1, $2)";
        let mut tx = base.db.begin().await.unwrap();
        tx.execute(pace, values!["draw", 1.0]).await.unwrap();
        let twice = tx.execute(pace, values!["draw", 2.0]).await;
        assert!(matches!(twice, Err(DbError::Refused(_))), "{base:?}: {twice:?}");
        drop(tx);
        let mut tx = base.db.begin().await.unwrap();
        let orphan = tx.execute("INSERT INTO capabilities (worker, tag) VALUES ($1, $2)", values!["nobody", "x"]).await;
        assert!(matches!(orphan, Err(DbError::Refused(_))), "{base:?}: {orphan:?}");
        let nul = base.db.rows("SELECT task FROM paces WHERE task = $1", values!["a\0b"]).await.map(|rows| rows.len());
        assert!(matches!(nul, Err(DbError::Refused(_))), "{base:?}: {nul:?}");
        let wrong = base.db.rows("SELECT nothing FROM nowhere", &[]).await.map(|rows| rows.len());
        assert!(matches!(wrong, Err(DbError::Broken(_))), "{base:?}: {wrong:?}");
    })
    .await;
}

/// Writes until the listener hears `wanted`: a listener in another process may have begun to listen only after the
/// first news.
async fn heard(writer: &Db, hearing: &mut Hearing, wanted: &Event) {
    let mut again = tokio::time::interval(Duration::from_millis(50));
    let hearing = async {
        loop {
            tokio::select! {
                event = hearing.next() => if event == *wanted { return },
                _ = again.tick() => {
                    let mut tx = writer.begin().await.unwrap();
                    tx.execute("DELETE FROM notes", &[]).await.unwrap();
                    tx.commit().await.unwrap();
                    add(writer, "news").await.unwrap();
                }
            }
        }
    };
    timeout(HANG, hearing).await.expect("nothing was heard");
}

#[tokio::test]
async fn news_reach_this_process_and_others() {
    on_every_database(async |base| {
        with_notes(&base.db).await;
        let other = base.again().await;
        let changed = Event::Changed { topic: "note".into(), id: "news".to_owned() };
        heard(&base.db, &mut base.db.listen(), &changed).await;
        // SQLite's file only tells that it was changed.
        let elsewhere = if base.kind == Kind::Sqlite { &Event::Perhaps } else { &changed };
        heard(&base.db, &mut other.listen(), elsewhere).await;
        heard(&other, &mut base.db.listen(), elsewhere).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_never_meet() {
    on_every_database(async |base| {
        with_notes(&base.db).await;
        let other = base.again().await;
        let mut writers = JoinSet::new();
        for writer in 0..50 {
            let db = if writer % 2 == 0 { base.db.clone() } else { other.clone() };
            writers.spawn(async move {
                for n in 0..4 {
                    let mut tx = db.begin().await?;
                    tx.rows("SELECT COUNT(*) AS n FROM notes", &[]).await?;
                    tx.execute(ADD, values![format!("{writer} {n}")]).await?;
                    tx.commit().await?;
                    db.rows("SELECT note FROM notes LIMIT 3", &[]).await?;
                }
                Ok::<_, DbError>(())
            });
        }
        while let Some(written) = timeout(HANG, writers.join_next()).await.expect("the writers hang") {
            written.unwrap().unwrap();
        }
        assert_eq!(notes(&base.db).await.len(), 200, "{base:?}");
    })
    .await;
}

#[tokio::test]
async fn the_clock_may_jump() {
    on_every_database(async |base: Database| {
        const HOUR: i64 = 3_600_000;
        let tx = base.db.begin().await.unwrap();
        let start = tx.now();
        base.clock.jump(HOUR);
        assert_eq!(tx.now(), start, "a transaction has one moment");
        drop(tx);
        let other = base.again().await;
        for db in [&base.db, &other] {
            assert!((start + HOUR..start + 2 * HOUR).contains(&db.now()), "{base:?}");
            assert!((start + HOUR..start + 2 * HOUR).contains(&db.begin().await.unwrap().now()), "{base:?}");
        }
        base.clock.jump(-2 * HOUR);
        assert!((start - HOUR..start).contains(&base.db.now()), "{base:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_once_whoever_opens() {
    on_every_url(async |url, kind, _folder| {
        if kind == Kind::Sqlite {
            // Otherwise they would take turns at making the file and choosing its journal.
            let options = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true);
            options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap().close().await.unwrap();
        }
        let mut opening = JoinSet::new();
        for _ in 0..16 {
            let url = url.clone();
            opening.spawn(async move { Db::open(&url, Clock::system()).await });
        }
        while let Some(opened) = timeout(HANG, opening.join_next()).await.expect("opening hangs") {
            let db = opened.unwrap().unwrap_or_else(|e| panic!("{kind:?}: {e}"));
            db.rows("SELECT id FROM jobs", &[]).await.unwrap();
            db.probe().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_newer_database_is_refused_in_one_sentence() {
    on_every_database(async |base| {
        let mut tx = base.db.begin().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     SELECT 9000, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
        tx.execute(newer, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let refused = Db::open(&base.url, Clock::system()).await.err().unwrap().to_string();
        assert!(refused.contains("a newer Samovar") && refused.contains("9000"), "{base:?}: {refused}");
        assert_eq!(refused.lines().count(), 1, "{base:?}: {refused}");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for url in ["", "mysql://x/y", "samovar.db", "postgres://x:notaport/y", "sqlite:///proc/no/such/place.db"] {
        let refused = Db::open(url, Clock::system()).await.err().unwrap();
        assert!(matches!(refused, DbError::Url(_)), "{url}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_restarts_of_the_server() {
    const WRITERS: usize = 8;
    let Some(server) = Postgres::start() else { return };
    let db = Db::open(&server.url, Clock::system()).await.unwrap();
    with_notes(&db).await;
    let stop = Arc::new(AtomicBool::new(false));
    let failures = Arc::new(AtomicUsize::new(0));
    let (acknowledged, mut count) = watch::channel(0_usize);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (db, stop, failures, acknowledged) = (db.clone(), stop.clone(), failures.clone(), acknowledged.clone());
        writers.spawn(async move {
            let mut written = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let note = format!("{writer} {}", written.len());
                let once = async || {
                    let added = add(&db, &note).await;
                    failures.fetch_add(usize::from(added.is_err()), Ordering::Relaxed);
                    added
                };
                db.retrying(once).await.unwrap();
                written.push(note);
                acknowledged.send_modify(|count| *count += 1);
            }
            written
        });
    }
    for restart in 1..=3 {
        let enough = restart * 200;
        timeout(HANG, count.wait_for(|count| *count >= enough)).await.expect("nobody writes").unwrap();
        server.stop();
        server.start_again();
    }
    let before = *count.borrow();
    timeout(HANG, count.wait_for(|count| *count >= before + 200)).await.expect("nobody writes").unwrap();
    stop.store(true, Ordering::Relaxed);
    let mut expected: Vec<String> = writers.join_all().await.concat();
    expected.sort();
    assert_eq!(notes(&db).await, expected);
    assert!(failures.load(Ordering::Relaxed) > 0, "no restart was noticed");
}

#[tokio::test]
async fn a_full_sqlite_refuses_for_the_moment_and_takes_again() {
    on_every_database(async |database| {
        if database.kind != Kind::Sqlite {
            return;
        }
        let db = &database.db;
        with_notes(db).await;
        // Of one connection and kept by it: the only one that writes. No smaller than the file is already.
        let limit = async |pages: &'static str| {
            let mut tx = db.begin().await.unwrap();
            tx.rows(pages, &[]).await.unwrap();
            tx.commit().await.unwrap();
        };
        limit("PRAGMA max_page_count = 1").await;
        let large = "x".repeat(1 << 20);
        for _ in 0..3 {
            let refused = add(db, &large).await.unwrap_err();
            assert!(refused.passes(), "{refused}");
        }
        limit("PRAGMA max_page_count = 1000000").await;
        add(db, &large).await.unwrap();
        assert_eq!(notes(db).await.len(), 1);
    })
    .await;
}
