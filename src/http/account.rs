//! `/v1/account`: what the caller has left.

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use crate::accounts::{Limit, Standing};
use crate::media::{Failure, Owner};
use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// Its name.
    #[schema(example = "key:alice")]
    id: String,
    /// `user`, `subscriber` or `admin`.
    level: &'static str,
    /// Money, in kopecks.
    balance_kopecks: i64,
    /// What is left of each task today.
    tasks: Vec<TaskAccount>,
}

/// What is left of one task today.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskAccount {
    /// `image.generate`.
    task: String,
    /// Free units (pictures) of a day; `null`: any number.
    limit: Option<u32>,
    /// Of these, used today.
    used: u32,
    /// Of these, left today; `null`: any number.
    left: Option<u32>,
    /// Price of one unit beyond the free ones, in kopecks.
    price_kopecks: i64,
    /// The same, of models that have a price of their own.
    model_prices_kopecks: BTreeMap<String, i64>,
    /// Seconds until the free units are back: at midnight in Moscow.
    resets_in_s: u64,
}

/// The caller's account.
#[utoipa::path(get, path = "/v1/account", tag = "account",
    responses((status = 200, body = Account), (status = 401, body = ErrorAnswer)))]
pub async fn view(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
) -> Result<Json<Account>, ApiError> {
    let overview = door.state.accounts.overview(&caller).await;
    let overview = overview.map_err(|error| ApiError::of(Failure::from(error), &caller))?;
    let task = |standing: Standing| TaskAccount {
        left: standing.left(),
        limit: match standing.limit {
            Limit::Daily(limit) => Some(limit),
            Limit::Unlimited => None,
        },
        task: standing.task,
        used: standing.used,
        price_kopecks: standing.price,
        model_prices_kopecks: standing.model_prices,
        resets_in_s: overview.resets_in_s,
    };
    let tasks = overview.tasks.into_iter().map(task).collect();
    let (level, balance_kopecks) = (overview.level.word(), overview.balance);
    Ok(Json(Account { id: caller.id, level, balance_kopecks, tasks }))
}
