//! `samovar worker`: does the jobs of a database that it shares with a server, until Ctrl-C or SIGTERM.

use crate::app;
use crate::config::Config;
use anyhow::Result;
use tokio_util::sync::CancellationToken;

/// Works until `stop`.
///
/// # Errors
/// When the database, the storage or the models cannot be used.
pub async fn run(config: &Config, stop: CancellationToken) -> Result<()> {
    app::work(config, stop).await
}
