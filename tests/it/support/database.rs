//! A fresh database for each test, of both kinds: what is true of one must be true of the other.

use futures::FutureExt;
use samovar::db::{Clock, Db};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::fmt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// Which program keeps the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database with no rows. Its file, or its place in the server, is gone with the test.
pub struct Database {
    pub db: Db,
    /// What `DATABASE_URL` would be.
    pub url: String,
    pub kind: Kind,
    /// The clock of [`Self::db`].
    pub clock: Clock,
    /// Where SQLite's file lies.
    _folder: TempDir,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.url)
    }
}

impl Database {
    /// Opened once more, with connections and listeners of its own, as another process would.
    pub async fn again(&self) -> Db {
        Db::open(&self.url, self.clock.clone()).await.unwrap()
    }
}

/// Runs a test on SQLite and on PostgreSQL, each with a fresh database.
pub async fn on_every_database(test: impl AsyncFn(Database)) {
    on_every_url(async |url, kind, folder| {
        let clock = Clock::system();
        let db = Db::open(&url, clock.clone()).await.unwrap();
        test(Database { db, url, kind, clock, _folder: folder }).await;
    })
    .await;
}

/// As [`on_every_database`], with the address of a database that nobody opened yet.
pub async fn on_every_url(test: impl AsyncFn(String, Kind, TempDir)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("samovar.db").display());
    test(url, Kind::Sqlite, folder).await;

    let Some(server) = postgres_of_the_tests() else { return };
    let name = format!("test_{}", Uuid::new_v4().simple());
    tell(&server, format!("CREATE DATABASE {name}")).await;
    let mut url = Url::parse(&server).unwrap();
    url.set_path(&name);
    let done = AssertUnwindSafe(test(url.into(), Kind::Postgres, tempfile::tempdir().unwrap())).catch_unwind().await;
    // With FORCE: connections of the test may be closing still.
    tell(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = done {
        resume_unwind(panic);
    }
}

/// The server in which the tests make their databases.
pub fn postgres_of_the_tests() -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "where the server of the tests is; no variable of the program")]
    let server = std::env::var("SAMOVAR_TEST_POSTGRES").ok();
    if server.is_none() {
        println!("not on PostgreSQL: run this by scripts/test_postgres.sh run COMMAND, as scripts/test.sh does");
    }
    server
}

async fn tell(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
}
