//! Brings one file: into a partial file first, from where the last try stopped, checked, and renamed into place only
//! when it is whole and right.

use super::digest::Digest;
use super::fetch::{Event, FetchError, Settings, Watch, io_error};
use super::hub::{Declared, Hub, HubError, cut};
use super::manifest::Origin;
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs;
use tokio::io::{AsyncWriteExt, BufWriter};

/// Tries in a row that bring not a single byte before giving up.
const TRIES: u32 = 6;
/// A longer pause than this is for the person to decide.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// One file to bring.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) origin: Origin,
    pub(super) declared: Declared,
    /// Where it will lie.
    pub(super) target: PathBuf,
    /// Where it lies until it is whole. Its name holds the hash, so a changed file never continues an old one.
    pub(super) partial: PathBuf,
}

impl Job {
    /// Bytes that an earlier try left.
    pub(super) fn present(&self) -> u64 {
        let length = std::fs::metadata(&self.partial).map_or(0, |found| found.len());
        if length > self.declared.size { 0 } else { length }
    }
}

/// Brings the file of `job` and puts it in place.
pub(super) async fn download(hub: &Hub, job: &Job, settings: &Settings, watch: &dyn Watch) -> Result<(), FetchError> {
    for parent in [&job.partial, &job.target].into_iter().filter_map(|path| path.parent()) {
        fs::create_dir_all(parent).await.map_err(|error| io_error(parent, &error))?;
    }
    let resumed = job.present() > 0;
    watch.tell(&Event::Begun { file: &job.target, bytes: job.declared.size, present: job.present() });
    complete(hub, job, settings, watch).await?;
    if !right(job).await? {
        // What an earlier run left may have been damaged since; what one run brought whole has no such excuse.
        if resumed {
            watch.tell(&Event::Restarted { file: &job.target });
            complete(hub, job, settings, watch).await?;
        }
        if !resumed || !right(job).await? {
            return Err(FetchError::WrongHash { file: job.origin.path.clone(), declared: job.declared.digest.clone() });
        }
    }
    fs::rename(&job.partial, &job.target).await.map_err(|error| io_error(&job.target, &error))?;
    watch.tell(&Event::Finished { file: &job.target });
    Ok(())
}

/// Tries until the partial file has its full length.
async fn complete(hub: &Hub, job: &Job, settings: &Settings, watch: &dyn Watch) -> Result<(), FetchError> {
    let mut failures = 0;
    while job.present() < job.declared.size {
        let before = job.present();
        let Err(error) = attempt(hub, job, watch).await else { continue };
        if job.present() > before {
            failures = 0;
        }
        failures += 1;
        let pause = pause(&error, failures, settings.pause);
        let Some(pause) = pause.filter(|_| failures < TRIES) else { return Err(error) };
        watch.tell(&Event::Paused { file: &job.target, pause, reason: &error.to_string() });
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// How long to wait before the next try; `None` when another try cannot help.
pub(super) fn pause(error: &FetchError, failures: u32, first: Duration) -> Option<Duration> {
    let growing = (first * 2_u32.saturating_pow(failures.saturating_sub(1))).min(Duration::from_secs(60));
    // Several clients cut off at the same moment should not come back at the same moment.
    let growing = growing.mul_f64(rand::random_range(0.75..1.25));
    match error {
        FetchError::Hub(HubError::Busy { after: Some(after), .. }) => Some(*after).filter(|p| *p <= LONGEST_PAUSE),
        FetchError::Hub(HubError::Busy { .. } | HubError::Connection { .. }) => Some(growing),
        _ => None,
    }
}

async fn attempt(hub: &Hub, job: &Job, watch: &dyn Watch) -> Result<(), FetchError> {
    let from = job.present();
    let opened = hub.open(&job.origin, from, &job.declared).await?;
    if opened.declared.digest != job.declared.digest || opened.declared.size != job.declared.size {
        return Err(HubError::Odd(format!("{} changed on the hub meanwhile; run this again", job.origin.path)).into());
    }
    let start = if opened.start == from { from } else { 0 };
    if opened.start != start {
        return Err(HubError::Odd(format!("the hub sent another part of {} than asked", job.origin.path)).into());
    }
    if start < from {
        watch.tell(&Event::Restarted { file: &job.target });
    }
    let error = |error: std::io::Error| io_error(&job.partial, &error);
    let file = fs::OpenOptions::new().create(true).write(true).truncate(false).open(&job.partial).await;
    let file = file.map_err(error)?;
    file.set_len(start).await.map_err(error)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    tokio::io::AsyncSeekExt::seek(&mut file, std::io::SeekFrom::Start(start)).await.map_err(error)?;
    let mut left = job.declared.size - start;
    let mut bytes = opened.response.bytes_stream();
    let mut outcome = Ok(());
    while let Some(chunk) = bytes.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                outcome = Err(cut(&job.origin, &error).into());
                break;
            }
        };
        if chunk.len() as u64 > left {
            outcome = Err(HubError::Odd(format!("the hub sent more of {} than declared", job.origin.path)).into());
            break;
        }
        file.write_all(&chunk).await.map_err(error)?;
        left -= chunk.len() as u64;
        watch.tell(&Event::Received { file: &job.target, bytes: chunk.len() as u64 });
    }
    // Also after a cut: what came is kept for the next try.
    file.flush().await.map_err(error)?;
    file.into_inner().sync_all().await.map_err(error)?;
    if outcome.is_ok() && left > 0 {
        let (what, reason) = (job.origin.path.clone(), "it ended early".to_owned());
        return Err(HubError::Connection { what, reason }.into());
    }
    outcome
}

/// Whether the partial file is what the hub declared; a wrong one is removed.
async fn right(job: &Job) -> Result<bool, FetchError> {
    let found = hash(&job.partial, &job.declared.digest).await?;
    if found != job.declared.digest {
        fs::remove_file(&job.partial).await.map_err(|error| io_error(&job.partial, &error))?;
        return Ok(false);
    }
    Ok(true)
}

/// Hashes a file off the async threads.
pub(super) async fn hash(path: &Path, like: &Digest) -> Result<Digest, FetchError> {
    let (path, like) = (path.to_owned(), like.clone());
    let shown = path.clone();
    match tokio::task::spawn_blocking(move || like.of_same_kind(&path)).await {
        Ok(found) => found.map_err(|error| io_error(&shown, &error)),
        Err(_) => Err(FetchError::Stopped),
    }
}
