//! The command line door: words in, one clear line out. It reads the configuration, lets `app` put the rooms
//! together, and turns every failure into an exit code: 0 done, 2 asked wrongly, 1 anything else.
//! It must not know how a picture is made or by whom.

mod balance;
mod bench;
mod books;
mod doctor;
mod draw;
mod fetching;
mod files;
mod jobs;
mod keys;
mod models;
mod progress;
mod provider_keys;
mod providers;
mod serve;
mod stats;
mod transcribe;
mod upscale;
mod users;
mod worker;

use crate::app::providers::described;
use crate::config::{self, Config};
use crate::local::catalogue::{Catalogue, fetch};
use crate::media::Failure;
use crate::telemetry;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Pictures from words, on this machine first.
#[derive(Debug, Parser)]
#[command(name = "samovar", version, about, propagate_version = true)]
struct Cli {
    /// Print what caused an error, too
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API and the Telegram bot
    Serve(serve::Args),
    /// Do the jobs of a database shared with a server
    Worker,
    /// Draw a picture
    Draw(Box<draw::Args>),
    /// Make a picture larger
    Upscale(upscale::Args),
    /// Write down what is said in a recording
    Transcribe(transcribe::Args),
    /// What waits, runs and has ended
    Jobs(jobs::Args),
    /// What can run here, what is missing, and bringing it
    Models(models::ModelsArgs),
    /// Who can be asked besides this machine: keys, how they stand, whether they work, whether a provider file is right
    Providers(providers::Args),
    /// How often each model was asked, answered and failed, and how long it took
    Stats(stats::Args),
    /// Who there is, what each has left, which level each has
    Users(users::Args),
    /// Money of an account: what there is, what moved it, a change by hand
    Balance(balance::Args),
    /// Who may use the HTTP API, and with which keys providers are asked
    Keys(keys::Args),
    /// Measure how fast this machine draws
    Bench(bench::Args),
    /// Say what works here and what is missing: device, memory, engine, models, disk, database, address
    Doctor,
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
    match start(cli.command) {
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

fn start(command: Command) -> Result<ExitCode> {
    if matches!(command, Command::WriteExamples) {
        return write_examples();
    }
    let mut config = Config::load()?;
    let mut log = config.log("error", false);
    if let Command::Serve(args) = &command {
        args.settle(&mut config)?;
    }
    let long = matches!(command, Command::Serve(_) | Command::Worker);
    if long {
        log = config.log("info", true);
    }
    let _log = telemetry::log(&log)?;
    for warning in &config.warnings {
        if long {
            tracing::warn!("{warning}");
        } else {
            eprintln!("warning: {warning}");
        }
    }
    let runtime = tokio::runtime::Runtime::new().context("the program's threads cannot be started")?;
    runtime.block_on(dispatch(command, config))
}

async fn dispatch(command: Command, config: Config) -> Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(&args, &config, stop_on_signal()?).await?,
        Command::Worker => worker::run(&config, stop_on_signal()?).await?,
        Command::Jobs(args) => jobs::run(args, &config).await?,
        Command::Draw(args) => draw::run(*args, &config, stop_on_signal()?).await?,
        Command::Upscale(args) => upscale::run(args, &config, stop_on_signal()?).await?,
        Command::Transcribe(args) => transcribe::run(args, &config, stop_on_signal()?).await?,
        Command::Models(args) => {
            let settings = fetch::Settings::new(config.hf_endpoint.clone(), config.hf_token.clone());
            models::run(args, &Catalogue::read(&config.catalogue())?, settings).await?;
        }
        Command::Providers(args) => return providers::run(&args, &config).await,
        Command::Users(args) => users::run(args, &config).await?,
        Command::Balance(args) => balance::run(args, &config).await?,
        Command::Keys(args) => keys::run(args, &config).await?,
        Command::Bench(args) => bench::run(args, &config, stop_on_signal()?).await?,
        Command::Stats(args) => stats::run(&args, &config).await?,
        Command::Doctor => return doctor::run(&config).await,
        Command::WriteExamples => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Cancelled by the first Ctrl-C or SIGTERM; the second ends the process at once.
fn stop_on_signal() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("Ctrl-C cannot be watched")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if told.is_cancelled() {
                // The engine ends by itself when its socket closes.
                std::process::exit(1);
            }
            told.cancel();
        }
    });
    Ok(stop)
}

/// One line on stdout. Whoever reads it may have left: that is an error, not a panic.
fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("the answer cannot be written to stdout")
}

fn write_examples() -> Result<ExitCode> {
    for (name, text) in config::examples::files(&described(Path::new("models/providers"))?) {
        std::fs::write(name, text).with_context(|| format!("{name} cannot be written"))?;
        say(name)?;
    }
    Ok(ExitCode::SUCCESS)
}
