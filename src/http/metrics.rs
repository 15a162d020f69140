//! `/metrics` in Prometheus' text format, and the count of requests.

use super::Door;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Instant;

/// Jobs by outcome, their times, the length of the line, requests.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn render(State(door): State<Arc<Door>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], door.state.metrics.render())
}

/// Counts each request by its route and status. Paths that do not exist share one label: callers choose paths.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let start = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("samovar_http_requests_total", "route" => route.clone(), "status" => status).increment(1);
    metrics::histogram!("samovar_http_request_seconds", "route" => route).record(start.elapsed());
    response
}
