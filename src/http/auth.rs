//! Who may come in: holders of a key, or, where there is no key, only programs of this machine.

use super::Door;
use super::error::ApiError;
use crate::accounts::{Holder, Keys};
use crate::media::Owner;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// Who sends these headers.
pub(super) fn caller(keys: &Keys, headers: &HeaderMap) -> Result<Owner, ApiError> {
    if keys.none() { Ok(keys.local()) } else { holder(keys, headers).map(|holder| holder.owner) }
}

/// Whose key these headers hold.
fn holder(keys: &Keys, headers: &HeaderMap) -> Result<Holder, ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = given.and_then(|value| value.split_once(' ')).filter(|(word, _)| word.eq_ignore_ascii_case("bearer"));
    let Some((_, key)) = key else {
        return Err(ApiError::unauthorized("no API key: send one as `Authorization: Bearer KEY`"));
    };
    keys.holder(key.trim()).ok_or_else(|| ApiError::unauthorized("this API key is not known here"))
}

/// Lets holders of a key in, those who submit work at their pace, and notes who it is, for the handlers.
pub(super) async fn with_key(
    State(door): State<Arc<Door>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let keys = &door.state.keys;
    let caller = if keys.none() {
        keys.local()
    } else {
        let Holder { owner, pace } = holder(keys, request.headers())?;
        if request.method() == Method::POST {
            pace.step().map_err(|wait| ApiError::too_fast(pace.rate(), wait))?;
        }
        owner
    };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Without keys, keeps out whatever was not sent by a program of this machine to this machine: what came through a
/// proxy, and what a web page of another site sent from a browser here (its `Host` or `Origin` gives it away).
pub(super) async fn from_here(
    State(door): State<Arc<Door>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if door.state.keys.none()
        && let Some(reason) = foreign(request.uri(), request.headers())
    {
        let message = format!("{reason}; without API keys only requests from this machine are answered");
        return Err(ApiError::refused(StatusCode::FORBIDDEN, "not_local", message));
    }
    Ok(next.run(request).await)
}

fn foreign(uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let forwarded = |name: &header::HeaderName| name == header::FORWARDED || name.as_str().starts_with("x-forwarded");
    if headers.keys().any(forwarded) {
        return Some("the request came through a proxy");
    }
    // All of them, should there be several; what is not text is not ours either.
    let texts = |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    if !uri.authority().map(Authority::as_str).into_iter().chain(texts(header::HOST)).all(local) {
        return Some("the request was sent to another host");
    }
    if !texts(header::ORIGIN).map(|origin| origin.split_once("://").map_or("", |(_, host)| host)).all(local) {
        return Some("the request comes from a page of another site");
    }
    None
}

/// Whether `host[:port]` is this machine.
fn local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:80", "[::1]", "a.localhost"] {
            assert!(local(host), "{host}");
        }
        for host in ["", "example.org", "localhost.example.org", "10.0.0.1", "0.0.0.0", "[::2]", "evil@x", "null"] {
            assert!(!local(host), "{host}");
        }
    }
}
