//! The command line door: words in, one clear line out. It reads the configuration, lets `app` put the rooms
//! together, and turns every failure into an exit code: 0 done, 2 asked wrongly, 1 anything else.
//! It must not know how a picture is made or by whom.

mod fetching;
mod models;

use crate::config::{self, Config};
use crate::local::catalogue::{Catalogue, fetch};
use crate::media::Failure;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Pictures from words, on this machine.
#[derive(Debug, Parser)]
#[command(name = "samovar", version, about, propagate_version = true)]
struct Cli {
    /// On an error, print what caused it too
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What can run here, what is missing, and bringing it
    Models(models::ModelsArgs),
    /// Write .env.example and samovar.example.toml into the working directory
    #[command(hide = true)]
    WriteExamples,
}

/// Something was asked in a way that cannot be done; ends with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs the command of this process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let text = if cli.verbose { format!("{error:#}") } else { error.to_string() };
            eprintln!("error: {text}");
            ExitCode::from(if asked_wrongly(&error) { 2 } else { 1 })
        }
    }
}

fn asked_wrongly(error: &anyhow::Error) -> bool {
    error.is::<Usage>() || matches!(error.downcast_ref(), Some(Failure::Invalid { .. } | Failure::TooBig { .. }))
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Models(args) => manage_models(args),
        Command::WriteExamples => write_examples(),
    }
}

fn manage_models(args: models::ModelsArgs) -> Result<ExitCode> {
    let config = Config::load()?;
    let catalogue = Catalogue::read(&config.catalogue())?;
    let settings = fetch::Settings::new(config.hf_endpoint.clone(), config.hf_token.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(models::run(args, &catalogue, settings))?;
    Ok(ExitCode::SUCCESS)
}

fn write_examples() -> Result<ExitCode> {
    for (name, text) in config::examples::files() {
        std::fs::write(name, text).with_context(|| format!("{name} cannot be written"))?;
        println!("{name}");
    }
    Ok(ExitCode::SUCCESS)
}
