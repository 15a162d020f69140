//! Updates that Telegram brings. Each is kept before it is answered: what is not answered well is brought again.

use super::super::bots::Bots;
use super::super::settings::Webhook;
use super::super::trouble::Trouble;
use super::{KINDS, rows};
use crate::db::Db;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// What proves that an update is Telegram's.
const SECRET: &str = "x-telegram-bot-api-secret-token";
/// Largest update, in bytes.
const LARGEST: usize = 4 << 20;
/// Pause after Telegram did not take the address.
const PAUSE: Duration = Duration::from_secs(10);

struct Gate {
    secret: SecretString,
    db: Db,
}

/// The path of the webhook's address.
pub(super) fn router(webhook: &Webhook, db: Db) -> Router {
    let gate = Arc::new(Gate { secret: webhook.secret.clone(), db });
    Router::new().route(webhook.url.path(), post(take)).layer(DefaultBodyLimit::max(LARGEST)).with_state(gate)
}

async fn take(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let said = headers.get(SECRET).map(|value| value.as_bytes()).unwrap_or_default();
    if !bool::from(said.ct_eq(gate.secret.expose_secret().as_bytes())) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(update) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    match rows::keep(&gate.db, &[update]).await {
        Ok(_) => StatusCode::OK,
        Err(error) => {
            tracing::error!(%error, "an update could not be written down; Telegram brings it again");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Tells Telegram the address, until it takes it; then waits for `stop`.
pub(super) async fn announce(bots: &Bots, webhook: &Webhook, patience: Duration, stop: &CancellationToken) {
    let body = json!({
        "url": webhook.url.as_str(), "secret_token": webhook.secret.expose_secret(), "allowed_updates": KINDS,
    });
    let announced = async {
        while let Err(trouble) = bots.ask::<bool>("setWebhook", &body, patience).await {
            let pause = if let Trouble::Wait(wait) = trouble { wait } else { PAUSE };
            tracing::error!(%trouble, "Telegram does not take the webhook; trying again in {} s", pause.as_secs());
            tokio::time::sleep(pause).await;
        }
        tracing::info!(url = webhook.url.as_str(), "Telegram brings updates here");
        std::future::pending::<()>().await;
    };
    tokio::select! { () = stop.cancelled() => {}, () = announced => {} }
}
