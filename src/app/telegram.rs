//! The bot joined to the rest of the house. It must not know what the bot does.

use super::{House, Studio};
use crate::config::{self, Config};
use crate::media::Tried;
use crate::statistics::Statistics;
use crate::telegram::wire::{Bots, Patience, Settings as WireSettings, Webhook};
use crate::telegram::{self, Health, Settings, Telegram, Vitals};
use anyhow::{Context, Result};
use futures::FutureExt;
use rustix::fs::statvfs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long `doctor` waits for Telegram.
const PATIENCE: Duration = Duration::from_secs(15);

/// The bot; `None` without a token.
///
/// # Errors
/// When Telegram cannot be reached with what is configured.
pub fn open(config: &Config, house: &House, studio: &Studio) -> Result<Option<Telegram>> {
    let Some(configured) = &config.telegram else { return Ok(None) };
    let settings = Settings {
        wire: wire(configured),
        admins: configured.admins.clone(),
        triggers: configured.triggers.clone(),
        retention: config.retention,
        upload_retention: config.upload_retention,
    };
    let house = telegram::House {
        db: house.db.clone(),
        intake: house.intake.clone(),
        accounts: house.accounts.clone(),
        storage: Arc::clone(&house.storage),
        models: Arc::clone(&studio.chain) as _,
        providers: Arc::clone(&studio.chain) as _,
        health: health(Statistics::new(house.db.clone()), config.data_dir.clone()),
    };
    Telegram::new(settings, house).context("the Telegram bot cannot be started").map(Some)
}

/// Who the bot is, for `doctor`; `None` without a token.
///
/// # Errors
/// One sentence when Telegram does not know the token, or does not answer.
pub async fn probe(config: &Config) -> Result<Option<String>> {
    let Some(configured) = &config.telegram else { return Ok(None) };
    let bots = Bots::new(&wire(configured))?;
    let identity = tokio::time::timeout(PATIENCE, bots.probe()).await.context("Telegram does not answer")??;
    Ok(Some(format!("@{}", identity.username)))
}

fn wire(configured: &config::Telegram) -> WireSettings {
    let webhook = configured.webhook.clone().map(|(url, secret)| Webhook { url, secret });
    WireSettings {
        token: configured.token.clone(),
        api_url: configured.api_url.clone(),
        proxy: configured.proxy.clone(),
        webhook,
        patience: Patience::default(),
    }
}

/// How the server is: from what was counted of today's attempts, and the disk.
fn health(statistics: Statistics, data: PathBuf) -> Health {
    Arc::new(move || {
        let (statistics, data) = (statistics.clone(), data.clone());
        async move {
            let mut vitals = Vitals::default();
            for total in statistics.totals(1).await.unwrap_or_default() {
                if total.provider == "local" {
                    vitals.answered_local += total.answered;
                    vitals.engine_deaths += total.failures.get("crashed").copied().unwrap_or_default();
                } else {
                    vitals.answered_remote += total.answered;
                }
            }
            if vitals.engine_deaths > 0 {
                let attempts = statistics.attempts(None, 200).await.unwrap_or_default();
                let died = |tried: &Tried| tried.provider == "local" && tried.class == "crashed";
                vitals.engine_death = attempts.into_iter().find(|one| died(&one.tried)).map(|one| one.tried.model);
            }
            vitals.disk = statvfs(&data)
                .ok()
                .map(|disk| (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)));
            vitals
        }
        .boxed()
    })
}
