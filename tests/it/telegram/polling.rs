//! `getUpdates`: long polls, offsets that confirm, and only one poller at a time.

use super::limits;
use super::methods::Done;
use super::refusal::Refusal;
use super::request::Request;
use super::world::World;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const WEBHOOK: &str =
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER: &str = "terminated by other getUpdates request; make sure that only one bot instance is running";

/// Waits for updates.
///
/// # Errors
///
/// [`Refusal`] if a webhook is set, or another poll takes the place of this one.
pub async fn get_updates(world: &World, request: &Request) -> Result<Done, Refusal> {
    let offset = request.number("offset").unwrap_or(0);
    let limit = request.number("limit").unwrap_or(100).clamp(1, limits::UPDATES as i64);
    let limit = usize::try_from(limit).expect("between one and a hundred");
    let timeout = request.number("timeout").unwrap_or(0).clamp(0, limits::POLL as i64);
    let allowed = request.json("allowed_updates", "allowed_updates")?;
    let mut changed = world.changed.subscribe();
    world.change(|state| {
        if state.updates.webhook.is_some() {
            return Err(Refusal::conflict(WEBHOOK));
        }
        state.updates.allow(&allowed);
        state.updates.confirm(offset);
        Ok(())
    })?;
    if let Some(told) = told(world, limit) {
        return Ok(told.into());
    }
    if timeout == 0 {
        return Ok(Value::Array(Vec::new()).into());
    }
    // Only a poll that has to wait ends the one that waits already.
    let own = world.change(|state| {
        state.updates.poll += 1;
        state.updates.poll
    });
    let end = Instant::now() + Duration::from_secs(timeout.unsigned_abs());
    loop {
        changed.borrow_and_update();
        world.look(|state| {
            if state.updates.webhook.is_some() {
                return Err(Refusal::conflict("terminated by setWebhook request"));
            }
            if state.updates.poll == own { Ok(()) } else { Err(Refusal::conflict(OTHER)) }
        })?;
        if let Some(told) = told(world, limit) {
            return Ok(told.into());
        }
        if timeout_at(end, changed.changed()).await.is_err() {
            return Ok(Value::Array(Vec::new()).into());
        }
    }
}

/// What waits, if anything does.
fn told(world: &World, limit: usize) -> Option<Value> {
    // Nothing is told to nobody: the bell rings only if something was.
    if world.look(|state| state.updates.waiting() == 0) {
        return None;
    }
    world.change(|state| {
        let now = state.clock.now();
        state.updates.expire(now);
        let told = state.updates.tell(limit);
        (!told.is_empty()).then_some(Value::Array(told))
    })
}
