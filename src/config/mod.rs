//! Every variable in one place: read, typed, checked against the others, and handed to each room as its own `Settings`.
//! Config knows the rooms' settings; no room knows config, and nothing else reads the environment.

mod accounts;
pub mod examples;
mod parse;
mod place;
pub mod providers;
mod sources;
pub mod variables;

use crate::accounts::ApiKey;
use crate::chain::keys::Wanted;
use crate::chain::keys::file::KeyFile;
use crate::chain::route::{self, Link};
use crate::local::{self, DeviceSetting, catalogue};
use crate::media::Level;
use crate::media::task::TASKS;
use crate::{chain, http, lettering, queue, storage, telemetry};
use parse::Value;
use providers::Providers;
use secrecy::{ExposeSecret, SecretString};
use sources::Sources;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;
use variables::{self as vars, Default, Variable};

/// How long a link to a picture works: as OpenAI's do.
const LINK_LIFE: Duration = Duration::from_secs(3600);

/// Why the configuration cannot be used. Names the variable or the file, and what is accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One value is wrong.
    #[error("{place} is {given}: {accepted}, for example {example}")]
    Value {
        /// The name that was used, and the file if it was not the environment.
        place: String,
        /// What was given, unless it is a secret.
        given: String,
        /// What would be right.
        accepted: String,
        /// A value that is right.
        example: &'static str,
    },
    /// A file is wrong as a whole.
    #[error("{} cannot be used: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Two values contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

/// Everything that was configured. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the HTTP server.
    pub listen: SocketAddr,
    /// Base of links given out; `None`: taken from each request.
    pub public_url: Option<Url>,
    /// Who may use the API.
    pub api_keys: Vec<ApiKey>,
    /// Results and the log.
    pub data_dir: PathBuf,
    /// How long results stay.
    pub retention: Duration,
    /// How long uploaded files stay.
    pub upload_retention: Duration,
    /// Where results and uploaded files lie.
    pub storage_place: storage::Place,
    /// Where jobs and accounts are kept. It may hold a password.
    pub database_url: SecretString,
    /// Manifest and bundled models.
    pub models_dir: PathBuf,
    /// Fetched weights.
    pub weights_dir: PathBuf,
    /// Fonts of texts on pictures.
    pub fonts_dir: PathBuf,
    /// Token for gated repositories.
    pub hf_token: Option<SecretString>,
    /// The hub or a mirror.
    pub hf_endpoint: Url,
    /// What to compute on.
    pub device: DeviceSetting,
    /// The engine binary; `None`: beside the executable.
    pub engine: Option<PathBuf>,
    /// Threads of the engine; `None`: physical cores within the cgroup.
    pub threads: Option<usize>,
    /// Bytes the engine may use; `None`: detected.
    pub memory_limit: Option<u64>,
    /// When an idle engine ends.
    pub idle_unload: Duration,
    /// When a silent engine is taken for dead.
    pub stall_timeout: Duration,
    /// Who is asked for each task, in order.
    pub routes: BTreeMap<String, Vec<Link>>,
    /// What is free, what the rest costs, who may name what.
    pub accounts: crate::accounts::Settings,
    /// Requests a minute that submit work with one key; 0: any number.
    pub rate_limit: u32,
    /// Jobs that one worker does at a time.
    pub parallel: usize,
    /// Jobs that may wait for this machine's models before others are asked.
    pub local_queue: usize,
    /// How long all providers of a route may take together.
    pub budget: Duration,
    /// How long a silent worker keeps its job.
    pub lease: Duration,
    /// How long the job in hand may go on when the program is told to end.
    pub grace: Duration,
    /// What is logged; `None`: the command's own default.
    pub log_filter: Option<String>,
    /// Things that look like a mistake but harm nothing, one sentence each.
    pub warnings: Vec<String>,
    /// Where variables are looked up that only provider files name.
    sources: Sources,
}

impl Config {
    /// Reads the environment of this process and the two files of the working directory.
    ///
    /// # Errors
    /// One sentence that names the variable or the file and says what is accepted.
    pub fn load() -> Result<Self, ConfigError> {
        Self::read(Path::new("."), std::env::vars_os())
    }

