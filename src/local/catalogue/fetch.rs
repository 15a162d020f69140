//! Brings models from the hub: what is missing, in parallel, resumable, each file checked before it counts. Twice at
//! once is safe (a lock on the weights folder), and so is stopping at any moment.

use super::digest::Digest;
use super::download::{Job, download, pause};
use super::hub::{Declared, Hub, HubError, Listing};
use super::installed::{Record, Records};
use super::manifest::{Entry, File, Origin};
use super::{Catalogue, human_bytes};
use futures::stream::{self, StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{HashMap, HashSet};
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use url::Url;

/// Space that stays free on the disk.
const RESERVE: u64 = 64 << 20;

/// How to fetch.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hub or a mirror of it.
    pub endpoint: Url,
    /// For gated repositories.
    pub token: Option<SecretString>,
    /// Files at a time.
    pub parallel: usize,
    /// How long the hub may stay silent before the connection counts as cut.
    pub stall: Duration,
    /// The first pause before another try; each further one is twice as long.
    pub pause: Duration,
}

impl Settings {
    /// Four files at a time, a minute of silence, a second before the second try. Of several tokens in a comma list
    /// (the other providers take turns among theirs) the first counts.
    #[must_use]
    pub fn new(endpoint: Url, token: Option<SecretString>) -> Self {
        let first = |token: SecretString| token.expose_secret().split(',').next().unwrap_or_default().trim().into();
        let token = token.map(first);
        Self { endpoint, token, parallel: 4, stall: Duration::from_secs(60), pause: Duration::from_secs(1) }
    }
}

/// What happens while fetching, for people to see.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another fetch runs into the same folder; this one waits for it.
    Queued,
    /// What is going to be fetched.
    Planned {
        /// Files.
        files: usize,
        /// Bytes of all of them.
        bytes: u64,
        /// Bytes that an earlier try left.
        present: u64,
    },
    /// A file begins, or goes on at `present`.
    Begun {
        /// Where it will lie.
        file: &'a Path,
        /// Its length.
        bytes: u64,
        /// Bytes that an earlier try left.
        present: u64,
    },
    /// Bytes of a file came.
    Received {
        /// Where it will lie.
        file: &'a Path,
        /// How many.
        bytes: u64,
    },
    /// A file begins anew; what there was of it is worth nothing.
    Restarted {
        /// Where it will lie.
        file: &'a Path,
    },
    /// A file waits before another try.
    Paused {
        /// Where it will lie.
        file: &'a Path,
        /// For how long.
        pause: Duration,
        /// Why.
        reason: &'a str,
    },
    /// A file is checked and in place.
    Finished {
        /// Where it lies.
        file: &'a Path,
    },
}

/// Who sees what happens.
pub trait Watch: Send + Sync {
    /// Called at each event, from any thread; must be quick.
    fn tell(&self, event: &Event<'_>);
}

/// Why models could not be fetched. What came is kept for the next try.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A file is not what the hub declared.
    #[error("{file} does not hash to what the hub declares ({declared}); it was thrown away")]
    WrongHash {
        /// Path in the repository.
        file: String,
        /// What the hub declared.
        declared: Digest,
    },
    /// The hub's file is not the one that the manifest pins.
    #[error("the hub declares {declared} for {file}, but the manifest pins sha256 {pinned}; nothing was fetched")]
    Unpinned {
        /// Path in the repository.
        file: String,
        /// What the hub declared.
        declared: Digest,
        /// What the manifest says.
        pinned: String,
    },
    /// The disk is too small.
    #[error("not enough space in {}: {} more needed, {} free", .folder.display(), human_bytes(*.needed), human_bytes(*.free))]
    Disk {
        /// The weights folder.
        folder: PathBuf,
        /// Bytes still to come.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program is ending.
    #[error("stopped")]
    Stopped,
}

/// What a fetch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// Files brought; 0 when everything was here.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

pub(super) fn io_error(path: &Path, source: &io::Error) -> FetchError {
    FetchError::Io { path: path.to_owned(), source: io::Error::new(source.kind(), source.to_string()) }
}

/// Brings every file of `entries` that is not here. Without any, asks the hub nothing.
///
/// # Errors
/// [`FetchError`]; finished files stay, begun ones go on at the next call.
pub async fn fetch(
    catalogue: &Catalogue,
    entries: &[&Entry],
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Fetched, FetchError> {
    let weights_dir = &catalogue.settings().weights_dir;
    if missing(catalogue, entries).is_empty() {
        return Ok(Fetched { files: 0, bytes: 0 });
    }
    let _lock = lock(weights_dir, watch).await?;
    // Only now: another fetch may just have brought them.
    let files = missing(catalogue, entries);
    let hub = Hub::new(&settings.endpoint, settings.token.clone(), settings.stall)?;
    let jobs = plan(&hub, &files, weights_dir, settings).await?;
    let bytes = jobs.iter().map(|(_, job)| job.declared.size).sum();
    let present = jobs.iter().map(|(_, job)| job.present()).sum();
    check_space(weights_dir, bytes - present)?;
    watch.tell(&Event::Planned { files: jobs.len(), bytes, present });
    let records = Mutex::new(Records::read(weights_dir));
    let (hub, records) = (&hub, &records);
    stream::iter(jobs.iter().map(Ok::<_, FetchError>))
        .try_for_each_concurrent(settings.parallel, |(file, job)| async move {
            download(hub, job, settings, watch).await?;
            record(records, weights_dir, file, job)
        })
        .await?;
    Ok(Fetched { files: jobs.len(), bytes })
}

fn missing<'a>(catalogue: &Catalogue, entries: &[&'a Entry]) -> Vec<&'a File> {
    let mut seen = HashSet::new();
    let missing = entries.iter().flat_map(|entry| catalogue.missing(entry));
    missing.filter(|file| file.origin.is_some() && seen.insert(&file.place)).collect()
}

