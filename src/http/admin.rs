//! `/v1/admin`: what only administrators see.

pub mod attempts;
pub mod providers;

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use super::extract::Asked;
use crate::media::{Failure, Owner};
use crate::statistics::Total;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// The query of the statistics.
#[derive(Debug, Deserialize)]
pub struct Span {
    #[serde(default = "month")]
    days: u32,
}

fn month() -> u32 {
    30
}

/// What every model did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Totals {
    /// Days counted, today in Moscow included.
    days: u32,
    /// One for each task, provider and model; the busiest first within each task.
    totals: Vec<ModelTotal>,
}

/// What one model of one provider did.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelTotal {
    /// What was asked for, such as `image.generate`.
    task: String,
    /// `local` or the provider's id.
    provider: String,
    /// The model.
    model: String,
    /// How often it was asked.
    attempts: u64,
    /// How often it answered.
    answered: u64,
    /// Part of the attempts that was answered, 0 to 1.
    success_rate: f64,
    /// How long an answer took on average, in seconds.
    mean_s: Option<f64>,
    /// How long the longest answer took, in seconds.
    longest_s: Option<f64>,
    /// Size of an answer on average.
    mean_bytes: Option<u64>,
    /// How often it failed, by class.
    failures: BTreeMap<String, u64>,
}

impl From<Total> for ModelTotal {
    fn from(total: Total) -> Self {
        let Total { task, provider, model, attempts, answered, success_rate, mean_s, longest_s, mean_bytes, failures } =
            total;
        Self { task, provider, model, attempts, answered, success_rate, mean_s, longest_s, mean_bytes, failures }
    }
}

/// Statistics by model and provider.
#[utoipa::path(get, path = "/v1/admin/stats", tag = "admin",
    params(("days" = Option<u32>, Query, description = "how many days back, today included, 1 to 36500; 30 by default")),
    responses(
        (status = 200, body = Totals),
        (status = 400, body = ErrorAnswer),
        (status = 403, body = ErrorAnswer, description = "the key is not an administrator's"),
    ))]
pub async fn stats(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    Asked(Span { days }): Asked<Span>,
) -> Result<Json<Totals>, ApiError> {
    only_for_admins(&caller, "the statistics")?;
    if !(1..=36_500).contains(&days) {
        return Err(ApiError::field("days", format!("`days` is {days}; 1 to 36500 are accepted")));
    }
    let totals = door.state.statistics.totals(days).await.map_err(|error| ApiError::of(error.into(), &caller))?;
    Ok(Json(Totals { days, totals: totals.into_iter().map(ModelTotal::from).collect() }))
}

fn only_for_admins(caller: &Owner, what: &str) -> Result<(), ApiError> {
    if caller.admin() {
        return Ok(());
    }
    Err(ApiError::of(Failure::Forbidden { message: format!("only administrators see {what}") }, caller))
}

/// Seconds since 1970 of milliseconds.
fn seconds(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1000)
}
