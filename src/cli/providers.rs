//! `samovar providers`: who can be asked, with how many keys, whether they work, and whether a provider file is right.
//! Other rooms do the work; this file asks and prints.

use super::provider_keys::{known, standing};
use super::say;
use crate::app::Studio;
use crate::app::providers::Remotes;
use crate::config::Config;
use crate::db::{Clock, Db};
use crate::media::Failure;
use crate::media::providers::KeyView;
use crate::providers::declarative::file::ProviderFile;
use crate::providers::declarative::folder::{self, FileError};
use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// `samovar providers …`
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who can be asked: how many keys each has, which of these rest or are retired, who is skipped in which routes
    List,
    /// Say whether keys work, by the cheapest call of each provider; one that works is used again at once
    Test {
        /// Providers; without any, all that have a key
        names: Vec<String>,
        /// Ask every model for everything it does, too, with the smallest request there is. This may cost money
        #[arg(long)]
        models: bool,
    },
    /// Say whether provider files are right, with the line of every mistake
    Check {
        /// Provider files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Runs `samovar providers`.
///
/// # Errors
/// When a file cannot be used, or the answer cannot be written.
pub async fn run(args: &Args, config: &Config) -> Result<ExitCode> {
    match &args.command {
        Command::List => list(config).await,
        Command::Test { names, models } => test(names, *models, config).await,
        Command::Check { files } => check(files, config),
    }
}

fn check(files: &[PathBuf], config: &Config) -> Result<ExitCode> {
    let shipped = config.models_dir.join("providers");
    let mut code = ExitCode::SUCCESS;
    for path in files {
        match folder::read_file(path, &shipped) {
            Ok(file) => say(&format!("{}: right: {file}", path.display()))?,
            Err(wrong @ FileError::Wrong { .. }) => {
                eprintln!("{wrong}");
                code = ExitCode::FAILURE;
            }
            Err(unreadable) => return Err(unreadable.into()),
        }
    }
    Ok(code)
}

async fn list(config: &Config) -> Result<ExitCode> {
    let remotes = Remotes::read(config)?;
    for warning in &remotes.warnings {
        eprintln!("warning: {warning}");
    }
    // How the keys stood when they were last used; without the database, nothing is known of that.
    let db = Db::open(config.database(), Clock::system()).await;
    if let Err(error) = &db {
        eprintln!("warning: how the keys stand is not known: {error}");
    }
    let keys = remotes.keys(db.ok()).await?.view();
    say(&format!("{:<14} {:>4}  STATE", "PROVIDER", "KEYS"))?;
    for file in remotes.files() {
        let own: Vec<&KeyView> = keys.iter().filter(|key| key.provider == file.id).collect();
        let count = if file.keys.is_empty() { "-".to_owned() } else { own.len().to_string() };
        let state = if own.is_empty() { unasked(file, &routes_of(file, config)) } else { asked(&own) };
        say(&format!("{:<14} {count:>4}  {state}", file.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(names: &[String], models: bool, config: &Config) -> Result<ExitCode> {
    let remotes = Remotes::read(config)?;
    let named: Result<Vec<&ProviderFile>> = names.iter().map(|name| known(&remotes, name)).collect();
    let all = || remotes.files().iter().collect();
    let files = if names.is_empty() { all() } else { named? };
    // Without the database the keys are tested all the same; only that a retired one works again is not written down.
    let db = Db::open(config.database(), Clock::system()).await;
    if let Err(error) = &db {
        eprintln!("warning: what is found out is not written down: {error}");
    }
    let studio = Studio::open(config, false, db.ok()).await?;
    if models {
        eprintln!("every model is asked for everything it does; this may cost money");
    }
    let mut outcomes = Vec::new();
    for file in files {
        let of_keys = test_keys(&studio, file, !names.is_empty()).await?;
        let usable = of_keys.contains(&true);
        outcomes.extend(of_keys);
        if models && usable {
            outcomes.extend(test_models(&studio, file).await?);
        }
    }
    studio.close().await;
    if outcomes.is_empty() {
        say("no provider has a key: samovar keys add-provider PROVIDER")?;
    }
    Ok(if outcomes.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Which keys work. A provider without any is told of only when it was `named`.
async fn test_keys(studio: &Studio, file: &ProviderFile, named: bool) -> Result<Vec<bool>> {
    let trials = studio.try_keys(&file.id).await;
    if trials.is_empty() && named {
        say(&format!("{:<14} no key: set {}", file.id, file.keys.join(" or ")))?;
        return Ok(vec![false]);
    }
    for trial in &trials {
        let tail = if trial.tail.is_empty() { String::new() } else { format!("…{}", trial.tail) };
        say(&format!("{:<14} {tail:<6} {}", file.id, verdict(&trial.result)))?;
    }
    Ok(trials.iter().map(|trial| trial.result.is_ok()).collect())
}

/// Which models answer, of those that were asked.
async fn test_models(studio: &Studio, file: &ProviderFile) -> Result<Vec<bool>> {
    let trials = studio.try_models(&file.id).await;
    for trial in &trials {
        let told = match &trial.result {
            Some(result) => verdict(result),
            None => "not asked: even the smallest request costs much".to_owned(),
        };
        say(&format!("{:<14} {} {}: {told}", file.id, trial.model, trial.task))?;
    }
    Ok(trials.iter().filter_map(|trial| Some(trial.result.as_ref()?.is_ok())).collect())
}

/// `ok`, or the class of the failure and its sentence.
fn verdict(result: &Result<(), Failure>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(failure) => format!("{}: {failure}", failure.class()),
    }
}

/// How a provider stands that can be asked.
fn asked(keys: &[&KeyView]) -> String {
    let ready = keys.iter().filter(|key| key.state == "ready").count();
    let others = keys.iter().filter(|key| key.state != "ready");
    let others = others.map(|key| match key.tail.as_str() {
        "" => standing(key),
        tail => format!("…{tail} {}", standing(key)),
    });
    let ready = if ready == keys.len() { "ready".to_owned() } else { format!("{ready} ready") };
    [ready].into_iter().chain(others).collect::<Vec<_>>().join("; ")
}

/// What it would take to ask a provider.
fn unasked(file: &ProviderFile, routes: &[&str]) -> String {
    let set = format!("set {}", file.keys.join(" or "));
    match routes {
        [] => format!("no key: {set}"),
        routes => format!("no key, skipped for {}: {set}", routes.join(", ")),
    }
}

/// The tasks whose routes name this provider.
fn routes_of<'a>(file: &ProviderFile, config: &'a Config) -> Vec<&'a str> {
    let named = |provider: &String| *provider == file.id || file.aliases.contains(provider);
    let routes = config.routes.iter().filter(|(_, route)| route.iter().any(|link| named(&link.provider)));
    routes.map(|(task, _)| task.as_str()).collect()
}
