//! `/v1/admin/providers`: who answers besides this machine, with which keys, and how each stands.

use super::{only_for_admins, seconds};
use crate::http::Door;
use crate::http::error::{ApiError, ErrorAnswer};
use crate::media::Owner;
use crate::media::providers::{BreakerView, KeyView, ProviderView};
use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Who answers besides this machine.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderList {
    /// By id.
    providers: Vec<ProviderState>,
}

/// One provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderState {
    /// Its id, as routes and answers name it.
    id: String,
    /// Its name for people.
    title: String,
    /// Whether it is asked with keys; without any it is skipped then.
    keyed: bool,
    /// Tasks that its models do.
    tasks: Vec<String>,
    /// Its keys; for a provider that is asked without, its calls.
    keys: Vec<KeyState>,
    /// Whether it is asked.
    breaker: BreakerState,
}

/// One key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyState {
    /// Its last characters; empty for a provider that is asked without keys.
    last4: String,
    /// `ready`, `resting` (asked too often), `retired` (refused, or out of money) or `trying` (one request finds out
    /// whether it works again).
    state: String,
    /// When a resting key is used again and a retired one is tried again, in seconds since 1970.
    until: Option<i64>,
    /// When it was last used, the same.
    used: Option<i64>,
    /// What came of it last: `done`, `rate`, `bad_key` or `payment`.
    class: Option<String>,
    /// Calls that are under way with it, in this server.
    busy: usize,
    /// How many may be.
    places: usize,
}

/// Whether a provider is asked, or rests because asking it was of no use.
#[derive(Debug, Serialize, ToSchema)]
pub struct BreakerState {
    /// `closed` (it is asked), `open` (it rests) or `half_open` (one request may try it).
    state: String,
    /// Failures in a row.
    failures: u32,
    /// Seconds that it rests still.
    rests_s: Option<u64>,
}

impl From<ProviderView> for ProviderState {
    fn from(ProviderView { id, title, keyed, tasks, keys, breaker }: ProviderView) -> Self {
        let BreakerView { state, failures, rests_s } = breaker;
        let keys = keys.into_iter().map(KeyState::from).collect();
        Self { id, title, keyed, tasks, keys, breaker: BreakerState { state, failures, rests_s } }
    }
}

impl From<KeyView> for KeyState {
    fn from(KeyView { tail, state, until, used_at, class, busy, places, .. }: KeyView) -> Self {
        let (until, used) = (until.map(seconds), used_at.map(seconds));
        Self { last4: tail, state, until, used, class, busy, places }
    }
}

/// Providers with their keys and breakers.
#[utoipa::path(get, path = "/v1/admin/providers", tag = "admin",
    responses(
        (status = 200, body = ProviderList),
        (status = 403, body = ErrorAnswer, description = "the key is not an administrator's"),
    ))]
pub async fn list(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
) -> Result<Json<ProviderList>, ApiError> {
    only_for_admins(&caller, "the providers")?;
    let providers = door.state.providers.standings().into_iter().map(ProviderState::from).collect();
    Ok(Json(ProviderList { providers }))
}
