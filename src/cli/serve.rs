//! `samovar serve`: the HTTP API, the Telegram bot and one worker, until Ctrl-C or SIGTERM.

use crate::app::{self, Doing};
use crate::config::Config;
use anyhow::Result;
use tokio_util::sync::CancellationToken;

/// What to serve.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address to listen on instead of SAMOVAR_LISTEN
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Without the Telegram bot
    #[arg(long)]
    no_bot: bool,
    /// Take requests but draw nothing
    #[arg(long)]
    no_worker: bool,
}

impl Args {
    /// Puts what the arguments say into the configuration, and checks it before anything is written.
    ///
    /// # Errors
    /// When the address is none, or an open one without keys.
    pub fn settle(&self, config: &mut Config) -> Result<()> {
        if let Some(address) = &self.listen {
            config.listen_on("--listen", address)?;
        }
        config.http()?;
        Ok(())
    }
}

/// Serves until `stop`.
///
/// # Errors
/// When something the server needs cannot be had, such as its address.
pub async fn run(args: &Args, config: &Config, stop: CancellationToken) -> Result<()> {
    let doing = Doing { worker: !args.no_worker, bot: !args.no_bot };
    app::serve(config, doing, stop).await
}
