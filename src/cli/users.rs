//! `samovar users`: who there is, what each has left, and which level each has.

use super::books::{self, Books};
use super::say;
use crate::accounts::{Account, Standing};
use crate::config::Config;
use crate::db::DbError;
use crate::media::Level;
use crate::media::calendar::shown;
use crate::media::failure::roubles;
use anyhow::Result;
use clap::Subcommand;

/// Accounts.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every account, one line each
    List,
    /// One account: its level, its balance, what is left today
    Show {
        /// tg:NUMBER, key:NAME or local
        id: String,
    },
    /// Give an account another level than its door gives it
    Level {
        /// tg:NUMBER, key:NAME or local
        id: String,
        /// user, subscriber, admin, or default for what the door gives
        #[arg(value_parser = wanted)]
        level: Wanted,
    },
}

/// A level to set, or none.
#[derive(Debug, Clone, Copy)]
struct Wanted(Option<Level>);

fn wanted(text: &str) -> Result<Wanted, String> {
    if text == "default" {
        return Ok(Wanted(None));
    }
    text.parse().map(|level| Wanted(Some(level))).map_err(|wrong: String| format!("{wrong}, default"))
}

/// Tells or sets.
///
/// # Errors
/// When the database cannot be used or has no such account.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let books = books::open(config).await?;
    match args.what.unwrap_or(What::List) {
        What::List => list(&books).await,
        What::Show { id } => show(&books, config, &id).await,
        What::Level { id, level } => set_level(&books, config, &id, level).await,
    }
}

async fn list(books: &Books) -> Result<()> {
    let accounts = books.accounts.list().await?;
    if accounts.is_empty() {
        return say("there are no accounts yet");
    }
    say(&format!("{:<24} {:<12} {:>14}  {:<23}  {:<23}", "ID", "LEVEL", "BALANCE", "SEEN", "SINCE"))?;
    for account in accounts {
        let Account { id, level, balance, created_at, seen_at, .. } = account;
        let (balance, seen, since) = (roubles(balance), shown(seen_at), shown(created_at));
        say(&format!("{id:<24} {:<12} {balance:>14}  {seen:<23}  {since:<23}", level.word()))?;
    }
    Ok(())
}

async fn show(books: &Books, config: &Config, id: &str) -> Result<()> {
    let (owner, account) = books.account(config, id).await?;
    let overview = books.accounts.overview(&owner).await?;
    let set = if account.level_set { " (set)" } else { "" };
    say(&format!("{id}  {}{set}  {}", account.level, roubles(account.balance)))?;
    say(&format!("since {}, last seen {}", shown(account.created_at), shown(account.seen_at)))?;
    for standing in &overview.tasks {
        say(&line(standing))?;
    }
    Ok(())
}

fn line(standing: &Standing) -> String {
    let Standing { task, used, price, .. } = standing;
    match standing.left() {
        Some(left) => format!("{task}: {used} free used today, {left} left, then {} each", roubles(*price)),
        None => format!("{task}: {used} used today, any number free"),
    }
}

async fn set_level(books: &Books, config: &Config, id: &str, Wanted(level): Wanted) -> Result<()> {
    let owner = books.owner(config, id).await?;
    let set = || async {
        let mut tx = books.db.begin().await?;
        books.accounts.set_level(&mut tx, &owner, level).await?;
        tx.commit().await?;
        Ok::<_, DbError>(())
    };
    books.db.retrying(set).await?;
    match level {
        Some(level) => say(&format!("{id} has the level {level} now")),
        None => say(&format!("{id} has the level that its door gives it now")),
    }
}
