//! Brings updates to a webhook, one after the other, and again if they are not taken.

use super::updates::Webhook;
use super::world::World;
use reqwest::Client;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The first wait after a delivery that failed; the real server waits a second and more.
const AGAIN: Duration = Duration::from_millis(50);

/// Brings updates as long as the fake lives.
pub async fn deliver(world: Arc<World>) {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().expect("a client");
    let mut changed = world.changed.subscribe();
    loop {
        changed.borrow_and_update();
        let Some((webhook, id, update)) = next(&world) else {
            // The test is gone when the sender is.
            if changed.changed().await.is_err() {
                return;
            }
            continue;
        };
        match bring(&client, &webhook, &update).await {
            Ok(asks) => world.change(|state| {
                state.updates.confirm(id + 1);
                if asks {
                    state.complain("the fake does not call the methods that a webhook answers with");
                }
            }),
            Err(why) => {
                world.change(|state| {
                    let date = state.clock.seconds();
                    if let Some(webhook) = &mut state.updates.webhook {
                        webhook.failed = Some((date, why));
                    }
                });
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn next(world: &World) -> Option<(Webhook, i64, Value)> {
    let ready = world.look(|state| state.updates.webhook.is_some() && state.updates.waiting() > 0);
    if !ready {
        return None;
    }
    world.change(|state| {
        let now = state.clock.now();
        state.updates.expire(now);
        let webhook = state.updates.webhook.clone()?;
        let id = state.updates.first()?.id;
        Some((webhook, id, state.updates.tell(1).remove(0)))
    })
}

/// Whether the answer asks for a call of a method.
async fn bring(client: &Client, webhook: &Webhook, update: &Value) -> Result<bool, String> {
    let mut request = client.post(&webhook.url).json(update);
    if !webhook.secret.is_empty() {
        request = request.header("X-Telegram-Bot-Api-Secret-Token", &webhook.secret);
    }
    let answer = request.send().await.map_err(|error| format!("Connection failed: {error}"))?;
    let status = answer.status();
    if status.is_success() {
        let said: Value = answer.json().await.unwrap_or_default();
        return Ok(said["method"].is_string());
    }
    Err(format!("Wrong response from the webhook: {} {}", status.as_u16(), status.canonical_reason().unwrap_or("")))
}
