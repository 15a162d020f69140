//! `samovar providers`: whether a provider file is right. The room of the providers does the work; this file asks and
//! prints.

use super::say;
use crate::config::Config;
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
/// When a file cannot be read, or the answer cannot be written.
pub fn run(args: &Args, config: &Config) -> Result<ExitCode> {
    match &args.command {
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
