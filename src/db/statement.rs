//! One statement with its values, on either kind of connection, and the rows that come back.

use super::DbError;
use sqlx::error::UnexpectedNullError;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Arguments, Database, Decode, Encode, Postgres, Row as _, Sqlite, Type};

/// A value of a statement. Each kind knows that it may be absent: PostgreSQL wants the type of a NULL, too.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `BIGINT`. Also truth values (0 and 1), milliseconds, kopecks.
    Int(Option<i64>),
    /// `TEXT`.
    Text(Option<String>),
    /// `DOUBLE PRECISION`.
    Real(Option<f64>),
}

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr),+ $(,)?) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        })+
    };
}

from! {
    i64 => |v| Self::Int(Some(v)),
    u32 => |v| Self::Int(Some(v.into())),
    bool => |v| Self::Int(Some(v.into())),
    Option<i64> => |v| Self::Int(v),
    f64 => |v| Self::Real(Some(v)),
    Option<f64> => |v| Self::Real(v),
    &str => |v| Self::Text(Some(v.to_owned())),
    &String => |v| Self::Text(Some(v.clone())),
    String => |v| Self::Text(Some(v)),
    Option<String> => |v| Self::Text(v),
    Option<&str> => |v| Self::Text(v.map(str::to_owned)),
}

/// One row. Columns are read by name, as `i64`, `f64`, `String` or an `Option` of these.
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

/// What a column can be read as.
pub trait Column: Sized {
    /// What NULL is read as; `None` where it is an error. SQLite by itself would read 0 or an empty text.
    fn absent() -> Option<Self> {
        None
    }
}

impl Column for i64 {}
impl Column for f64 {}
impl Column for String {}
impl<T: Column> Column for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl Row {
    /// A column.
    ///
    /// # Errors
    /// [`DbError::Broken`] when it is not there, of another type, or NULL where `T` cannot be absent.
    pub fn get<T: Column>(&self, column: &str) -> Result<T, DbError>
    where
        Option<T>: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let found: Option<T> = match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        };
        let null = || sqlx::Error::ColumnDecode { index: column.to_owned(), source: UnexpectedNullError.into() };
        Ok(found.or_else(T::absent).ok_or_else(null)?)
    }
}

/// Where a statement is run.
pub(super) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection<'_> {
    pub(super) async fn rows(self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql, arguments::<Sqlite>(values)?);
                Ok(query.fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_with(sql, arguments::<Postgres>(values)?);
                Ok(query.fetch_all(connection).await?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Returns the number of rows changed.
    pub(super) async fn execute(self, sql: &'static str, values: &[Value]) -> Result<u64, DbError> {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql, arguments::<Sqlite>(values)?);
                Ok(query.execute(connection).await?.rows_affected())
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_with(sql, arguments::<Postgres>(values)?);
                Ok(query.execute(connection).await?.rows_affected())
            }
        }
    }
}

fn arguments<D: Database>(values: &[Value]) -> Result<D::Arguments, DbError>
where
    for<'q> Option<i64>: Encode<'q, D> + Type<D>,
    for<'q> Option<String>: Encode<'q, D> + Type<D>,
    for<'q> Option<f64>: Encode<'q, D> + Type<D>,
{
    let mut arguments = D::Arguments::default();
    for value in values {
        let added = match value {
            Value::Int(value) => arguments.add(*value),
            // PostgreSQL would refuse it, SQLite would cut it off in some functions.
            Value::Text(Some(text)) if text.contains('\0') => {
                return Err(DbError::Refused(sqlx::Error::Encode("a text holds a NUL".into())));
            }
            Value::Text(value) => arguments.add(value.clone()),
            Value::Real(value) => arguments.add(*value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
