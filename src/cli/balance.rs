//! `samovar balance`: money of an account, what moved it, and a change by hand.

use super::books::{self, Books};
use super::say;
use crate::accounts::{Movement, TopUp, ToppedUp, money};
use crate::config::Config;
use crate::media::Failure;
use crate::media::calendar::shown;
use crate::media::failure::roubles;
use anyhow::Result;
use clap::Subcommand;
use uuid::Uuid;

/// Money of an account.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Pay into an account; a negative amount takes back
    Add(Change),
    /// What an account has
    Show {
        /// tg:NUMBER, key:NAME or local
        id: String,
    },
    /// What moved an account's balance, the newest first
    History {
        /// tg:NUMBER, key:NAME or local
        id: String,
        /// How many lines
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(Debug, clap::Args)]
struct Change {
    /// tg:NUMBER, key:NAME or local
    id: String,
    /// Roubles, with kopecks after a point if need be
    #[arg(value_name = "ROUBLES", allow_hyphen_values = true, value_parser = amount)]
    amount: i64,
    /// Why; it stands in the history
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// A name for this change, such as an invoice's number: the same change is made once, however often it is asked for
    #[arg(long, value_name = "KEY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    once: Option<String>,
}

fn amount(text: &str) -> Result<i64, String> {
    money::kopecks(text).ok_or_else(|| "an amount of roubles such as 50, 12.50 or -3 is accepted".to_owned())
}

/// Tells or changes.
///
/// # Errors
/// When the database cannot be used, has no such account, or the balance would fall below zero.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let books = books::open(config).await?;
    match args.what {
        What::Add(change) => add(&books, config, change).await,
        What::Show { id } => show(&books, config, &id).await,
        What::History { id, limit } => history(&books, config, &id, limit).await,
    }
}

async fn add(books: &Books, config: &Config, change: Change) -> Result<()> {
    let Change { id, amount, reason, once } = change;
    let owner = books.owner(config, &id).await?;
    // Named in any case: where the answer of the database is lost, the same is asked for again.
    let key = once.unwrap_or_else(|| Uuid::now_v7().to_string());
    let top_up = TopUp { amount, reason: &reason, once: &key };
    let change = || async {
        let mut tx = books.db.begin().await?;
        let done = books.accounts.top_up(&mut tx, &owner, &top_up).await?;
        tx.commit().await?;
        Ok::<_, Failure>(done)
    };
    let ToppedUp { balance, repeated } = books.db.retrying(change).await?;
    let balance = roubles(balance);
    if repeated {
        return say(&format!("{id}: '{key}' was done before, nothing was changed; the balance is {balance}"));
    }
    say(&format!("{id}: {}; the balance is {balance}", signed(amount)))
}

async fn show(books: &Books, config: &Config, id: &str) -> Result<()> {
    let (_, account) = books.account(config, id).await?;
    say(&roubles(account.balance))
}

async fn history(books: &Books, config: &Config, id: &str, limit: u32) -> Result<()> {
    books.account(config, id).await?;
    for movement in books.accounts.history(id, limit).await? {
        say(&line(&movement))?;
    }
    Ok(())
}

fn line(movement: &Movement) -> String {
    let Movement { at, amount, balance, kind, job, reason } = movement;
    let (at, amount, balance) = (shown(*at), signed(*amount), roubles(*balance));
    let about: Vec<&str> = [job, reason].into_iter().flatten().map(String::as_str).collect();
    format!("{at}  {amount:>12}  {balance:>12}  {kind:<7}  {}", about.join("  ")).trim_end().to_owned()
}

fn signed(amount: i64) -> String {
    let sign = if amount > 0 { "+" } else { "" };
    format!("{sign}{}", roubles(amount))
}