    /// Reads `environment` and the two files of `folder`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(
        folder: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Sources::read(folder, environment)?;
        let models_dir = given(&sources, &vars::MODELS_DIR)?.path();
        let data_dir = given(&sources, &vars::DATA_DIR)?.path();
        Ok(Self {
            listen: given(&sources, &vars::LISTEN)?.address()?,
            public_url: sources.get(&vars::PUBLIC_URL)?.map(|v| v.url()).transpose()?,
            api_keys: sources.get(&vars::API_KEYS)?.map(|v| api_keys(&v)).transpose()?.unwrap_or_default(),
            storage_place: place::read(&sources, &data_dir)?,
            database_url: database(&sources, &data_dir)?,
            data_dir,
            retention: Duration::from_secs(given(&sources, &vars::RETENTION_DAYS)?.number(1..=36_500)? * 86_400),
            upload_retention: Duration::from_secs(given(&sources, &vars::UPLOAD_HOURS)?.number(1..=876_000)? * 3600),
            weights_dir: sources.get(&vars::WEIGHTS_DIR)?.map_or_else(|| models_dir.join("weights"), |v| v.path()),
            models_dir,
            fonts_dir: given(&sources, &vars::FONTS_DIR)?.path(),
            hf_token: sources.get(&vars::HF_TOKEN)?.map(|v| v.text().into()),
            hf_endpoint: given(&sources, &vars::HF_ENDPOINT)?.url()?,
            device: device(&given(&sources, &vars::DEVICE)?)?,
            engine: sources.get(&vars::ENGINE)?.map(|v| v.path()),
            threads: threads(&sources)?,
            memory_limit: sources.get(&vars::MEMORY_LIMIT)?.map(|v| v.bytes()).transpose()?,
            idle_unload: given(&sources, &vars::IDLE_UNLOAD)?.duration_or_zero()?,
            stall_timeout: given(&sources, &vars::STALL_TIMEOUT)?.duration()?,
            routes: routes(&sources)?,
            accounts: accounts::read(&sources)?,
            rate_limit: u32::try_from(given(&sources, &vars::RATE_LIMIT)?.number(0..=1_000_000)?).unwrap_or(u32::MAX),
            parallel: usize::try_from(given(&sources, &vars::PARALLEL)?.number(1..=256)?).unwrap_or(1),
            local_queue: usize::try_from(given(&sources, &vars::LOCAL_QUEUE)?.number(0..=256)?).unwrap_or(0),
            budget: given(&sources, &vars::BUDGET)?.duration()?,
            lease: given(&sources, &vars::LEASE)?.duration()?,
            grace: given(&sources, &vars::GRACE)?.duration_or_zero()?,
            log_filter: sources.get(&vars::RUST_LOG)?.map(|v| v.text()),
            warnings: std::mem::take(&mut sources.warnings),
            sources,
        })
    }

    /// Listens on another address than the configured one; `place` says where it was given.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when it is none.
    pub fn listen_on(&mut self, place: &str, address: &str) -> Result<(), ConfigError> {
        self.listen = Value::new(&vars::LISTEN, place, address).address()?;
        Ok(())
    }

    /// For `http`.
    ///
    /// # Errors
    /// [`ConfigError::Contradiction`] when other machines could ask and there is no key.
    pub fn http(&self) -> Result<http::Settings, ConfigError> {
        self.check_listen()?;
        Ok(http::Settings { listen: self.listen, public_url: self.public_url.clone() })
    }

    /// For `storage`.
    #[must_use]
    pub fn storage(&self) -> storage::Settings {
        storage::Settings {
            place: self.storage_place.clone(),
            secret_file: self.data_dir.join("link-secret"),
            retention: self.retention,
            upload_retention: self.upload_retention,
            link_life: LINK_LIFE,
        }
    }

    /// For `db`: an address that may hold a password.
    #[must_use]
    pub fn database(&self) -> &str {
        self.database_url.expose_secret()
    }

    /// For `queue`: finished jobs are kept as long as their results.
    #[must_use]
    pub fn queue(&self) -> queue::Settings {
        queue::Settings { keep_finished: self.retention, lease: self.lease, ..queue::Settings::default() }
    }

    /// For `local::catalogue`.
    #[must_use]
    pub fn catalogue(&self) -> catalogue::Settings {
        catalogue::Settings { models_dir: self.models_dir.clone(), weights_dir: self.weights_dir.clone() }
    }

    /// For `lettering`.
    #[must_use]
    pub fn lettering(&self) -> lettering::Settings {
        lettering::Settings { folder: self.fonts_dir.clone() }
    }

    /// For `local`.
    #[must_use]
    pub fn local(&self) -> local::Settings {
        local::Settings {
            engine: self.engine.clone(),
            device: self.device,
            threads: self.threads,
            memory_limit: self.memory_limit,
            idle_unload: self.idle_unload,
            stall: self.stall_timeout,
        }
    }

    /// For `chain`. `allow_paths`: whether a model may be named by its path.
    #[must_use]
    pub fn chain(&self, allow_paths: bool) -> chain::Settings {
        let (local_queue, budget) = (self.local_queue, self.budget);
        chain::Settings { routes: self.routes.clone(), allow_paths, local_queue, budget }
    }

    /// The keys of providers, and where they answer: what the variables hold that their files name.
    ///
    /// # Errors
    /// One sentence that names the variable, or the name in `samovar.toml` that nobody reads.
    pub fn providers(&self, wanted: &[Wanted]) -> Result<Providers, ConfigError> {
        providers::read(&self.sources, wanted)
    }

    /// The file of keys that `samovar keys add-provider` writes.
    #[must_use]
    pub fn key_file(&self) -> KeyFile {
        KeyFile::new(self.data_dir.join("provider-keys.toml"))
    }

    /// For `telemetry`: `level` where RUST_LOG is not set; with or without the log file.
    #[must_use]
    pub fn log(&self, level: &str, to_file: bool) -> telemetry::Settings {
        telemetry::Settings {
            filter: self.log_filter.clone().unwrap_or_else(|| level.to_owned()),
            folder: to_file.then(|| self.data_dir.join("logs")),
        }
    }

    /// Whether the server may listen where it is told: without keys, only this machine may ask. Whether there are keys
    /// in a database is for `http` to see; where there is no database yet, there are none.
    ///
    /// # Errors
    /// [`ConfigError::Contradiction`] for an open address that surely has no keys.
    fn check_listen(&self) -> Result<(), ConfigError> {
        let file = self.database().strip_prefix("sqlite://");
        let keyless = self.api_keys.is_empty()
            && file.is_some_and(|file| {
                let path = file.split('?').next().unwrap_or(file);
                !Path::new(path).exists()
            });
        if keyless && !self.listen.ip().is_loopback() {
            return Err(ConfigError::Contradiction(format!(
                "{} is {}, which other machines can reach, and there are no API keys: make one with \
                 `samovar keys add NAME`, set {}, or listen on 127.0.0.1",
                vars::LISTEN.name,
                self.listen,
                vars::API_KEYS.name
            )));
        }
        Ok(())
    }
}

