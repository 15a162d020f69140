//! Fetching updates. The next call tells Telegram to forget what the last one brought: so that stands in the database
//! before.

use super::super::bots::Bots;
use super::super::settings::Patience;
use super::super::trouble::Trouble;
use super::{KINDS, rows};
use crate::db::Db;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Updates of one call.
const BATCH: u32 = 100;
/// Pauses after calls that fail, in seconds.
const PAUSES: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// After a week without updates Telegram may begin to count anew, below what was counted before: what is asked for from
/// the old number on would then be forgotten unread.
const SILENCE: Duration = Duration::from_secs(86_400);

/// Fetches until `stop`.
pub(super) async fn run(bots: &Bots, db: &Db, patience: Patience, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = fetch(bots, db, patience) => {}
    }
}

async fn fetch(bots: &Bots, db: &Db, patience: Patience) {
    // Without a number first: what is not acknowledged comes again, and what is kept already is known.
    let (mut offset, mut failures, mut heard) = (None, 0, Instant::now());
    loop {
        let mut body = json!({ "timeout": patience.poll.as_secs(), "limit": BATCH, "allowed_updates": KINDS });
        if let Some(offset) = offset {
            body["offset"] = json!(offset);
        }
        let batch = match bots.ask::<Vec<Value>>("getUpdates", &body, patience.poll + patience.control).await {
            Ok(batch) => batch,
            Err(trouble) => {
                failures += 1;
                pause(bots, patience, &trouble, failures).await;
                continue;
            }
        };
        failures = 0;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        metrics::gauge!("samovar_telegram_polled_seconds").set(now.as_secs_f64());
        match rows::keep(db, &batch).await {
            Ok(Some(last)) => (offset, heard) = (Some(last + 1), Instant::now()),
            Ok(None) if heard.elapsed() > SILENCE => offset = None,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "updates could not be written down; they are fetched again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn pause(bots: &Bots, patience: Patience, trouble: &Trouble, failures: usize) {
    let usual = Duration::from_secs(PAUSES[(failures - 1).min(PAUSES.len() - 1)]);
    match trouble {
        Trouble::Wait(wait) => tokio::time::sleep(*wait).await,
        Trouble::Conflict(said) => {
            tracing::error!(
                said,
                "somebody else takes this bot's updates: a webhook, or another program with its token"
            );
            // A webhook of an earlier setting is ours to delete; another program must be ended by whoever started it.
            let deleted = bots.ask::<bool>("deleteWebhook", &json!({}), patience.control).await;
            if let Err(trouble) = deleted {
                tracing::warn!(%trouble, "the webhook could not be deleted");
            }
            tokio::time::sleep(usual).await;
        }
        trouble => {
            tracing::warn!(%trouble, "Telegram gives no updates; asking again in {} s", usual.as_secs());
            tokio::time::sleep(usual).await;
        }
    }
}
