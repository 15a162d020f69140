//! What the program tells about itself: the log on stderr and in a file, and the numbers of `/metrics`.
//! It must not know who logs or counts what.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// A log file larger than this is set aside when the program starts.
const LARGE: u64 = 64 << 20;
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
        /// What the appender said.
        source: InitError,
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
    let (writer, guard) = settings.folder.as_deref().map(file).transpose()?.unzip();
    let to_file = writer.map(|writer| fmt::layer().with_ansi(false).with_writer(writer));
    let to_stderr = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // An error means that a test in this process was first; its log serves as well.
    let _ = tracing_subscriber::registry().with(filter).with(to_stderr).with(to_file).try_init();
    Ok(Log { _file: guard })
}

/// `samovar.log` in `folder`; the writer drops lines rather than hold up the server when a disk is slow.
fn file(folder: &Path) -> Result<(tracing_appender::non_blocking::NonBlocking, WorkerGuard), TelemetryError> {
    let owned = || folder.to_owned();
    std::fs::create_dir_all(folder).map_err(|source| TelemetryError::Folder { folder: owned(), source })?;
    let path = folder.join(NAME);
    if std::fs::metadata(&path).is_ok_and(|found| found.len() > LARGE) {
        let aside = folder.join(format!("{NAME}.old"));
        std::fs::rename(&path, aside).map_err(|source| TelemetryError::Folder { folder: owned(), source })?;
    }
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::NEVER)
        .filename_prefix(NAME)
        .build(folder)
        .map_err(|source| TelemetryError::File { folder: owned(), source })?;
    Ok(tracing_appender::non_blocking(appender))
}

/// Starts counting. The handle renders what was counted, for `/metrics`.
///
/// # Errors
/// [`TelemetryError::Metrics`] when something else in this process counts already.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    Ok(PrometheusBuilder::new().install_recorder()?)
}
