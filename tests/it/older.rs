//! Databases that an older version wrote are brought up to date, and what was in them is there.

use crate::support::database::{Kind, on_every_url};
use samovar::db::{Clock, Db};
use samovar::statistics::Statistics;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, PgConnection, SqlStr};
use std::path::Path;
use std::str::FromStr;

/// A job that waits and one that is done, as the first version wrote them.
const ROWS: &str = r#"
    INSERT INTO jobs (id, task, owner, door, blocked, input, needs, state, priority, turn, not_before, attempt,
        max_attempts, cancel_requested, step, steps, fingerprint, created_at)
    VALUES ('0193492e-0000-7000-8000-000000000001', 'image.generate', 'key:alice', 'http', 0, '{"prompt":"самовар"}', '',
        'queued', 2, 1, 0, 0, 3, 0, 0, 0, 'f1', 1763650000000);
    INSERT INTO jobs (id, task, owner, door, blocked, input, needs, state, priority, turn, not_before, attempt,
        max_attempts, cancel_requested, step, steps, fingerprint, created_at, started_at, finished_at, answer)
    VALUES ('0193492e-0000-7000-8000-000000000002', 'image.generate', 'tg:1', 'telegram', 0, '{}', '', 'done', 1, 2, 0, 1,
        3, 0, 4, 4, 'f2', 1763650000001, 1763650000002, 1763650000003, '{"pictures":[]}');
    INSERT INTO paces (task, mean_ms) VALUES ('image.generate', 1234.5);
"#;

/// A database as the first version left it: the first step alone, with a few rows.
async fn first_version(url: &str, kind: Kind) {
    let tables = SqlStr::from_static(include_str!("../../src/db/migrations/0001_jobs.sql"));
    let step = Migration::new(1, "jobs".into(), MigrationType::Simple, tables, false);
    let first = Migrator::with_migrations(vec![step]);
    match kind {
        Kind::Sqlite => {
            let options = SqliteConnectOptions::from_str(url).unwrap().create_if_missing(true);
            let mut connection: SqliteConnection = options.connect().await.unwrap();
            first.run(&mut connection).await.unwrap();
            sqlx::raw_sql(ROWS).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            first.run(&mut connection).await.unwrap();
            sqlx::raw_sql(ROWS).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// Opens it twice, as two starts do, and looks whether everything is there.
async fn check(url: &str) {
    for _ in 0..2 {
        let db = Db::open(url, Clock::system()).await.unwrap();
        let jobs =
            db.rows("SELECT id, state, input, created_at, finished_at FROM jobs ORDER BY id", &[]).await.unwrap();
        let states: Vec<String> = jobs.iter().map(|row| row.get("state").unwrap()).collect();
        assert_eq!(states, ["queued", "done"], "{url}");
        assert_eq!(jobs[0].get::<String>("input").unwrap(), r#"{"prompt":"самовар"}"#);
        assert_eq!(jobs[0].get::<Option<i64>>("finished_at").unwrap(), None);
        assert_eq!(jobs[1].get::<i64>("finished_at").unwrap(), 1_763_650_000_003);
        let pace = db.row("SELECT mean_ms FROM paces", &[]).await.unwrap().unwrap();
        assert!((pace.get::<f64>("mean_ms").unwrap() - 1234.5).abs() < 1e-9);
        assert_eq!(Statistics::new(db).totals(1).await.unwrap(), [], "the latest tables are there, too");
    }
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date() {
    on_every_url(async |url, kind, _folder| {
        first_version(&url, kind).await;
        check(&url).await;
    })
    .await;
}

/// A file as it lay on somebody's disk: it also holds the released first step to what it was then.
#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/first_version.db");
    if !released.exists() {
        std::fs::create_dir_all(released.parent().unwrap()).unwrap();
        first_version(&format!("sqlite://{}", released.display()), Kind::Sqlite).await;
        panic!("{} was not there and has been made: commit it", released.display());
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("samovar.db");
    std::fs::copy(released, &copy).unwrap();
    check(&format!("sqlite://{}", copy.display())).await;
}
