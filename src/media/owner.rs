//! Whose a job, a file or an account is, and what its level allows.

use serde::{Deserialize, Serialize};

/// What somebody may do and how much of it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Everybody.
    User,
    /// More free requests, and served before users.
    Subscriber,
    /// Sees and cancels everything, reads the reasons of failures, is served first.
    Admin,
}

impl Level {
    /// All of them, lowest first.
    pub const ALL: [Self; 3] = [Self::User, Self::Subscriber, Self::Admin];

    /// Its word in the configuration, the database and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Subscriber => "subscriber",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.word() == text);
        found.ok_or_else(|| format!("'{text}' is not one of user, subscriber, admin"))
    }
}

/// Whose something is: an account and its level at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The account: `key:NAME` for an API key, `tg:ID` for a Telegram user, `local` for whoever sits at the machine.
    pub id: String,
    /// What it allows.
    pub level: Level,
}

impl Owner {
    /// Whoever sits at the machine of a server without keys.
    #[must_use]
    pub fn local() -> Self {
        Self { id: "local".to_owned(), level: Level::Admin }
    }

    /// Whoever has shown nothing: owns nothing, and may do the least.
    #[must_use]
    pub fn nobody() -> Self {
        Self { id: String::new(), level: Level::User }
    }

    /// The holder of the API key of this name.
    #[must_use]
    pub fn key(name: &str, level: Level) -> Self {
        Self { id: format!("key:{name}"), level }
    }

    /// Sees and cancels the jobs of everybody, and reads the reasons of failures.
    #[must_use]
    pub fn admin(&self) -> bool {
        self.level == Level::Admin
    }

    /// Whether this one may see and cancel what belongs to the account `id`.
    #[must_use]
    pub fn may_see(&self, id: &str) -> bool {
        self.admin() || self.id == id
    }
}

/// The way a job came in, and so the way its answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Delivered as soon as it is done: it lies there to be fetched.
    Http,
    /// Delivered when Telegram has taken the message.
    Telegram,
}

impl Door {
    /// Its word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Telegram => "telegram",
        }
    }
}
