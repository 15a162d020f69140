//! An order and what is asked by it. It must not know where orders are kept.

use crate::media::{AssetId, JobId, Owner, Request};
use crate::telegram::parcel::Place;
use crate::telegram::texts::Lang;
use crate::telegram::words::mode::Mode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When an order may be submitted that its owner has yet to agree to.
pub const HELD: i64 = i64::MAX;

/// Where a file of an order comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRef {
    /// Sent to the bot; Telegram has it.
    Sent(SentFile),
    /// Stored here.
    Stored(AssetId),
}

/// A file that Telegram has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// Telegram's name for it.
    pub id: String,
    /// Bytes, where they were told.
    pub size: Option<u64>,
    /// Its media type, where that was told.
    pub mime: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What the bot was asked to do.
    pub mode: Mode,
    /// The task of the request.
    pub task: String,
    /// The request without its files.
    pub request: Value,
    /// Its files, by their names in the request.
    #[serde(default)]
    pub files: Vec<(String, FileRef)>,
    /// What stands in the caption, as the person wrote it.
    #[serde(default)]
    pub words: String,
    /// What the person should be told with the answer.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Whether pictures go as files.
    #[serde(default)]
    pub as_file: bool,
    /// Whether it came in a group.
    #[serde(default)]
    pub in_group: bool,
    /// An album that may still grow.
    #[serde(default)]
    pub album: bool,
}

impl Asked {
    /// A request of this mode.
    #[must_use]
    pub fn new(mode: Mode, request: &Request, words: impl Into<String>) -> Self {
        Self {
            mode,
            task: request.task().to_owned(),
            // A request without files is plain data; what could not be written would be refused when it is read.
            request: request.to_json().unwrap_or(Value::Null),
            files: Vec::new(),
            words: words.into(),
            notes: Vec::new(),
            as_file: false,
            in_group: false,
            album: false,
        }
    }

    /// What stands for something that another version wrote.
    pub(super) fn unreadable() -> Self {
        Self {
            mode: Mode::Create,
            task: String::new(),
            request: Value::Null,
            files: Vec::new(),
            words: String::new(),
            notes: Vec::new(),
            as_file: false,
            in_group: false,
            album: false,
        }
    }

    /// The request, without its files.
    ///
    /// # Errors
    /// One sentence when another version wrote it.
    pub fn read(&self) -> Result<Request, String> {
        Request::from_json(&self.task, self.request.clone())
    }

    /// The same with a changed request.
    #[must_use]
    pub fn with(mut self, request: &Request) -> Self {
        self.task = request.task().to_owned();
        self.request = request.to_json().unwrap_or(Value::Null);
        self
    }

    /// The same with one more file.
    #[must_use]
    pub fn file(mut self, name: &str, file: FileRef) -> Self {
        self.files.push((name.to_owned(), file));
        self
    }
}

/// An order to be written down.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Names it: the same message makes one order.
    pub key: String,
    /// Where its answer goes.
    pub place: Place,
    /// Who asks.
    pub person: i64,
    /// The message it answers.
    pub message: Option<i32>,
    /// The language of its answer.
    pub lang: Lang,
    /// What is asked.
    pub asked: Asked,
    /// Whether its owner has yet to agree.
    pub held: bool,
    /// Milliseconds until it is submitted: more of it may come.
    pub delay: i64,
}

/// One order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Short, for people and buttons.
    pub number: i64,
    /// Where its answer goes.
    pub place: Place,
    /// Who asked.
    pub person: i64,
    /// The message it answers.
    pub message: Option<i32>,
    /// The language of its answer.
    pub lang: Lang,
    /// What is asked.
    pub asked: Asked,
    /// The job, once it was submitted.
    pub job: Option<JobId>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it may be submitted.
    pub not_before: i64,
    /// What came of it; `None` while it is open.
    pub outcome: Option<Outcome>,
}

impl Order {
    /// Whether its owner has yet to agree.
    #[must_use]
    pub fn held(&self) -> bool {
        self.not_before == HELD
    }

    /// The account that pays.
    #[must_use]
    pub fn owner(&self, admins: &[i64]) -> Owner {
        crate::telegram::people::owner(self.person, admins)
    }
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Done,
    /// Not answered.
    Failed,
    /// Cancelled by its owner.
    Cancelled,
    /// Its owner did not agree.
    Declined,
}

impl Outcome {
    pub(super) const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Cancelled, Self::Declined];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
        }
    }
}