/// What was set, or the default of a variable that has one.
fn given(sources: &Sources, variable: &Variable) -> Result<Value, ConfigError> {
    let text = match variable.default {
        Default::Value(text) => text,
        Default::Words(_) => "",
    };
    Ok(sources.get(variable)?.unwrap_or_else(|| Value::new(variable, variable.name, text)))
}

fn database(sources: &Sources, data_dir: &Path) -> Result<SecretString, ConfigError> {
    let Some(value) = sources.get(&vars::DATABASE_URL)? else {
        return Ok(format!("sqlite://{}", data_dir.join("samovar.db").display()).into());
    };
    let text = value.text();
    let known = ["sqlite://", "postgres://", "postgresql://"];
    if !known.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) {
        return Err(value.wrong("sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME is accepted"));
    }
    Ok(text.into())
}

fn threads(sources: &Sources) -> Result<Option<usize>, ConfigError> {
    let Some(value) = sources.get(&vars::THREADS)? else { return Ok(None) };
    Ok(usize::try_from(value.number(1..=1024)?).ok())
}

fn device(value: &Value) -> Result<DeviceSetting, ConfigError> {
    let text = value.text().to_ascii_lowercase();
    match text.as_str() {
        "auto" => Ok(DeviceSetting::Auto),
        "cpu" => Ok(DeviceSetting::Cpu),
        "cuda" => Ok(DeviceSetting::Cuda(0)),
        other => other
            .strip_prefix("cuda:")
            .and_then(|n| n.parse().ok())
            .map(DeviceSetting::Cuda)
            .ok_or_else(|| value.wrong("auto, cpu, cuda or cuda:N are accepted")),
    }
}

fn routes(sources: &Sources) -> Result<BTreeMap<String, Vec<Link>>, ConfigError> {
    let mut routes = BTreeMap::new();
    for (task, _) in TASKS {
        if let Some(variable) = vars::route_of(task) {
            routes.insert((*task).to_owned(), links(&given(sources, variable)?)?);
        }
    }
    Ok(routes)
}

fn links(value: &Value) -> Result<Vec<Link>, ConfigError> {
    let accepted = "a comma list of PROVIDER or PROVIDER:MODEL is accepted";
    let links = route::parse(&value.text()).map_err(|_| value.wrong(accepted))?;
    if links.is_empty() { Err(value.wrong(accepted)) } else { Ok(links) }
}

fn api_keys(value: &Value) -> Result<Vec<ApiKey>, ConfigError> {
    let mut keys: Vec<ApiKey> = Vec::new();
    for (position, item) in value.list().iter().enumerate() {
        let parts: Vec<&str> = item.split(':').collect();
        let (name, key, level) = match parts[..] {
            [name, key] => (name, key, Ok(Level::User)),
            [name, key, level] => (name, key, level.parse()),
            _ => ("", "", Ok(Level::User)),
        };
        let whole = level.ok().filter(|_| !name.is_empty() && !key.is_empty());
        let Some(level) = whole else {
            let which = position + 1;
            return Err(value.wrong(&format!(
                "entry {which} must be name:key or name:key:level, the level being user, subscriber or admin"
            )));
        };
        if keys.iter().any(|k| k.name == name) {
            return Err(value.wrong(&format!("the name {name} is given twice; each key needs its own")));
        }
        keys.push(ApiKey { name: name.to_owned(), key: key.into(), level });
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
