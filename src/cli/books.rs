//! What the commands about accounts share: the database opened, and an account's id understood.

use super::Usage;
use crate::accounts::{Account, Accounts, Keys};
use crate::config::Config;
use crate::db::{Clock, Db};
use crate::media::{Level, Owner};
use anyhow::Result;

/// The accounts and where they are kept.
pub struct Books {
    pub db: Db,
    pub accounts: Accounts,
}

/// Opens the database that is configured.
///
/// # Errors
/// When it cannot be used.
pub async fn open(config: &Config) -> Result<Books> {
    let db = Db::open(config.database(), Clock::system()).await?;
    let accounts = Accounts::new(db.clone(), config.accounts.clone());
    Ok(Books { db, accounts })
}

impl Books {
    /// The account of this id, with the level that its door would give it. Whether it is there already or not; but a
    /// key's name that nobody has is a slip of the pen.
    ///
    /// # Errors
    /// When the id is none, or names a key that does not exist.
    pub async fn owner(&self, config: &Config, id: &str) -> Result<Owner> {
        if id == Owner::local().id {
            return Ok(Owner::local());
        }
        if id.strip_prefix("tg:").is_some_and(|number| number.parse::<u64>().is_ok()) {
            return Ok(Owner { id: id.to_owned(), level: Level::User });
        }
        let Some(name) = id.strip_prefix("key:").filter(|name| !name.is_empty()) else {
            let accepted = "tg:NUMBER, key:NAME or local is accepted";
            return Err(Usage(format!("'{id}' is not the id of an account: {accepted}")).into());
        };
        let configured = config.api_keys.iter().find(|key| key.name == name).map(|key| key.level);
        let level = match configured {
            Some(level) => Some(level),
            None => Keys::list(&self.db).await?.into_iter().find(|key| key.name == name).map(|key| key.level),
        };
        match level {
            Some(level) => Ok(Owner::key(name, level)),
            None if self.accounts.find(id).await?.is_some() => Ok(Owner::key(name, Level::User)),
            None => Err(Usage(format!("there is no API key named {name}, and no account of one")).into()),
        }
    }

    /// The account of this id, which must be there.
    ///
    /// # Errors
    /// As [`Self::owner`], and when nobody used it yet.
    pub async fn account(&self, config: &Config, id: &str) -> Result<(Owner, Account)> {
        let owner = self.owner(config, id).await?;
        let found = self.accounts.find(id).await?;
        let account =
            found.ok_or_else(|| Usage(format!("there is no account {id} yet; its first request makes it")))?;
        Ok((owner, account))
    }
}
