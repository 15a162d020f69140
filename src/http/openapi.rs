//! `/openapi.json`: the description of every path, gathered from the handlers themselves.

use super::Door;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(title = "Samovar", description = "Pictures from words, in the shapes of OpenAI's API.", license(name = "MIT OR Apache-2.0")),
    modifiers(&BearerKey),
    security(("key" = []))
)]
struct Base;

struct BearerKey;

impl utoipa::Modify for BearerKey {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Not asked for where no key is configured."));
        api.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(key.build()));
    }
}

/// What stands above the paths.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The path of the description. It needs no key: it says nothing about this server but its version.
pub(super) fn router(api: &utoipa::openapi::OpenApi) -> Router<Arc<Door>> {
    let text = api.to_pretty_json().unwrap_or_default();
    Router::new().route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], text) }))
}
