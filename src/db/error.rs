//! Why the database did not do what it was told, in the classes that code decides on.

use crate::media::Failure;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The address is none.
    #[error("the database cannot be opened: {0}")]
    Url(String),
    /// Nobody answers, or the connection was cut. It may come back.
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction was in the way. The same again will do.
    #[error("the database was busy with another change: {0}")]
    Conflict(#[source] sqlx::Error),
    /// A rule of the tables forbids it: something of the kind is there already, or a value is out of bounds.
    #[error("the database refused the change: {0}")]
    Refused(#[source] sqlx::Error),
    /// Anything else: a statement that is wrong, a file that is damaged.
    #[error("the database failed: {0}")]
    Broken(#[source] sqlx::Error),
}

/// Whether an error is over by itself after a while.
pub trait Passing {
    /// Whether the same may work a moment later.
    fn passes(&self) -> bool;
}

impl Passing for DbError {
    fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_))
    }
}

impl Passing for Failure {
    fn passes(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => {
                Self::Unavailable(error)
            }
            // What a cut connection leaves half-read, and what a full disk leaves half-ended.
            E::Protocol(_) | E::InvalidSavePointStatement => Self::Unavailable(error),
            E::Database(said) => {
                let code = said.code().unwrap_or_default();
                match class(&code) {
                    Class::OutOfReach => Self::Unavailable(error),
                    Class::InTheWay => Self::Conflict(error),
                    Class::Other
                        if said.is_unique_violation()
                            || said.is_check_violation()
                            || said.is_foreign_key_violation() =>
                    {
                        Self::Refused(error)
                    }
                    Class::Other => Self::Broken(error),
                }
            }
            _ => Self::Broken(error),
        }
    }
}

enum Class {
    OutOfReach,
    InTheWay,
    Other,
}

/// PostgreSQL's codes have five characters; SQLite's are numbers whose lowest byte is the kind.
fn class(code: &str) -> Class {
    if code.len() == 5 {
        return match code {
            "40001" | "40P01" => Class::InTheWay,
            // Connection exceptions, not enough resources, an operator's shutdown, starting up, a time that ran out, a
            // server that only reads for the moment.
            _ if ["08", "53", "57P"].iter().any(|kind| code.starts_with(kind)) => Class::OutOfReach,
            "57014" | "25006" => Class::OutOfReach,
            _ => Class::Other,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED.
        Ok(5 | 6) => Class::InTheWay,
        // IOERR, FULL: the disk may have room again.
        Ok(10 | 13) => Class::OutOfReach,
        _ => Class::Other,
    }
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            sqlx::migrate::MigrateError::VersionMissing(version) => Self::Url(format!(
                "it was written by a newer Samovar (its tables are at version {version}); a newer program is needed"
            )),
            other => Self::Broken(sqlx::Error::Migrate(Box::new(other))),
        }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        tracing::error!(%error, "the database did not do what it was told");
        if error.passes() {
            let message = "the database cannot be used at the moment; please try again shortly".to_owned();
            return Self::Unavailable { message };
        }
        Self::internal("the database failed; the server's log says why")
    }
}
