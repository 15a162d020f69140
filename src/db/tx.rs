//! A transaction: statements that all happen or none, and the news that go out when they have.

use super::DbError;
use super::bell::{self, Bell, Event};
use super::statement::{Connection, Row, Value};
use sqlx::{Postgres, Sqlite, Transaction};
use std::sync::Arc;

/// An open transaction. Dropped without [`Self::commit`], it changes nothing.
pub struct Tx {
    open: Open,
    bell: Arc<Bell>,
    news: Vec<Event>,
    now: i64,
}

pub(super) enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(super) fn new(open: Open, bell: Arc<Bell>, now: i64) -> Self {
        Self { open, bell, news: Vec::new(), now }
    }

    /// The time of this transaction, milliseconds since 1970: one moment for all of its rows.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// `sql`, or with PostgreSQL `locking`: SQLite's transactions exclude each other and know no row locks.
    #[must_use]
    pub fn dialect(&self, sql: &'static str, locking: &'static str) -> &'static str {
        match self.open {
            Open::Sqlite(_) => sql,
            Open::Postgres(_) => locking,
        }
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be run. The transaction is then of no more use.
    pub async fn rows(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, DbError> {
        self.connection().rows(sql, values).await
    }

    /// Runs a statement and returns its first row.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn row(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, DbError> {
        self.connection().execute(sql, values).await
    }

    /// Tells those who listen, in this process and in others, once the transaction is committed.
    pub fn tell(&mut self, topic: &'static str, id: impl Into<String>) {
        let event = Event::Changed { topic: topic.into(), id: id.into() };
        if !self.news.contains(&event) {
            self.news.push(event);
        }
    }

    /// Makes it so, then tells.
    ///
    /// # Errors
    /// [`DbError`] when it could not be made so; after [`DbError::Unavailable`] it may have been all the same.
    pub async fn commit(mut self) -> Result<(), DbError> {
        match self.open {
            Open::Sqlite(tx) => tx.commit().await?,
            Open::Postgres(mut tx) => {
                for event in &self.news {
                    if let Some(payload) = self.bell.payload(event) {
                        sqlx::query("SELECT pg_notify($1, $2)")
                            .bind(bell::CHANNEL)
                            .bind(payload)
                            .execute(&mut *tx)
                            .await?;
                    }
                }
                tx.commit().await?;
            }
        }
        for event in self.news.drain(..) {
            self.bell.ring(event);
        }
        Ok(())
    }

    fn connection(&mut self) -> Connection<'_> {
        match &mut self.open {
            Open::Sqlite(tx) => Connection::Sqlite(tx),
            Open::Postgres(tx) => Connection::Postgres(tx),
        }
    }
}
