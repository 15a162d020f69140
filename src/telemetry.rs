//! What the program tells about itself: the log, as text on stderr and as JSON lines in a file that is rotated, and
//! the numbers of `/metrics`.
//! It must not know who logs or counts what.

use file_rotate::compression::Compression;
use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use tracing::Subscriber;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// A log file that has grown beyond this is set aside as `samovar.log.1`, the one before as `samovar.log.2` …
const LARGE: usize = 32 << 20;
/// So many of these are kept.
const KEPT: usize = 4;
const NAME: &str = "samovar.log";

/// What is logged and where to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A filter such as `info` or `warn,samovar=debug`.
    pub filter: String,
    /// Folder of the log files; `None`: stderr only.
    pub folder: Option<PathBuf>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be understood.
    #[error("RUST_LOG is '{filter}': {reason}; a level or a list such as warn,samovar=debug is accepted")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder does not take files.
    #[error("the folder of the log {} cannot be used", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be opened.
    #[error("the log file in {} cannot be opened", folder.display())]
    File {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another recorder was there first.
    #[error("the metrics cannot be recorded")]
    Metrics(#[from] BuildError),
}

/// Keeps the log's writer alive; dropping it writes what is left.
pub struct Log {
    _file: Option<WorkerGuard>,
}

/// Starts logging, once in a process; a second call changes nothing.
///
/// # Errors
/// [`TelemetryError`] when the filter is wrong or the folder takes no files.
pub fn log(settings: &Settings) -> Result<Log, TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&settings.filter)
        .map_err(|e| TelemetryError::Filter { filter: settings.filter.clone(), reason: e.to_string() })?;
    let (to_file, guard) = settings.folder.as_deref().map(|folder| to_file(folder, LARGE)).transpose()?.unzip();
    let to_stderr = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // An error means that a test in this process was first; its log serves as well.
    let _ = tracing_subscriber::registry().with(filter).with(to_stderr).with(to_file).try_init();
    Ok(Log { _file: guard })
}

/// Writes `samovar.log` in `folder`, one JSON object a line, and sets it aside beyond `large` bytes. The writer drops
/// lines rather than hold up the server when a disk is slow.
fn to_file<S>(folder: &Path, large: usize) -> Result<(impl Layer<S>, WorkerGuard), TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let owned = || folder.to_owned();
    std::fs::create_dir_all(folder).map_err(|source| TelemetryError::Folder { folder: owned(), source })?;
    let path = folder.join(NAME);
    // Tried here: the rotation would say nothing of a file that it cannot open.
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    let _: File = options.open(&path).map_err(|source| TelemetryError::File { folder: owned(), source })?;
    let limit = ContentLimit::BytesSurpassed(large);
    let rotating = FileRotate::new(path, AppendCount::new(KEPT), limit, Compression::None, Some(options));
    let (writer, guard) = tracing_appender::non_blocking(rotating);
    Ok((fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer), guard))
}

/// Starts counting. The handle renders what was counted, for `/metrics`.
///
/// # Errors
/// [`TelemetryError::Metrics`] when something else in this process counts already.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    Ok(PrometheusBuilder::new().install_recorder()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn log_lines(folder: &Path, lines: std::ops::Range<usize>) {
        let (layer, guard) = to_file(folder, 4096).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for line in lines {
                tracing::info!(line, text = "a \"quoted\"\nand broken text", "something happened");
            }
        });
        drop(guard);
    }

    /// The numbers of the lines in a file.
    fn numbers(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap();
        let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap();
        text.lines().map(number).collect()
    }

    #[test]
    fn the_log_is_rotated_while_it_is_written_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        log_lines(folder.path(), 0..20);
        assert_eq!(numbers(&folder.path().join(NAME)), (0..20).collect::<Vec<_>>());
        log_lines(folder.path(), 20..300);
        let mut kept = Vec::new();
        for aside in (1..=KEPT).rev() {
            kept.extend(numbers(&folder.path().join(format!("{NAME}.{aside}"))));
        }
        kept.extend(numbers(&folder.path().join(NAME)));
        let first = 300 - u64::try_from(kept.len()).unwrap();
        assert_eq!(kept, (first..300).collect::<Vec<_>>(), "every line once, whole, the latest ones");
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap()).collect();
        assert_eq!(files.len(), KEPT + 1, "{files:?}");
        for file in files {
            assert!(file.metadata().unwrap().len() < 4096 + 512, "{file:?}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(NAME)).unwrap();
        let refused = to_file::<tracing_subscriber::Registry>(folder.path(), 4096).err();
        assert!(matches!(refused, Some(TelemetryError::File { .. })), "{refused:?}");
    }
}
