//! What is known of a stored file beside its bytes, and its row in the table `assets`.

use crate::db::{Db, DbError, Row};
use crate::media::{AssetId, Failure};
use crate::values;
use bytes::Bytes;
use serde_json::Value;

/// How a file came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Drawn, spoken or written here.
    Generated,
    /// Sent by its owner: personal, so kept only for a short while.
    Uploaded,
    /// Made here from another file.
    Derived,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Generated, Self::Uploaded, Self::Derived];

    /// Its word in the database and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Uploaded => "uploaded",
            Self::Derived => "derived",
        }
    }
}

/// A file to be stored.
#[derive(Debug, Clone)]
pub struct NewAsset {
    /// The file itself.
    pub bytes: Bytes,
    /// Its media type, such as `image/png`.
    pub content_type: String,
    /// The account it belongs to.
    pub owner: String,
    /// How it came to be.
    pub kind: Kind,
    /// What it was made from.
    pub parent: Option<AssetId>,
    /// More about it, such as `{"width": 512, "height": 512}`; a JSON object.
    pub metadata: Value,
}

/// What is known of a stored file beside its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// Its id.
    pub id: AssetId,
    /// The account it belongs to.
    pub owner: String,
    /// How it came to be.
    pub kind: Kind,
    /// What it was made from; that may be gone already.
    pub parent: Option<AssetId>,
    /// Its media type, such as `image/png`.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// More about it; a JSON object.
    pub metadata: Value,
    /// What is wrong with its bytes, one sentence.
    pub error: Option<String>,
    /// When it was stored, milliseconds since 1970.
    pub created_at: i64,
    /// When it ceases to exist, milliseconds since 1970.
    pub expires_at: i64,
}

/// Writes the row; the file exists from now on.
pub(super) async fn insert(db: &Db, meta: &Meta) -> Result<(), DbError> {
    // A commit whose answer was lost is tried again: the same row then stands there already.
    let sql = "INSERT INTO assets (id, owner, kind, parent, content_type, size, metadata, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    let values = values![
        meta.id.to_string(),
        &meta.owner,
        meta.kind.word(),
        meta.parent.map(|parent| parent.to_string()),
        &meta.content_type,
        i64::try_from(meta.size).unwrap_or(i64::MAX),
        meta.metadata.to_string(),
        meta.created_at,
        meta.expires_at,
    ];
    execute(db, sql, values).await.map(drop)
}

/// The row, unless its time is over.
pub(super) async fn read(db: &Db, id: AssetId) -> Result<Option<Meta>, Failure> {
    let sql = "SELECT * FROM assets WHERE id = $1 AND expires_at > $2";
    let Some(row) = db.row(sql, values![id.to_string(), db.now()]).await? else { return Ok(None) };
    meta(id, &row).map(Some)
}

fn meta(id: AssetId, row: &Row) -> Result<Meta, Failure> {
    let broken = |what: &str| Failure::internal(format!("the {what} of the asset {id} cannot be read"));
    let (kind, parent): (String, Option<String>) = (row.get("kind")?, row.get("parent")?);
    Ok(Meta {
        id,
        owner: row.get("owner")?,
        kind: Kind::ALL.into_iter().find(|known| known.word() == kind).ok_or_else(|| broken("kind"))?,
        parent: parent.map(|parent| parent.parse().map_err(|_| broken("parent"))).transpose()?,
        content_type: row.get("content_type")?,
        size: u64::try_from(row.get::<i64>("size")?).map_err(|_| broken("size"))?,
        metadata: serde_json::from_str(&row.get::<String>("metadata")?).map_err(|_| broken("metadata"))?,
        error: row.get("error")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Notes what is wrong with the bytes, or that nothing is any more.
pub(super) async fn mark(db: &Db, id: AssetId, error: Option<&str>) -> Result<(), DbError> {
    execute(db, "UPDATE assets SET error = $2 WHERE id = $1", values![id.to_string(), error]).await.map(drop)
}

/// Whether there was a row to remove.
pub(super) async fn remove(db: &Db, id: AssetId) -> Result<bool, DbError> {
    Ok(execute(db, "DELETE FROM assets WHERE id = $1", values![id.to_string()]).await? > 0)
}

/// Removes up to `most` rows whose time was over at `now`, and says which.
pub(super) async fn remove_expired(db: &Db, now: i64, most: u32) -> Result<Vec<AssetId>, DbError> {
    let sql = "DELETE FROM assets WHERE id IN \
               (SELECT id FROM assets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING id";
    db.retrying(|| async {
        let mut tx = db.begin().await?;
        let rows = tx.rows(sql, values![now, most]).await?;
        tx.commit().await?;
        ids(&rows)
    })
    .await
}

/// Removes up to `most` rows of an owner, and says which.
pub(super) async fn remove_of(db: &Db, owner: &str, most: u32) -> Result<Vec<AssetId>, DbError> {
    let sql = "DELETE FROM assets WHERE id IN (SELECT id FROM assets WHERE owner = $1 LIMIT $2) RETURNING id";
    db.retrying(|| async {
        let mut tx = db.begin().await?;
        let rows = tx.rows(sql, values![owner, most]).await?;
        tx.commit().await?;
        ids(&rows)
    })
    .await
}

/// Those of `asked` that have a row.
pub(super) async fn existing(db: &Db, asked: &[AssetId]) -> Result<Vec<AssetId>, DbError> {
    let list = Value::from_iter(asked.iter().map(AssetId::to_string)).to_string();
    db.retrying(|| async {
        let mut tx = db.begin().await?;
        let sql = tx.dialect(
            "SELECT id FROM assets WHERE id IN (SELECT value FROM json_each($1))",
            "SELECT id FROM assets WHERE id IN (SELECT json_array_elements_text(CAST($1 AS JSON)))",
        );
        ids(&tx.rows(sql, values![&list]).await?)
    })
    .await
}

fn ids(rows: &[Row]) -> Result<Vec<AssetId>, DbError> {
    let texts = rows.iter().map(|row| row.get::<String>("id"));
    // A row whose id is none cannot be asked for either; nothing is lost by leaving it out.
    texts.filter_map(|text| text.map(|text| text.parse().ok()).transpose()).collect()
}

async fn execute(db: &Db, sql: &'static str, values: &[crate::db::Value]) -> Result<u64, DbError> {
    db.retrying(|| async {
        let mut tx = db.begin().await?;
        let changed = tx.execute(sql, values).await?;
        tx.commit().await?;
        Ok(changed)
    })
    .await
}