/// Waits for its turn; the lock ends with the returned file, or with the process.
async fn lock(weights_dir: &Path, watch: &dyn Watch) -> Result<std::fs::File, FetchError> {
    let partial = weights_dir.join(".partial");
    std::fs::create_dir_all(&partial).map_err(|error| io_error(&partial, &error))?;
    let path = partial.join("lock");
    let file = std::fs::File::create(&path).map_err(|error| io_error(&path, &error))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    watch.tell(&Event::Queued);
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(TryLockError::Error(error)) => return Err(io_error(&path, &error)),
        }
    }
}

/// Asks the hub what it has: one listing a repository, and file by file where a listing says nothing.
async fn plan<'a>(
    hub: &Hub,
    files: &[&'a File],
    weights_dir: &Path,
    settings: &Settings,
) -> Result<Vec<(&'a File, Job)>, FetchError> {
    let origins: Vec<&Origin> = files.iter().filter_map(|file| file.origin.as_ref()).collect();
    let repos: HashSet<(&str, &str)> = origins.iter().map(|o| (o.repo.as_str(), o.revision.as_str())).collect();
    let listings: HashMap<(&str, &str), Option<Listing>> = stream::iter(repos)
        .map(|repo| async move {
            let listing = persist(settings, || hub.listing(repo.0, repo.1)).await?;
            Ok::<_, FetchError>((repo, listing))
        })
        .buffer_unordered(settings.parallel)
        .try_collect()
        .await?;
    let listings = &listings;
    stream::iter(files.iter().filter_map(|file| Some((*file, file.origin.as_ref()?))))
        .map(|(file, origin)| async move {
            let listing = listings.get(&(origin.repo.as_str(), origin.revision.as_str()));
            let listed = listing.and_then(Option::as_ref).and_then(|listing| listing.get(&origin.path));
            let declared = match listed {
                Some(declared) => declared.clone(),
                None => persist(settings, || hub.declared(origin)).await?,
            };
            check_pin(file, origin, &declared)?;
            Ok((file, job(file, origin, declared, weights_dir)))
        })
        .buffered(settings.parallel)
        .try_collect()
        .await
}

/// Asks again while the hub is busy or out of reach.
async fn persist<T, F>(settings: &Settings, ask: impl Fn() -> F) -> Result<T, FetchError>
where
    F: Future<Output = Result<T, HubError>>,
{
    let mut failures = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => FetchError::from(error),
        };
        failures += 1;
        match pause(&error, failures, settings.pause).filter(|_| failures < 4) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

fn check_pin(file: &File, origin: &Origin, declared: &Declared) -> Result<(), FetchError> {
    match (&file.sha256, &declared.digest) {
        (Some(pinned), digest @ Digest::Sha256(hex)) if hex != pinned => Err(FetchError::Unpinned {
            file: format!("{} of {}", origin.path, origin.repo),
            declared: digest.clone(),
            pinned: pinned.clone(),
        }),
        _ => Ok(()),
    }
}

fn job(file: &File, origin: &Origin, declared: Declared, weights_dir: &Path) -> Job {
    let hex = declared.digest.hex();
    let name = file.place.to_string_lossy().replace('/', "--");
    let partial = weights_dir.join(".partial").join(format!("{name}.{}.part", &hex[..hex.len().min(16)]));
    Job { origin: origin.clone(), declared, target: weights_dir.join(&file.place), partial }
}

fn check_space(weights_dir: &Path, needed: u64) -> Result<(), FetchError> {
    let disk = rustix::fs::statvfs(weights_dir).map_err(|error| io_error(weights_dir, &error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if needed.saturating_add(RESERVE) > free {
        return Err(FetchError::Disk { folder: weights_dir.to_owned(), needed, free });
    }
    Ok(())
}

fn record(records: &Mutex<Records>, weights_dir: &Path, file: &File, job: &Job) -> Result<(), FetchError> {
    let Declared { size, digest, commit } = job.declared.clone();
    let record = Record { bytes: size, digest, repo: job.origin.repo.clone(), commit };
    let mut records = records.lock().map_err(|_| FetchError::Stopped)?;
    records.add(weights_dir, &file.place, record).map_err(|error| io_error(weights_dir, &error))
}
