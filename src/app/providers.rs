//! Providers as they are set up here: their files, the keys that the configuration has for each, the file of further
//! keys, and where they answer. It must not ask any of them.

use crate::chain::keys::KeyPools;
use crate::chain::keys::file::{FileKey, KeyFile, KeyFileError};
use crate::chain::keys::{Supply, Wanted, WantedVar};
use crate::config::Config;
use crate::db::Db;
use crate::media::Failure;
use crate::providers::Provider;
use crate::providers::declarative::file::{ProviderFile, Var};
use crate::providers::declarative::{Declarative, Options, folder};
use anyhow::Result;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use url::Url;

/// The providers that files describe.
pub struct Remotes {
    files: Vec<ProviderFile>,
    supplies: Vec<Supply>,
    bases: BTreeMap<String, Url>,
    proxies: Vec<String>,
    /// Things that look like a mistake but harm nothing, one sentence each.
    pub warnings: Vec<String>,
    key_file: KeyFile,
}

impl Remotes {
    /// Reads the provider files and what is configured for them.
    ///
    /// # Errors
    /// When a file is wrong, or a variable or a name in `samovar.toml`.
    pub fn read(config: &Config) -> Result<Self> {
        let (files, wrong) = folder::read_folder(&config.models_dir.join("providers"));
        if let Some(first) = wrong.into_iter().next() {
            return Err(first.into());
        }
        let wanted: Vec<Wanted> = files.iter().map(wanted).collect();
        let configured = config.providers(&wanted)?;
        let (supplies, bases, warnings) = (configured.supplies, configured.bases, configured.warnings);
        let proxies = configured.proxies;
        Ok(Self { files, supplies, bases, proxies, warnings, key_file: config.key_file() })
    }

    /// Their files, by id.
    #[must_use]
    pub fn files(&self) -> &[ProviderFile] {
        &self.files
    }

    /// Where this one answers, if not where its file says.
    #[must_use]
    pub fn base(&self, id: &str) -> Option<&Url> {
        self.bases.get(id)
    }

    /// Everybody, ready to be asked.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn providers(&self) -> Result<Vec<Arc<dyn Provider>>> {
        let provider = |file: &ProviderFile| {
            let options = Options { base_url: self.base(&file.id).cloned(), trusted_hosts: self.proxies.clone() };
            Ok(Arc::new(Declarative::new(file.clone(), options)?) as Arc<dyn Provider>)
        };
        self.files.iter().map(provider).collect()
    }

    /// The provider of this name: its id, or another name of it.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&ProviderFile> {
        self.files.iter().find(|file| file.id == name || file.aliases.iter().any(|alias| alias == name))
    }

    /// All keys, those of the file included, as they stood when they were last used. Without a database they all stand
    /// well.
    ///
    /// # Errors
    /// When the file of keys cannot be used.
    pub async fn keys(&self, db: Option<Db>) -> Result<KeyPools, KeyFileError> {
        KeyPools::open(db, self.supplies.clone(), Some(self.key_file.clone())).await
    }

    /// Writes a key into the file of keys, which servers follow; returns its last characters.
    ///
    /// # Errors
    /// When it is there already, or the file cannot be used.
    pub fn add_key(
        &self,
        provider: &ProviderFile,
        value: SecretString,
        vars: BTreeMap<String, SecretString>,
    ) -> Result<String> {
        let key = FileKey { provider: provider.id.clone(), value, vars };
        let tail = key.key().tail();
        self.key_file.add(key).map_err(told)?;
        Ok(tail)
    }

    /// Takes the key that ends so out of the file of keys; returns its last characters.
    ///
    /// # Errors
    /// When there is none or more than one, or the file cannot be used.
    pub fn remove_key(&self, provider: &str, tail: &str) -> Result<String> {
        Ok(self.key_file.remove(provider, tail).map_err(told)?.key().tail())
    }
}

/// A key that is not there, or is there already, was asked for wrongly.
fn told(error: KeyFileError) -> anyhow::Error {
    match error {
        KeyFileError::Known { .. } | KeyFileError::Unknown { .. } | KeyFileError::Several { .. } => {
            Failure::invalid("key", error.to_string()).into()
        }
        other => other.into(),
    }
}

/// The title of each provider that a folder describes, and what it wants.
///
/// # Errors
/// When a file is wrong.
pub fn described(folder: &Path) -> Result<Vec<(String, Wanted)>> {
    let (files, wrong) = folder::read_folder(folder);
    match wrong.into_iter().next() {
        Some(first) => Err(first.into()),
        None => Ok(files.iter().map(|file| (file.title.clone(), wanted(file))).collect()),
    }
}

fn wanted(file: &ProviderFile) -> Wanted {
    let var = |(name, Var { env, optional, default }): (&String, &Var)| {
        (name.clone(), WantedVar { names: env.clone(), optional: *optional, default: default.clone() })
    };
    Wanted {
        provider: file.id.clone(),
        keys: file.keys.clone(),
        vars: file.vars.iter().map(var).collect(),
        concurrency: file.concurrency,
    }
}
