//! Methods about the webhook.

use super::Done;
use crate::telegram::limits;
use crate::telegram::refusal::Refusal;
use crate::telegram::request::Request;
use crate::telegram::updates::Webhook;
use crate::telegram::world::World;
use serde_json::{Value, json};

const PORTS: [u16; 4] = [443, 80, 88, 8443];

fn said(description: &'static str) -> Done {
    Done { result: json!(true), description: Some(description) }
}

/// `setWebhook`. Unlike the real server, it takes plain HTTP and any port on this machine: tests have no certificates.
pub fn set(world: &World, request: &Request) -> Result<Done, Refusal> {
    let url = request.text("url");
    if url.is_empty() {
        return Ok(delete(world, request));
    }
    check(&url)?;
    let secret = request.text("secret_token");
    if secret.len() > limits::SECRET {
        return Err(Refusal::bad("secret token is too long"));
    }
    if !secret.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Refusal::bad("secret token contains unallowed characters"));
    }
    let allowed = request.json("allowed_updates", "allowed_updates")?;
    let connections = request.number("max_connections").unwrap_or(40).clamp(1, 100);
    let webhook = Webhook { url, secret, connections, failed: None };
    Ok(world.change(|state| {
        let updates = &mut state.updates;
        updates.allow(&allowed);
        if request.flag("drop_pending_updates") {
            updates.clear();
        } else if updates.webhook.as_ref() == Some(&webhook) {
            return said("Webhook is already set");
        }
        updates.webhook = Some(webhook);
        said("Webhook was set")
    }))
}

fn check(url: &str) -> Result<(), Refusal> {
    let bad = |why: &str| Refusal::bad(format!("bad webhook: {why}"));
    let url = url::Url::parse(url).map_err(|_| Refusal::bad("invalid webhook URL specified"))?;
    let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    if here {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(bad("An HTTPS URL must be provided for webhook"));
    }
    if !PORTS.contains(&url.port_or_known_default().unwrap_or_default()) {
        return Err(bad("Webhook can be set up only on ports 80, 88, 443 or 8443"));
    }
    Ok(())
}

/// `deleteWebhook`.
pub fn delete(world: &World, request: &Request) -> Done {
    world.change(|state| {
        if request.flag("drop_pending_updates") {
            state.updates.clear();
        }
        match state.updates.webhook.take() {
            Some(_) => said("Webhook was deleted"),
            None => said("Webhook is already deleted"),
        }
    })
}

/// `getWebhookInfo`.
pub fn info(world: &World) -> Value {
    world.look(|state| {
        let updates = &state.updates;
        let url = updates.webhook.as_ref().map_or("", |webhook| &webhook.url);
        let mut json =
            json!({ "url": url, "has_custom_certificate": false, "pending_update_count": updates.waiting() });
        if let Some(webhook) = &updates.webhook {
            json["max_connections"] = json!(webhook.connections);
            json["ip_address"] = json!("127.0.0.1");
            if let Some((date, why)) = &webhook.failed {
                json["last_error_date"] = json!(date);
                json["last_error_message"] = json!(why);
            }
        }
        if let Some(allowed) = updates.allowed() {
            json["allowed_updates"] = json!(allowed);
        }
        json
    })
}
