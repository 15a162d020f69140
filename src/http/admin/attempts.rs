//! `/v1/admin/attempts`: who was asked lately, and what came of it.

use super::{only_for_admins, seconds};
use crate::http::Door;
use crate::http::error::{ApiError, ErrorAnswer};
use crate::http::extract::Asked;
use crate::media::{JobId, Owner};
use crate::statistics::Attempt;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Most attempts in an answer.
const MOST: u32 = 1000;

/// Which attempts are wanted.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default = "few")]
    limit: u32,
    job: Option<String>,
}

fn few() -> u32 {
    50
}

/// Attempts, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptList {
    /// The latest first.
    attempts: Vec<AttemptLine>,
}

/// Who was asked, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptLine {
    /// When it was noted, in seconds since 1970.
    time: i64,
    /// For which job.
    job: String,
    /// What was asked for, such as `image.generate`.
    task: String,
    /// `local` or the provider's id.
    provider: String,
    /// The model.
    model: String,
    /// The last characters of the key it was asked with.
    key: Option<String>,
    /// `done` or the class of the failure.
    class: String,
    /// The HTTP status of a failure, where there was an answer.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// Whether it may have been paid without giving an answer.
    spend_unknown: bool,
}

impl From<Attempt> for AttemptLine {
    fn from(Attempt { at, job, task, tried }: Attempt) -> Self {
        Self {
            time: seconds(at),
            job,
            task,
            provider: tried.provider,
            model: tried.model,
            key: tried.key,
            class: tried.class,
            status: tried.status,
            took_ms: tried.took_ms,
            spend_unknown: tried.spend_unknown,
        }
    }
}

/// The latest attempts.
#[utoipa::path(get, path = "/v1/admin/attempts", tag = "admin",
    params(
        ("limit" = Option<u32>, Query, description = "how many, 1 to 1000; 50 by default"),
        ("job" = Option<String>, Query, description = "only those of this job"),
    ),
    responses(
        (status = 200, body = AttemptList),
        (status = 400, body = ErrorAnswer),
        (status = 403, body = ErrorAnswer, description = "the key is not an administrator's"),
    ))]
pub async fn list(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    Asked(Wanted { limit, job }): Asked<Wanted>,
) -> Result<Json<AttemptList>, ApiError> {
    only_for_admins(&caller, "the attempts")?;
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::field("limit", format!("`limit` is {limit}; 1 to {MOST} are accepted")));
    }
    if job.as_deref().is_some_and(|job| job.parse::<JobId>().is_err()) {
        return Err(ApiError::field("job", "`job` is not the id of a job"));
    }
    let found = door.state.statistics.attempts(job.as_deref(), limit).await;
    let attempts = found.map_err(|error| ApiError::of(error.into(), &caller))?;
    Ok(Json(AttemptList { attempts: attempts.into_iter().map(AttemptLine::from).collect() }))
}
