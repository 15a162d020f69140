//! The time that rows are stamped with: the system's, the database server's, or a test's.

use super::DbError;
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that can be moved. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds that the database server is ahead of the system's time.
    server: Arc<AtomicI64>,
    /// Milliseconds that the clock was moved.
    moved: Arc<AtomicI64>,
}

impl Clock {
    /// The system's time.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        system() + self.server.load(Ordering::Relaxed) + self.moved.load(Ordering::Relaxed)
    }

    /// Moves the clock, as a machine's clock jumps when somebody sets it. Negative: back.
    pub fn jump(&self, milliseconds: i64) {
        self.moved.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Takes the server's time for this one's: machines that share a database must agree on when a lease ends.
    pub(super) async fn follow(&self, pool: &PgPool) -> Result<(), DbError> {
        let before = system();
        let server: i64 = sqlx::query_scalar("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(pool)
            .await?;
        let half_way = i64::midpoint(before, system());
        self.server.store(server - half_way, Ordering::Relaxed);
        Ok(())
    }
}

fn system() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
