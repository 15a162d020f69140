//! `samovar jobs`: what waits, runs and has ended, of everybody.

use super::{Usage, say};
use crate::app::House;
use crate::config::Config;
use crate::intake::{JobView, State};
use crate::media::{JobId, Owner};
use anyhow::Result;
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

/// Jobs of everybody.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The newest jobs, one line each
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One job, with everybody who was asked for its answer
    Show {
        /// The job
        id: String,
    },
    /// Cancel a job that waits or runs; what was held for it is given back
    Cancel {
        /// The job
        id: String,
    },
}

/// Tells or cancels.
///
/// # Errors
/// When the database cannot be used or has no such job.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let intake = House::open(config, &CancellationToken::new()).await?.intake;
    let admin = Owner::local();
    match args.what.unwrap_or(What::List { limit: 20 }) {
        What::List { limit } => {
            for view in intake.list(&admin, None, limit).await? {
                say(&line(&view))?;
            }
        }
        What::Show { id } => {
            let view = intake.view(known(&id)?, &admin).await?.ok_or_else(|| unknown(&id))?;
            say(&line(&view))?;
            for tried in &view.tried {
                let (ms, bytes) = (tried.took_ms, tried.bytes);
                say(&format!("  {}:{}  {}  {ms} ms  {bytes} bytes", tried.provider, tried.model, tried.class))?;
            }
            if let State::Done(answer) = &view.state {
                for kept in &answer.files {
                    let seed = kept.seed.map_or_else(String::new, |seed| format!("  seed {seed}"));
                    say(&format!("  asset {}{seed}", kept.asset))?;
                }
            }
        }
        What::Cancel { id } => {
            let known = known(&id)?;
            if !intake.cancel(known, &admin).await? {
                return Err(unknown(&id).into());
            }
            let view = intake.view(known, &admin).await?.ok_or_else(|| unknown(&id))?;
            let running = matches!(view.state, State::Running { .. });
            say(if running { "it is told to stop" } else { view.state.word() })?;
        }
    }
    Ok(())
}

fn known(id: &str) -> Result<JobId, Usage> {
    id.parse().map_err(|_| Usage(format!("'{id}' is not a job's id")))
}

fn unknown(id: &str) -> Usage {
    Usage(format!("there is no job {id}"))
}

fn line(view: &JobView) -> String {
    let created = jiff::Timestamp::try_from(view.created).map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let more = match &view.state {
        State::Queued { position, eta_s } => {
            let wait = eta_s.map_or_else(String::new, |s| format!(", starts in about {s} s"));
            format!("place {position}{wait}")
        }
        State::Running { step, of } => format!("step {step} of {of}, attempt {}", view.attempt),
        State::Done(answer) => format!("{}:{}", answer.provenance.provider, answer.provenance.model),
        State::Failed(failure) => failure.to_string(),
        State::Cancelled => String::new(),
    };
    let (task, owner, state) = (&view.task, &view.owner, view.state.word());
    format!("{}  {}  {task}  {owner}  {state}  {more}", view.id, created.unwrap_or_default()).trim_end().to_owned()
}
