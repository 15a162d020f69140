//! `/v1/models`: who can be asked.

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use super::extract::Named;
use crate::media::Choice;
use crate::media::models::ModelCard;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The models that can be named in a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// In the order in which they are asked when a request names none.
    data: Vec<Model>,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    /// Its name in requests.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When it was installed, seconds since 1970; 0 when unknown.
    created: i64,
    /// `local` or the provider's id.
    owned_by: String,
    /// A name for people.
    title: String,
    /// What it does, such as `image.generate`.
    tasks: Vec<String>,
    /// Whether it can answer now; a local model that is not fetched yet cannot.
    ready: bool,
}

impl From<ModelCard> for Model {
    fn from(card: ModelCard) -> Self {
        let ModelCard { name, title, provider, tasks, ready, created, .. } = card;
        Self { id: name, object: "model", created, owned_by: provider, title, tasks, ready }
    }
}

/// Every model known here.
#[utoipa::path(get, path = "/v1/models", tag = "models", responses((status = 200, body = ModelList)))]
pub async fn list(State(door): State<Arc<Door>>) -> Json<ModelList> {
    let data = door.state.models.cards().into_iter().map(Model::from).collect();
    Json(ModelList { object: "list", data })
}

/// One model.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "models", params(("model" = String, Path, description = "its name")),
    responses((status = 200, body = Model), (status = 404, body = ErrorAnswer)))]
pub async fn one(State(door): State<Arc<Door>>, Named(name): Named) -> Result<Json<Model>, ApiError> {
    let cards = door.state.models.cards();
    let found = cards.iter().find(|card| card.name == name).cloned();
    found.map(|card| Json(card.into())).ok_or_else(|| unknown(&name, &cards))
}

/// Refuses a model that nobody here has. Whoever names a provider, too, is told by that one.
pub(super) fn check(door: &Door, choice: &Choice) -> Result<(), ApiError> {
    match (&choice.model, &choice.provider) {
        (Some(model), None) if !door.state.models.knows(model) => Err(unknown(model, &door.state.models.cards())),
        _ => Ok(()),
    }
}

/// Refuses a name that nobody here answers to, naming those that somebody does.
fn unknown(name: &str, cards: &[ModelCard]) -> ApiError {
    let ready: Vec<&str> = cards.iter().filter(|card| card.ready).map(|card| card.name.as_str()).collect();
    let choice =
        if ready.is_empty() { "none is ready now".to_owned() } else { format!("ready are: {}", ready.join(", ")) };
    let message = format!("there is no model '{name}' here; {choice}; without `model` the server chooses");
    ApiError::refused(StatusCode::NOT_FOUND, "model_not_found", message).about("model")
}
