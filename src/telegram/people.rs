//! Who talks to the bot: the language, what is remembered of their tastes, whether messages reach them. In the table
//! `telegram_people`. It must not know what is asked.

use super::texts::Lang;
use super::words::format::Format;
use super::words::style::Style;
use crate::db::{Db, DbError, Row, Tx};
use crate::media::{Level, Owner};
use crate::values;
use serde::{Deserialize, Serialize};

/// What is remembered of somebody's choices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tastes {
    /// The shape of pictures.
    pub format: Format,
    /// The model; `None`: whoever answers first.
    pub model: Option<String>,
    /// What is added to prompts.
    pub style: Style,
    /// Whether pictures go as files.
    pub as_file: bool,
}

/// One person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Telegram's number.
    pub id: i64,
    /// Spoken with them.
    pub lang: Lang,
    /// How they are called.
    pub name: String,
    /// What is remembered.
    pub tastes: Tastes,
    /// Whether nothing of theirs is answered.
    pub banned: bool,
}

/// Who writes, as Telegram tells it.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Telegram's number.
    pub id: i64,
    /// How they are called.
    pub name: &'a str,
    /// Their unique name, without the @.
    pub username: Option<&'a str>,
    /// The language of their Telegram.
    pub language: Option<&'a str>,
}

/// The account of a person.
#[must_use]
pub fn owner(person: i64, admins: &[i64]) -> Owner {
    let level = if admins.contains(&person) { Level::Admin } else { Level::User };
    Owner { id: format!("tg:{person}"), level }
}

/// How many people there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// All of them.
    pub all: i64,
    /// Seen since.
    pub seen: i64,
    /// Met since.
    pub new: i64,
    /// Those whom no message reaches.
    pub blocked: i64,
}

/// The people. Cheap to clone.
#[derive(Clone)]
pub struct People {
    db: Db,
}

impl People {
    /// Those of this database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Who writes; somebody new is met in the language of their Telegram.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn meet(&self, sender: Sender<'_>) -> Result<Person, DbError> {
        let met = self.find(sender.id).await?;
        Ok(met.unwrap_or_else(|| Person {
            id: sender.id,
            lang: Lang::of(sender.language),
            name: sender.name.to_owned(),
            tastes: Tastes::default(),
            banned: false,
        }))
    }

    /// One person.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn find(&self, id: i64) -> Result<Option<Person>, DbError> {
        let row = self.db.row("SELECT * FROM telegram_people WHERE id = $1", values![id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Writes down what is known of somebody who just wrote: they can be reached again.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn keep(&self, tx: &mut Tx, person: &Person, username: Option<&str>) -> Result<(), DbError> {
        let now = tx.now();
        let tastes = serde_json::to_string(&person.tastes).unwrap_or_default();
        tx.execute(
            "INSERT INTO telegram_people (id, lang, name, username, tastes, first_at, seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT (id) DO UPDATE SET lang = excluded.lang, name = excluded.name, username = excluded.username,
                 tastes = excluded.tastes, seen_at = excluded.seen_at, blocked_at = NULL",
            values![person.id, person.lang.word(), &person.name, username.map(str::to_owned), tastes, now],
        )
        .await
        .map(drop)
    }

    /// Whether messages reach somebody, as Telegram tells it.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn reachable(&self, tx: &mut Tx, id: i64, reachable: bool) -> Result<(), DbError> {
        let at = (!reachable).then(|| tx.now());
        tx.execute("UPDATE telegram_people SET blocked_at = $2 WHERE id = $1", values![id, at]).await.map(drop)
    }

    /// Everybody whom a message to all reaches, after this number, in order.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn reachable_after(&self, id: i64, most: u32) -> Result<Vec<Person>, DbError> {
        let sql = "SELECT * FROM telegram_people WHERE id > $1 AND blocked_at IS NULL AND banned_at IS NULL
            ORDER BY id LIMIT $2";
        self.db.rows(sql, values![id, most]).await?.iter().map(read).collect()
    }

    /// How many there are, and how many came or came anew since this moment.
    ///
    /// # Errors
    /// [`DbError`] when they cannot be read.
    pub async fn counted(&self, since: i64) -> Result<Counted, DbError> {
        let sql = "SELECT COUNT(*) AS people,
                CAST(COALESCE(SUM(CASE WHEN seen_at >= $1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS seen,
                CAST(COALESCE(SUM(CASE WHEN first_at >= $1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS met,
                CAST(COALESCE(SUM(CASE WHEN blocked_at IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT) AS blocked
            FROM telegram_people";
        let Some(row) = self.db.row(sql, values![since]).await? else { return Ok(Counted::default()) };
        Ok(Counted {
            all: row.get("people")?,
            seen: row.get("seen")?,
            new: row.get("met")?,
            blocked: row.get("blocked")?,
        })
    }

    /// Forgets somebody and what they were in the middle of.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn delete(&self, tx: &mut Tx, id: i64) -> Result<(), DbError> {
        tx.execute("DELETE FROM telegram_sessions WHERE person = $1", values![id]).await?;
        tx.execute("DELETE FROM telegram_people WHERE id = $1", values![id]).await.map(drop)
    }
}

fn read(row: &Row) -> Result<Person, DbError> {
    Ok(Person {
        id: row.get("id")?,
        lang: row.get::<String>("lang")?.parse().unwrap_or(Lang::Ru),
        name: row.get("name")?,
        // A taste that cannot be read any more is chosen again.
        tastes: serde_json::from_str(&row.get::<String>("tastes")?).unwrap_or_default(),
        banned: row.get::<Option<i64>>("banned_at")?.is_some(),
    })
}
