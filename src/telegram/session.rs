//! What somebody is in the middle of, by chat, person and topic: in the table `telegram_sessions`. It must not know
//! what any step means.

use super::orders::{Asked, FileRef};
use super::parcel::Place;
use super::words::mode::Mode;
use crate::db::{Db, DbError, Tx};
use crate::values;
use serde::{Deserialize, Serialize};

/// After so many milliseconds without a word, what somebody was in the middle of is over.
const LIFE: i64 = 30 * 60_000;

/// Where somebody stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Nowhere: words alone are a wish for a picture.
    #[default]
    Idle,
    /// A mode waits for what it asked for.
    Mode {
        /// Which one.
        mode: Mode,
        /// Pictures that were sent already.
        #[serde(default)]
        pictures: Vec<FileRef>,
        /// Words that were sent already: the text to be added, the change to be made.
        #[serde(default)]
        words: Option<String>,
        /// The album of which the last picture was.
        #[serde(default)]
        album: Option<String>,
    },
    /// New words for an order that is otherwise done again with the same seed.
    Reword {
        /// What is done again.
        asked: Box<Asked>,
    },
    /// An administrator wrote a message to everybody.
    Broadcast {
        /// The message: HTML.
        text: String,
        /// The update that asked.
        matter: i64,
    },
    /// An administrator changes a balance and was asked whether it is right.
    TopUp {
        /// Whose.
        account: i64,
        /// Kopecks.
        amount: i64,
        /// Why.
        reason: String,
        /// Names the change.
        once: String,
    },
}

impl Step {
    /// A mode that waits for its first input.
    #[must_use]
    pub fn mode(mode: Mode) -> Self {
        Self::Mode { mode, pictures: Vec::new(), words: None, album: None }
    }
}

/// The sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    db: Db,
}

impl Sessions {
    /// Those of this database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Where somebody stands. What is too old, or was written by another version, is over.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be read.
    pub async fn load(&self, place: Place, person: i64) -> Result<Step, DbError> {
        let sql = "SELECT state FROM telegram_sessions
            WHERE chat = $1 AND person = $2 AND topic = $3 AND changed_at > $4";
        let topic = i64::from(place.topic.unwrap_or_default());
        let values = values![place.chat, person, topic, self.db.now() - LIFE];
        let Some(row) = self.db.row(sql, values).await? else { return Ok(Step::Idle) };
        Ok(serde_json::from_str(&row.get::<String>("state")?).unwrap_or_default())
    }

    /// Writes down where somebody stands now.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn keep(&self, tx: &mut Tx, place: Place, person: i64, step: &Step) -> Result<(), DbError> {
        let (topic, now) = (i64::from(place.topic.unwrap_or_default()), tx.now());
        if *step == Step::Idle {
            let sql = "DELETE FROM telegram_sessions WHERE chat = $1 AND person = $2 AND topic = $3";
            return tx.execute(sql, values![place.chat, person, topic]).await.map(drop);
        }
        let state = serde_json::to_string(step).unwrap_or_default();
        tx.execute(
            "INSERT INTO telegram_sessions (chat, person, topic, state, changed_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (chat, person, topic) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at",
            values![place.chat, person, topic, state, now],
        )
        .await
        .map(drop)
    }

    /// Deletes what is over.
    ///
    /// # Errors
    /// [`DbError`] when it could not be written.
    pub async fn sweep(&self) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        let before = tx.now() - LIFE;
        tx.execute("DELETE FROM telegram_sessions WHERE changed_at < $1", values![before]).await?;
        tx.commit().await
    }
}
