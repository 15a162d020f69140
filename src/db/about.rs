//! What database this is, for whoever looks after it.

use super::{Db, DbError, Pools};

/// What database this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The program that keeps it.
    pub program: &'static str,
    /// Its version.
    pub version: String,
    /// How large it is on the disk.
    pub bytes: u64,
}

impl Db {
    /// What database this is and how large.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be asked.
    pub async fn about(&self) -> Result<About, DbError> {
        let (program, sql) = match self.pools {
            Pools::Sqlite { .. } => (
                "SQLite",
                "SELECT sqlite_version() AS version, page_count * page_size AS bytes
                 FROM pragma_page_count(), pragma_page_size()",
            ),
            Pools::Postgres(_) => (
                "PostgreSQL",
                "SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes",
            ),
        };
        let row = self.row(sql, &[]).await?.ok_or(sqlx::Error::RowNotFound)?;
        let bytes = u64::try_from(row.get::<i64>("bytes")?).unwrap_or_default();
        Ok(About { program, version: row.get("version")?, bytes })
    }
}
