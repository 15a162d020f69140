//! The HTTP door: OpenAI's shapes for pictures and speech, the jobs behind them, stored files, health, metrics, OpenAPI.
//!
//! One file for each resource. Must not know who answers or how: what is shown of models and of the engine comes
//! through [`Models`], [`Providers`] and [`Probe`], wired by the composition root.

mod account;
mod admin;
mod assets;
mod auth;
mod error;
mod extract;
mod health;
mod images;
mod jobs;
mod metrics;
mod models;
mod openapi;
mod ranges;
mod speech;
mod tasks;
mod transcripts;

use crate::accounts::{Accounts, Keys};
use crate::intake::Intake;
use crate::media::models::Models;
use crate::media::providers::Providers;
use crate::statistics::Statistics;
use crate::storage::Storage;
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::{Router, middleware};
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where the door is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address to listen on. Without any key it must be a loopback one.
    pub listen: SocketAddr,
    /// Base of the links given out; without one, what the request was sent to.
    pub public_url: Option<Url>,
}

/// Whether one part of the server can work, and if not, why. Asked by `/readyz`; quick, no side effects.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What the door stands in front of.
pub struct State {
    /// The way to the line of jobs.
    pub intake: Intake,
    /// Who may come in. No key at all: whoever sits at this machine, as an admin.
    pub keys: Arc<Keys>,
    /// What each may do.
    pub accounts: Accounts,
    /// Where results lie.
    pub storage: Arc<Storage>,
    /// Who can be asked.
    pub models: Arc<dyn Models>,
    /// Who answers besides this machine, for administrators.
    pub providers: Arc<dyn Providers>,
    /// Parts beside the storage that must work, each with its name.
    pub readiness: Vec<(&'static str, Probe)>,
    /// What every model did, for administrators.
    pub statistics: Statistics,
    /// What was counted so far.
    pub metrics: PrometheusHandle,
    /// Paths of another door, which has its own ways to know who comes.
    pub beside: Router,
}

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody could come in.
    #[error(
        "{0} can be reached from other machines, and there are no API keys: make one with \
        `samovar keys add NAME`, set SAMOVAR_API_KEYS, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The address is taken, or not ours.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The listener broke.
    #[error("the HTTP server stopped: {0}")]
    Broken(std::io::Error),
}

/// State of the handlers.
struct Door {
    state: State,
    public_url: Option<Url>,
    stop: CancellationToken,
}

/// Answers requests until `stop`, then finishes those it has.
///
/// # Errors
/// [`ServeError`] when the address cannot be used.
pub async fn serve(settings: Settings, state: State, stop: CancellationToken) -> Result<(), ServeError> {
    if state.keys.none() && !settings.listen.ip().is_loopback() {
        return Err(ServeError::Open(settings.listen));
    }
    let fail = |e| ServeError::Listen(settings.listen, e);
    let listener = TcpListener::bind(settings.listen).await.map_err(fail)?;
    tracing::info!("listening on http://{}", listener.local_addr().map_err(fail)?);
    let router = router(&settings, state, stop.clone());
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await.map_err(ServeError::Broken)
}

/// Every path of the door. `stop` ends streams of events, which would otherwise hold the server open.
pub fn router(settings: &Settings, mut state: State, stop: CancellationToken) -> Router {
    let beside = std::mem::take(&mut state.beside);
    let door = Arc::new(Door { state, public_url: settings.public_url.clone(), stop });
    let (keyed, keyed_api) = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(images::generations))
        .routes(routes!(images::edits))
        .routes(routes!(images::variations))
        .routes(routes!(speech::speech))
        .routes(routes!(transcripts::transcriptions))
        .routes(routes!(transcripts::translations))
        .routes(routes!(models::list))
        .routes(routes!(models::one))
        .routes(routes!(jobs::submit, jobs::list))
        .routes(routes!(jobs::view, jobs::cancel))
        .routes(routes!(jobs::events))
        .routes(routes!(account::view))
        .routes(routes!(admin::stats))
        .routes(routes!(admin::providers::list))
        .routes(routes!(admin::attempts::list))
        .routes(routes!(assets::upload))
        .routes(routes!(assets::delete))
        .routes(routes!(metrics::render))
        .split_for_parts();
    let keyed = keyed.route_layer(middleware::from_fn_with_state(Arc::clone(&door), auth::with_key));
    let (free, free_api) =
        OpenApiRouter::new().routes(routes!(assets::bytes)).routes(routes!(assets::info)).split_for_parts();
    let (open, open_api) =
        OpenApiRouter::new().routes(routes!(health::alive)).routes(routes!(health::ready)).split_for_parts();
    let api = keyed_api.merge_from(free_api).merge_from(open_api);
    let router = keyed
        .merge(free)
        .merge(openapi::router(&api))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&door), auth::from_here))
        .merge(open.method_not_allowed_fallback(error::no_such_method));
    layered(router).with_state(door).merge(beside)
}

fn layered(router: Router<Arc<Door>>) -> Router<Arc<Door>> {
    // The path alone: a query may hold the signature of a link.
    let span = |request: &Request<_>| {
        let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        tracing::info_span!("http", method = %request.method(), path = request.uri().path(), id)
    };
    router
        .layer(middleware::from_fn(metrics::count))
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_response(DefaultOnResponse::new().level(Level::INFO)))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}
