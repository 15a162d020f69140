//! `samovar keys`: who may use the HTTP API, and with which keys providers are asked.

use super::{Usage, provider_keys, say};
use crate::accounts::{Keys, NewKey, StoredKey};
use crate::app::providers::Remotes;
use crate::config::Config;
use crate::db::{Clock, Db};
use crate::media::calendar::shown;
use crate::media::{Failure, Level};
use anyhow::Result;
use clap::Subcommand;
use secrecy::ExposeSecret;

/// API keys, and keys of providers.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key and print it, once: it is kept only as a hash
    Add {
        /// Whose it is
        name: String,
        /// user, subscriber or admin
        #[arg(long, default_value_t = Level::User)]
        level: Level,
        /// Requests a minute that submit work, 0 for any number; without it, SAMOVAR_RATE_LIMIT
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
        rate: Option<u32>,
    },
    /// Every key, and how those of providers stand; without the keys themselves
    List,
    /// End a key at once, also in a server that runs
    Revoke {
        /// Whose it is
        name: String,
    },
    /// Keep a key with which a provider is asked; it is read from the terminal, or from stdin
    #[command(
        long_about = "Keep a key with which a provider is asked, in a file of the data folder that only its owner \
        may read; servers that run take it up within seconds. The key is read from the terminal without being shown. \
        From stdin it is the first line; what the provider needs beside it follows as NAME=VALUE, one in each line."
    )]
    AddProvider {
        /// The provider's id, such as openai
        provider: String,
    },
    /// Take away a key that add-provider kept
    RemoveProvider {
        /// The provider's id
        provider: String,
        /// The last characters of the key
        tail: String,
    },
}

/// Tells or changes.
///
/// # Errors
/// When the database cannot be used, or the name is taken, none, or not known.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let db = async || Db::open(config.database(), Clock::system()).await;
    match args.what {
        What::Add { name, level, rate } => add(&db().await?, config, &NewKey { name: &name, level, rate }).await,
        What::List => list(&db().await?, config).await,
        What::Revoke { name } => revoke(&db().await?, config, &name).await,
        What::AddProvider { provider } => provider_keys::add(config, &provider),
        What::RemoveProvider { provider, tail } => provider_keys::remove(config, &provider, &tail),
    }
}

async fn add(db: &Db, config: &Config, new: &NewKey<'_>) -> Result<()> {
    if configured(config, new.name) {
        return Err(Usage(format!("{} has a key in SAMOVAR_API_KEYS already", new.name)).into());
    }
    // Not repeated by itself: a commit whose answer was lost would leave a key that nobody has seen.
    let mut tx = db.begin().await?;
    let key = Keys::add(&mut tx, new).await?;
    tx.commit().await?;
    say(key.expose_secret())?;
    eprintln!("this is the only time that the key is shown");
    Ok(())
}

async fn list(db: &Db, config: &Config) -> Result<()> {
    list_own(db, config).await?;
    let keys = Remotes::read(config)?.keys(Some(db.clone())).await?.view();
    let keyed: Vec<_> = keys.iter().filter(|key| !key.tail.is_empty()).collect();
    if !keyed.is_empty() {
        say(&format!("\n{:<24} {:<12} STATE", "PROVIDER", "KEY"))?;
    }
    for key in keyed {
        say(&format!("{:<24} …{:<11} {}", key.provider, key.tail, provider_keys::standing(key)))?;
    }
    Ok(())
}

async fn list_own(db: &Db, config: &Config) -> Result<()> {
    let keys = Keys::list(db).await?;
    if keys.is_empty() && config.api_keys.is_empty() {
        return say("there are no keys: only this machine may ask");
    }
    say(&format!("{:<24} {:<12} {:>8}  {:<23}  STATE", "NAME", "LEVEL", "RATE", "SINCE"))?;
    for key in &config.api_keys {
        let (name, level, rate) = (&key.name, key.level.word(), config.rate_limit);
        say(&format!("{name:<24} {level:<12} {rate:>8}  {:<23}  in SAMOVAR_API_KEYS", ""))?;
    }
    for StoredKey { name, level, rate, created_at, revoked_at } in keys {
        let (level, rate, since) = (level.word(), rate.unwrap_or(config.rate_limit), shown(created_at));
        let state = revoked_at.map_or_else(|| "in force".to_owned(), |at| format!("revoked {}", shown(at)));
        say(&format!("{name:<24} {level:<12} {rate:>8}  {since:<23}  {state}"))?;
    }
    Ok(())
}

async fn revoke(db: &Db, config: &Config, name: &str) -> Result<()> {
    if configured(config, name) {
        return Err(Usage(format!("the key of {name} stands in SAMOVAR_API_KEYS; take it out there")).into());
    }
    let mut tx = db.begin().await?;
    Keys::revoke(&mut tx, name).await?;
    tx.commit().await.map_err(Failure::from)?;
    say(&format!("the key of {name} is revoked"))
}

fn configured(config: &Config, name: &str) -> bool {
    config.api_keys.iter().any(|key| key.name == name)
}
