//! `samovar models`: what can run here, what is missing, and bringing it. The catalogue does the work; this file asks,
//! explains and prints.

use super::Usage;
use super::fetching;
use crate::local::catalogue::fetch::{self, Fetched};
use crate::local::catalogue::verify::{Verdict, verify};
use crate::local::catalogue::{Catalogue, Entry, human_bytes};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// `samovar models …`
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every model, whether it is here and fits this machine, its size and licence
    List {
        /// One JSON array instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Bring models here; goes on where an earlier try stopped
    Fetch {
        /// Names as `samovar models list` shows them
        #[arg(required = true)]
        names: Vec<String>,
        /// Accept the licence of a model whose terms need consent, without being asked
        #[arg(long, visible_alias = "accept-license")]
        accept_licence: bool,
    },
    /// Read every byte of the installed models and compare with what was published
    Verify {
        /// Only these models
        names: Vec<String>,
    },
    /// Print where a model lies
    Path {
        /// Name of an installed model
        name: String,
    },
}

/// Runs `samovar models`.
///
/// # Errors
/// One sentence about what went wrong.
pub async fn run(args: ModelsArgs, catalogue: &Catalogue, fetch: fetch::Settings) -> Result<()> {
    match args.command {
        Command::List { json } => list(catalogue, json),
        Command::Fetch { names, accept_licence } => bring(catalogue, &names, accept_licence, &fetch).await,
        Command::Verify { names } => check(catalogue, &names).await,
        Command::Path { name } => print(&format!("{}\n", catalogue.locate(&name, false)?.path.display())),
    }
}

fn list(catalogue: &Catalogue, json: bool) -> Result<()> {
    let memory = memory_here();
    if json {
        let models: Vec<_> = catalogue.entries().iter().map(|entry| card(catalogue, entry, memory)).collect();
        return print(&format!("{}\n", serde_json::to_string_pretty(&models)?));
    }
    let mut table = format!("{:<28} {:<8} {:<5} {:>8} {:>8}  LICENCE\n", "NAME", "STATE", "FITS", "SIZE", "MEMORY");
    for entry in catalogue.entries() {
        let needs = entry.memory.map_or_else(|| "-".to_owned(), human_bytes);
        let size = human_bytes(entry.bytes());
        let terms = if entry.licence.commercial { "" } else { " (non-commercial)" };
        let (name, state, licence) = (&entry.name, state(catalogue, entry), &entry.licence.name);
        let fits = if fits(entry, memory) { "yes" } else { "no" };
        writeln!(table, "{name:<28} {state:<8} {fits:<5} {size:>8} {needs:>8}  {licence}{terms}")?;
    }
    let here = human_bytes(memory);
    writeln!(table, "\nThis machine has {here} of memory. `samovar models fetch NAME` brings a missing model.")?;
    print(&table)
}

/// To standard output; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("the output cannot be written"),
        _ => Ok(()),
    }
}

fn card(catalogue: &Catalogue, entry: &Entry, memory: u64) -> serde_json::Value {
    json!({
        "name": entry.name,
        "title": entry.title,
        "family": entry.family,
        "tasks": entry.tasks,
        "state": state(catalogue, entry),
        "installed": catalogue.installed(entry),
        "fits": fits(entry, memory),
        "missing_files": catalogue.missing(entry).len(),
        "bytes": entry.bytes(),
        "memory_bytes": entry.memory,
        "vram_bytes": entry.vram,
        "hardware": entry.hardware,
        "licence": entry.licence,
        "remote": entry.remote,
        "bundled": entry.bundled,
    })
}

/// One word: is it here.
fn state(catalogue: &Catalogue, entry: &Entry) -> &'static str {
    match catalogue.missing(entry).len() {
        0 => "ready",
        missing if missing < entry.files.len() => "in part",
        _ => "missing",
    }
}

/// Whether it fits the machine's memory at its plainest. A GPU or a smaller storage of weights may fit it even so;
/// only the plan made before loading knows.
fn fits(entry: &Entry, memory: u64) -> bool {
    entry.memory.is_none_or(|needed| needed <= memory)
}

/// Bytes that this machine, or the container it is in, has; unknown counts as plenty.
fn memory_here() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else { return u64::MAX };
    system.refresh_memory();
    system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory.min(system.total_memory()))
}

async fn bring(catalogue: &Catalogue, names: &[String], accepted: bool, settings: &fetch::Settings) -> Result<()> {
    let entries = named(catalogue, names)?;
    for entry in &entries {
        if catalogue.installed(entry) {
            eprintln!("{} is here already.", entry.name);
        } else if entry.bundled {
            // Bundled files come with the program; the hub has none of them.
            catalogue.locate(&entry.name, false)?;
        } else {
            eprintln!("{}: {}", entry.title, entry.hardware);
            eprintln!("Licence: {} ({})", entry.licence.name, entry.licence.page);
            consent(entry, accepted)?;
        }
    }
    let watch = fetching::watch(io::stderr().is_terminal());
    let fetched = tokio::select! {
        fetched = fetch::fetch(catalogue, &entries, settings, watch.as_ref()) => fetched?,
        _ = tokio::signal::ctrl_c() => bail!("stopped; what came is kept, the same command goes on from there"),
    };
    drop(watch);
    if let Fetched { files: 1.., bytes } = fetched {
        eprintln!("Fetched and checked: {}.", human_bytes(bytes));
    }
    Ok(())
}

/// Shows terms that need consent and asks for it.
fn consent(entry: &Entry, accepted: bool) -> Result<()> {
    let Some(terms) = &entry.licence.consent else { return Ok(()) };
    eprintln!("{terms}");
    if accepted {
        return Ok(());
    }
    let name = &entry.name;
    let refused = || Usage(format!("'{name}' is fetched only with its licence accepted: add --accept-licence"));
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(refused().into());
    }
    eprint!("Do you accept this licence? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("the answer cannot be read")?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "д" | "да") {
        Ok(())
    } else {
        Err(refused().into())
    }
}

async fn check(catalogue: &Catalogue, names: &[String]) -> Result<()> {
    let begun = |entry: &&Entry| catalogue.missing(entry).len() < entry.files.len();
    let entries =
        if names.is_empty() { catalogue.entries().iter().filter(begun).collect() } else { named(catalogue, names)? };
    let mut wrong = 0;
    for entry in entries {
        let verdicts = verify(catalogue, entry).await?;
        let (mut by_hash, mut by_size, mut faults) = (0, 0, 0);
        for (file, verdict) in &verdicts {
            let fault = match verdict {
                Verdict::Right => {
                    by_hash += 1;
                    continue;
                }
                Verdict::SizeOnly => {
                    by_size += 1;
                    continue;
                }
                Verdict::Absent => "absent".to_owned(),
                Verdict::Wrong(why) => format!("damaged: {why}"),
            };
            faults += 1;
            print(&format!("{}: {} is {fault}\n", entry.name, file.place.display()))?;
        }
        wrong += faults;
        if faults == 0 {
            print(&format!("{}: right ({by_hash} files by hash, {by_size} by size)\n", entry.name))?;
        }
    }
    match wrong {
        0 => Ok(()),
        1 => bail!("1 file is not as published; remove it and fetch the model again"),
        more => bail!("{more} files are not as published; remove them and fetch the models again"),
    }
}

fn named<'a>(catalogue: &'a Catalogue, names: &[String]) -> Result<Vec<&'a Entry>> {
    let find = |name: &String| {
        catalogue.get(name).ok_or_else(|| {
            Usage(format!("there is no model named '{name}'; `samovar models list` shows those there are")).into()
        })
    };
    names.iter().map(find).collect()
}
