//! `samovar keys add-provider` and `remove-provider`: keys with which providers are asked. They are read from the
//! terminal without being shown, or from stdin; never from the arguments, which every user of the machine may see.

use super::{Usage, say};
use crate::app::providers::Remotes;
use crate::config::Config;
use crate::media::calendar::shown;
use crate::media::providers::KeyView;
use crate::providers::declarative::file::{ProviderFile, Var};
use anyhow::{Context, Result};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};

/// Reads a key, and what goes with it, and keeps it.
///
/// # Errors
/// When there is no such provider, it takes no keys, nothing usable was given, or the file of keys cannot be used.
pub fn add(config: &Config, provider: &str) -> Result<()> {
    let remotes = Remotes::read(config)?;
    let file = known(&remotes, provider)?;
    if file.keys.is_empty() {
        return Err(Usage(format!("{} needs no key", file.id)).into());
    }
    let (value, vars) = if std::io::stdin().is_terminal() { asked(file)? } else { sent(file)? };
    let vars = vars.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect();
    let tail = remotes.add_key(file, value.into(), vars)?;
    say(&format!("{} has the key …{tail} now; samovar providers test {} tells whether it works", file.id, file.id))
}

/// Takes a key away.
///
/// # Errors
/// When there is no such provider or key.
pub fn remove(config: &Config, provider: &str, tail: &str) -> Result<()> {
    let remotes = Remotes::read(config)?;
    // A key of a provider whose file is gone can be taken away, too.
    let id = remotes.named(provider).map_or(provider, |file| &file.id);
    let tail = remotes.remove_key(id, tail)?;
    say(&format!("the key …{tail} of {id} is taken away"))
}

/// How a key stands, in words for people.
pub fn standing(key: &KeyView) -> String {
    let until = key.until.map(shown);
    match (key.state.as_str(), until, key.class.as_deref()) {
        ("resting", Some(until), _) => format!("resting until {until}"),
        ("retired", Some(until), Some(class)) => format!("retired ({class}), tried again from {until}"),
        ("retired", None, Some(class)) => format!("retired ({class}), tried again at its next turn"),
        (state, ..) => state.to_owned(),
    }
}

/// The provider of that name.
///
/// # Errors
/// When there is none.
pub fn known<'a>(remotes: &'a Remotes, name: &str) -> Result<&'a ProviderFile> {
    let ids = || remotes.files().iter().map(|file| file.id.as_str()).collect::<Vec<_>>().join(", ");
    Ok(remotes.named(name).ok_or_else(|| Usage(format!("there is no provider '{name}'; there are {}", ids())))?)
}

/// A key and its variables from the terminal.
fn asked(file: &ProviderFile) -> Result<(String, BTreeMap<String, String>)> {
    let ask = |prompt: String| rpassword::prompt_password(prompt).context("the terminal cannot be read");
    let value = usable("the key", &ask(format!("key of {} (not shown): ", file.title))?)?;
    let mut vars = BTreeMap::new();
    for (name, var) in &file.vars {
        let hint = if needed(var) { "" } else { ", may be empty" };
        let given = ask(format!("{name} ({}{hint}, not shown): ", var.env.join(" or ")))?;
        vars.extend(var_of(file, name, &given)?);
    }
    Ok((value, vars))
}

/// The same from stdin: the key in the first line, then `name=value`.
fn sent(file: &ProviderFile) -> Result<(String, BTreeMap<String, String>)> {
    let lines: Result<Vec<String>, _> = std::io::stdin().lock().lines().collect();
    let lines = lines.context("stdin cannot be read")?;
    let (first, rest) = lines.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let value = usable("the key", first)?;
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for line in rest.iter().filter(|line| !line.trim().is_empty()) {
        let known = line.split_once('=').filter(|(name, _)| file.vars.contains_key(name.trim()));
        let names = file.vars.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        // Not the line itself: it may be another key.
        let (name, value) = known.ok_or_else(|| {
            let takes = if names.is_empty() { "nothing".to_owned() } else { format!("NAME=VALUE for {names}") };
            Usage(format!("after its key {} takes {takes}, one in each line", file.id))
        })?;
        given.insert(name.trim(), value);
    }
    let mut vars = BTreeMap::new();
    for name in file.vars.keys() {
        vars.extend(var_of(file, name, given.get(name.as_str()).copied().unwrap_or_default())?);
    }
    Ok((value, vars))
}

/// What was given for a variable, or what holds without it.
fn var_of(file: &ProviderFile, name: &str, given: &str) -> Result<Option<(String, String)>> {
    let Some(var) = file.vars.get(name) else { return Ok(None) };
    if !given.trim().is_empty() {
        return Ok(Some((name.to_owned(), usable(name, given)?)));
    }
    if needed(var) {
        let names = var.env.join(" or ");
        return Err(Usage(format!("{} needs {name} ({names}) beside its key", file.id)).into());
    }
    Ok(var.default.clone().map(|value| (name.to_owned(), value)))
}

fn needed(var: &Var) -> bool {
    !var.optional && var.default.is_none()
}

fn usable(what: &str, given: &str) -> Result<String> {
    let given = given.trim();
    if given.is_empty() {
        return Err(Usage(format!("{what} is empty; it is read from the terminal or from stdin")).into());
    }
    if !given.chars().all(|c| c.is_ascii_graphic()) {
        return Err(
            Usage(format!("{what} is not usable: letters, digits and signs of ASCII are, without spaces")).into()
        );
    }
    Ok(given.to_owned())
}
