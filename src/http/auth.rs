//! Who may come in.

use secrecy::SecretString;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Its own jobs and files.
    User,
    /// Everybody's, and the reasons of failures.
    Admin,
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            other => Err(format!("'{other}' is not one of user, admin")),
        }
    }
}

/// One key as it is configured.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is: owner of the jobs made with it.
    pub name: String,
    /// The key itself.
    pub key: SecretString,
    /// What it allows.
    pub level: Level,
}
