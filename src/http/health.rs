//! `/healthz`: the process answers. `/readyz`: so does everything that it needs.

use super::Door;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Whether everything works, part by part.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether all parts are `ok`.
    ready: bool,
    /// `ok`, or what is wrong.
    parts: BTreeMap<&'static str, String>,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = String)))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Database, storage and engine can be used.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "a part does not work")))]
pub async fn ready(State(door): State<Arc<Door>>) -> (StatusCode, Json<Readiness>) {
    let mut found = vec![("storage", door.state.storage.probe().await)];
    for (name, probe) in &door.state.readiness {
        found.push((*name, probe().await));
    }
    let ready = found.iter().all(|(_, result)| result.is_ok());
    let said = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".to_owned());
    let parts = found.into_iter().map(|(name, result)| (name, said(result))).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, parts }))
}
