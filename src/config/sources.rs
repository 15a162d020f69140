//! Where values come from: the process environment, then `.env`, then `samovar.toml`, the first that has a value wins.
//! This file knows files and variables; what a value means is for [`super::parse`].

use super::variables::{self, Variable};
use super::{ConfigError, parse::Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Name of the file of environment variables in the working directory.
pub const DOTENV: &str = ".env";
/// Name of the file of tables in the working directory.
pub const TOML: &str = "samovar.toml";

/// The table of `samovar.toml` in which each provider has one of its own.
const PROVIDERS: &str = "providers";

/// Texts of every variable that is set, with where each was found.
#[derive(Clone, Default)]
pub struct Sources {
    environment: BTreeMap<String, OsString>,
    dotenv: BTreeMap<String, String>,
    /// Where `.env` is, if others may read it and nobody was warned.
    open_dotenv: Option<PathBuf>,
    toml: BTreeMap<String, String>,
    /// `[providers.ID]` of `samovar.toml`. Which names are right is known once the provider files are read.
    providers: BTreeMap<String, BTreeMap<String, String>>,
    /// Things that look like a mistake but harm nothing, one sentence each.
    pub warnings: Vec<String>,
}

impl Sources {
    /// Reads the two files of `folder` and takes `environment` for the process's own.
    ///
    /// # Errors
    /// When a file is there but cannot be read, or names a key that does not exist.
    pub fn read(
        folder: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Self::default();
        for (name, value) in environment {
            // A variable without a value (as compose files pass them) is one that is not set.
            if let Some(name) = name.to_str()
                && !value.is_empty()
            {
                sources.environment.insert(name.to_owned(), value);
            }
        }
        sources.read_dotenv(&folder.join(DOTENV))?;
        sources.read_toml(&folder.join(TOML))?;
        sources.warn_of_unknown_names();
        Ok(sources)
    }

    /// The text of a variable and the name it was found under.
    ///
    /// # Errors
    /// When the environment holds bytes that are not UTF-8.
    pub fn get(&self, variable: &Variable) -> Result<Option<Value>, ConfigError> {
        let names = || std::iter::once(&variable.name).chain(variable.aliases);
        for name in names() {
            if let Some(value) = self.environment.get(*name) {
                let found = Value::new(variable, name, "");
                let text = value.to_str().ok_or_else(|| found.wrong("it is not UTF-8 text"))?;
                return Ok(Some(found.with(text)));
            }
        }
        for name in names() {
            if let Some(text) = self.dotenv.get(*name) {
                return Ok(Some(Value::new(variable, &format!("{name} (in {DOTENV})"), text)));
            }
        }
        let text = self.toml.get(variable.key);
        Ok(text.map(|text| Value::new(variable, &format!("{} (in {TOML})", variable.key), text)))
    }

    /// What the first of these variables says that is set, in the environment, then in `.env`, then in `samovar.toml` if
    /// it is a variable of ours; and what the place is called.
    ///
    /// # Errors
    /// One sentence when the environment holds bytes that are not UTF-8.
    pub fn named(&self, names: &[String]) -> Result<Option<(String, String)>, String> {
        if let Some((name, value)) = names.iter().find_map(|name| Some((name, self.environment.get(name)?))) {
            let text = value.to_str().ok_or_else(|| format!("{name} is not usable: it is not UTF-8 text"))?;
            return Ok(Some((name.clone(), text.to_owned())));
        }
        if let Some((name, text)) = names.iter().find_map(|name| Some((name, self.dotenv.get(name)?))) {
            return Ok(Some((format!("{name} (in {DOTENV})"), text.clone())));
        }
        let ours = |name: &String| variables::ALL.iter().find(|variable| variable.name == name);
        let table =
            names.iter().filter_map(ours).find_map(|variable| Some((variable.key, self.toml.get(variable.key)?)));
        Ok(table.map(|(key, text)| (format!("{key} (in {TOML})"), text.clone())))
    }

    /// What `samovar.toml` says of providers, by id and name.
    pub fn provider_tables(&self) -> &BTreeMap<String, BTreeMap<String, String>> {
        &self.providers
    }

    /// A warning where `.env` holds one of these secrets and others may read it.
    pub fn open_dotenv(&self, names: &[&str]) -> Option<String> {
        let path = self.open_dotenv.as_ref()?;
        names.iter().any(|name| self.dotenv.contains_key(*name)).then(|| others_may_read(path))
    }

    fn read_dotenv(&mut self, path: &Path) -> Result<(), ConfigError> {
        if !path.exists() {
            return Ok(());
        }
        let broken = |after: Option<&String>, error: dotenvy::Error| {
            // The line itself may hold a key.
            let problem = match (&error, after) {
                (dotenvy::Error::LineParse(..), Some(name)) => format!("the line after {name} is not NAME=value"),
                (dotenvy::Error::LineParse(..), None) => "its first line is not NAME=value".to_owned(),
                _ => error.to_string(),
            };
            ConfigError::File { path: path.to_owned(), problem }
        };
        let mut after = None;
        for entry in dotenvy::from_path_iter(path).map_err(|error| broken(None, error))? {
            let (name, value) = entry.map_err(|error| broken(after.as_ref(), error))?;
            after = Some(name.clone());
            if !value.is_empty() {
                self.dotenv.insert(name, value);
            }
        }
        let named = |v: &Variable| std::iter::once(&v.name).chain(v.aliases).any(|n| self.dotenv.contains_key(*n));
        let secrets = variables::ALL.iter().any(|v| v.secret && named(v));
        if !self.warn_if_open(path, secrets) && open_to_others(path) {
            self.open_dotenv = Some(path.to_owned());
        }
        Ok(())
    }

    fn read_toml(&mut self, path: &Path) -> Result<(), ConfigError> {
        let broken = |problem: String| ConfigError::File { path: path.to_owned(), problem };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(broken(e.to_string())),
        };
        let tables: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            // Without the line itself, which may hold a key.
            let line = e.span().map(|span| 1 + text[..span.start].matches('\n').count()).unwrap_or(1);
            broken(format!("line {line}: {}", e.message()))
        })?;
        for (table, keys) in &tables {
            if table == PROVIDERS {
                self.providers = provider_tables(keys).map_err(broken)?;
                continue;
            }
            let Some(keys) = keys.as_table() else {
                return Err(broken(format!("`{table}` stands outside of a table; see samovar.example.toml")));
            };
            for (key, value) in keys {
                let key = format!("{table}.{key}");
                if !variables::ALL.iter().any(|v| v.key == key) {
                    return Err(broken(format!("`{key}` is not known; samovar.example.toml lists what is")));
                }
                let text = flat(value)
                    .ok_or_else(|| broken(format!("`{key}` must be a text, a number or a list of texts")))?;
                if !text.is_empty() {
                    self.toml.insert(key, text);
                }
            }
        }
        let secrets = variables::ALL.iter().any(|v| v.secret && self.toml.contains_key(v.key));
        self.warn_if_open(path, secrets || !self.providers.is_empty());
        Ok(())
    }

    fn warn_if_open(&mut self, path: &Path, secrets: bool) -> bool {
        let warned = secrets && open_to_others(path);
        if warned {
            self.warnings.push(others_may_read(path));
        }
        warned
    }

    fn warn_of_unknown_names(&mut self) {
        let known = |name: &str| variables::ALL.iter().any(|v| v.name == name || v.aliases.contains(&name));
        let names = self.environment.keys().chain(self.dotenv.keys());
        let unknown: std::collections::BTreeSet<_> =
            names.filter(|n| n.starts_with("SAMOVAR_") && !known(n)).cloned().collect();
        self.warnings.extend(
            unknown.iter().map(|n| format!("{n} is set but nothing reads it; .env.example lists what is read")),
        );
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most of it is none of our business, and some of it is secret.
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

fn others_may_read(path: &Path) -> String {
    let path = path.display();
    format!("{path} holds secrets and others may read it: chmod 600 {path}")
}

/// The tables within `[providers]`.
fn provider_tables(tables: &toml::Value) -> Result<BTreeMap<String, BTreeMap<String, String>>, String> {
    let mut read = BTreeMap::new();
    let tables = tables.as_table().ok_or_else(|| format!("`{PROVIDERS}` must hold a table for each provider"))?;
    for (id, values) in tables {
        let values = values.as_table().ok_or_else(|| format!("`{PROVIDERS}.{id}` must be a table"))?;
        let mut texts = BTreeMap::new();
        for (name, value) in values {
            let problem = || format!("`{PROVIDERS}.{id}.{name}` must be a text, a number or a list of texts");
            let text = flat(value).ok_or_else(problem)?;
            if !text.is_empty() {
                texts.insert(name.clone(), text);
            }
        }
        read.insert(id.clone(), texts);
    }
    Ok(read)
}

/// The text that the environment would hold for a value of `samovar.toml`.
fn flat(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}
