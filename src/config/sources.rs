//! Where values come from: the process environment, then `.env`, then `samovar.toml`, the first that has a value wins.
//! This file knows files and variables; what a value means is for [`super::parse`].

use super::variables::{self, Variable};
use super::{ConfigError, parse::Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Name of the file of environment variables in the working directory.
pub const DOTENV: &str = ".env";
/// Name of the file of tables in the working directory.
pub const TOML: &str = "samovar.toml";

/// Texts of every variable that is set, with where each was found.
#[derive(Default)]
pub struct Sources {
    environment: BTreeMap<String, OsString>,
    dotenv: BTreeMap<String, String>,
    toml: BTreeMap<String, String>,
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

    fn read_dotenv(&mut self, path: &Path) -> Result<(), ConfigError> {
        if !path.exists() {
            return Ok(());
        }
        let broken = |e: dotenvy::Error| ConfigError::File { path: path.to_owned(), problem: e.to_string() };
        for entry in dotenvy::from_path_iter(path).map_err(broken)? {
            let (name, value) = entry.map_err(broken)?;
            if !value.is_empty() {
                self.dotenv.insert(name, value);
            }
        }
        let named = |v: &Variable| std::iter::once(&v.name).chain(v.aliases).any(|n| self.dotenv.contains_key(*n));
        let secrets = variables::ALL.iter().any(|v| v.secret && named(v));
        self.warn_if_open(path, secrets);
        Ok(())
    }

    fn read_toml(&mut self, path: &Path) -> Result<(), ConfigError> {
        let broken = |problem: String| ConfigError::File { path: path.to_owned(), problem };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(broken(e.to_string())),
        };
        let tables: toml::Table = text.parse().map_err(|e: toml::de::Error| broken(e.to_string()))?;
        for (table, keys) in &tables {
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
        self.warn_if_open(path, secrets);
        Ok(())
    }

    fn warn_if_open(&mut self, path: &Path, secrets: bool) {
        use std::os::unix::fs::PermissionsExt;
        if secrets && std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0) {
            let path = path.display();
            self.warnings.push(format!("{path} holds secrets and others may read it: chmod 600 {path}"));
        }
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
