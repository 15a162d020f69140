//! The database: connections, transactions, migrations, the clock that its rows are stamped with, and the bell that
//! tells of changes. SQLite by default, PostgreSQL where several machines share the work; every statement is written
//! once, in the SQL that both understand.
//!
//! Must not know what any table means: each room writes its own statements, in its own tables.

mod about;
mod bell;
mod clock;
mod error;
mod migrations;
mod statement;
mod tx;

pub use about::About;
pub use bell::{Event, Hearing};
pub use clock::Clock;
pub use error::{DbError, Passing};
pub use statement::{Column, Row, Value};
pub use tx::Tx;

use bell::Bell;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, PgPool, SqlitePool};
use statement::Connection;
use std::fs::File;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a statement waits for another process's transaction (SQLite), or for a free connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections that only read (SQLite), or of any kind (PostgreSQL).
const CONNECTIONS: u32 = 8;
/// How long [`Db::retrying`] goes on while the database cannot be reached.
const OUTAGE: Duration = Duration::from_secs(15);

/// The values of a statement, in the order of `$1`, `$2` …
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Value::from($value)),*] };
}

/// A statement that reads rows, with the lock that keeps them as they are until the transaction ends. SQLite's
/// transactions exclude each other and know no such word.
#[macro_export]
macro_rules! locking {
    ($tx:expr, $sql:literal, $lock:literal) => {
        $tx.dialect($sql, concat!($sql, " ", $lock))
    };
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pools: Pools,
    clock: Clock,
    bell: Arc<Bell>,
    _listener: Arc<DropGuard>,
}

#[derive(Clone)]
enum Pools {
    /// One connection writes, so that no writer ever meets another one of this process.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

impl Db {
    /// Opens `sqlite://PATH` (made when absent) or `postgres://…` and brings its tables up to date.
    ///
    /// # Errors
    /// [`DbError::Url`] for any other address and when it was written by a newer version, [`DbError::Unavailable`] when
    /// nobody answers there.
    pub async fn open(url: &str, clock: Clock) -> Result<Self, DbError> {
        let bell = Arc::new(Bell::default());
        let stop = CancellationToken::new();
        let pools = if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            let path = Path::new(path.split('?').next().unwrap_or(path));
            let options = sqlite(path)?;
            // Migrations and the choice of the journal need the only writer first.
            let write = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
                // After a full disk SQLite ends the transaction by itself, which sqlx does not notice: such a connection
                // would refuse every later one. The ping waits for a rollback that is under way.
                .after_release(|connection, _| {
                    Box::pin(async move {
                        connection.ping().await?;
                        Ok(!connection.is_in_transaction())
                    })
                })
                .connect_with(options.clone())
                .await?;
            let alone = alone_in(folder_of(path)).await?;
            migrations::sqlite().run(&write).await?;
            drop(alone);
            let read = SqlitePoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
                .connect_lazy_with(options.read_only(true));
            tokio::spawn(bell::poll_sqlite(Arc::clone(&bell), read.clone(), stop.clone()));
            Pools::Sqlite { read, write }
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url).map_err(|e| DbError::Url(e.to_string()))?;
            let options = options.application_name("samovar").disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .connect_with(options)
                .await?;
            migrations::postgres().run(&pool).await?;
            tokio::spawn(bell::listen_postgres(Arc::clone(&bell), pool.clone(), clock.clone(), stop.clone()));
            clock.follow(&pool).await?;
            Pools::Postgres(pool)
        } else {
            return Err(DbError::Url("sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME is accepted".to_owned()));
        };
        Ok(Self { pools, clock, bell, _listener: Arc::new(stop.drop_guard()) })
    }

    /// Milliseconds since 1970, as every row is stamped. With PostgreSQL it is the server's time on every machine.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// A transaction. Dropped without [`Tx::commit`], it changes nothing.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the database cannot be reached.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let open = match &self.pools {
            // IMMEDIATE: one that starts by reading and then writes could meet another process's writer half-way.
            Pools::Sqlite { write, .. } => tx::Open::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => tx::Open::Postgres(pool.begin().await?),
        };
        Ok(Tx::new(open, Arc::clone(&self.bell), self.clock.now()))
    }

    /// The rows of a statement that only reads, outside of any transaction.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be run.
    pub async fn rows(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, DbError> {
        match &self.pools {
            Pools::Sqlite { read, .. } => {
                let mut connection = read.acquire().await?;
                Connection::Sqlite(&mut connection).rows(sql, values).await
            }
            Pools::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                Connection::Postgres(&mut connection).rows(sql, values).await
            }
        }
    }

    /// The first row of a statement that only reads.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn row(&self, sql: &'static str, values: &[Value]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Tells of every change from now on, of this process and of others.
    #[must_use]
    pub fn listen(&self) -> Hearing {
        self.bell.listen()
    }

    /// Does `work` again while it fails only because the database is out of reach for the moment. The work must be
    /// safe to repeat: a commit whose answer was lost may have happened.
    ///
    /// # Errors
    /// What the work failed with last.
    pub async fn retrying<T, E, W>(&self, mut work: impl FnMut() -> W) -> Result<T, E>
    where
        E: Passing,
        W: Future<Output = Result<T, E>>,
    {
        let start = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            match work().await {
                Err(error) if error.passes() && start.elapsed() < OUTAGE => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                other => return other,
            }
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// One sentence that says why not.
    pub async fn probe(&self) -> Result<(), String> {
        let asked = tokio::time::timeout(Duration::from_secs(3), self.rows("SELECT 1", &[])).await;
        match asked {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the database does not answer".to_owned()),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Locks the folder until the file is dropped: of processes that open the same SQLite at once, one makes the tables.
/// PostgreSQL has a lock for that.
async fn alone_in(folder: &Path) -> Result<File, DbError> {
    let folder = folder.to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let open = File::open(&folder)?;
        open.lock()?;
        Ok(open)
    });
    locked.await.unwrap_or_else(|e| Err(io::Error::other(e))).map_err(|e| DbError::Unavailable(e.into()))
}

fn sqlite(path: &Path) -> Result<SqliteConnectOptions, DbError> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder)
        .map_err(|e| DbError::Url(format!("the folder {} cannot be made: {e}", folder.display())))?;
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what was answered survives a power cut too, not only the end of this process.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging())
}
