//! What administrators switched, in the table `telegram_switches`: the pause, and what was told already. It must not
//! know who switches.

use crate::db::{Db, DbError, Tx};
use crate::values;

/// New jobs are not taken.
pub const PAUSED: &str = "paused";

/// The switches. Cheap to clone.
#[derive(Clone)]
pub struct Switches {
    db: Db,
}

impl Switches {
    /// Those of this database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// What a switch says; `None` while it is off.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn get(&self, name: &str) -> Result<Option<String>, DbError> {
        let row = self.db.row("SELECT value FROM telegram_switches WHERE name = $1", values![name]).await?;
        row.map(|row| row.get("value")).transpose()
    }

    /// The switches that are on whose names begin so.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn named(&self, prefix: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT name FROM telegram_switches WHERE name LIKE $1 ORDER BY name";
        self.db.rows(sql, values![format!("{prefix}%")]).await?.iter().map(|row| row.get("name")).collect()
    }

    /// Switches on, with a value.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn on(&self, tx: &mut Tx, name: &str, value: &str) -> Result<(), DbError> {
        let sql = "INSERT INTO telegram_switches (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        tx.execute(sql, values![name, value]).await.map(drop)
    }

    /// Switches off. Returns whether it was on.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn off(&self, tx: &mut Tx, name: &str) -> Result<bool, DbError> {
        Ok(tx.execute("DELETE FROM telegram_switches WHERE name = $1", values![name]).await? > 0)
    }
}
