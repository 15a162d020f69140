//! `/v1/assets/{id}`: the bytes of a stored file, for its owner or for whoever has a signed link.

use super::Door;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{Asked, Named};
use crate::media::{AssetId, Failure, Level, Owner};
use crate::storage::{Link, Meta};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// The signature of a link.
#[derive(Debug, Deserialize)]
pub struct Signed {
    /// Seconds since 1970 until which the link works.
    expires: Option<u64>,
    /// HMAC-SHA256 in hexadecimal digits.
    signature: Option<String>,
}

/// The bytes of a stored file. With a signed link no key is needed.
#[utoipa::path(get, path = "/v1/assets/{id}", tag = "assets", params(("id" = String, Path, description = "the asset"),
        ("expires" = Option<u64>, Query, description = "until when the link works, seconds since 1970"),
        ("signature" = Option<String>, Query, description = "HMAC-SHA256 in hexadecimal digits")),
    responses((status = 200, content_type = "image/png"), (status = 206, description = "the range asked for"),
        (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer, description = "the link is wrong or expired"),
        (status = 404, body = ErrorAnswer), (status = 416, body = ErrorAnswer)))]
pub async fn bytes(
    State(door): State<Arc<Door>>,
    Named(name): Named,
    Asked(signed): Asked<Signed>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::not_found("asset", &name);
    let id: AssetId = name.parse().map_err(|_| unknown())?;
    let caller = caller(&door, id, signed, &headers)?;
    let reader = caller.clone().unwrap_or_else(nobody);
    let fail = |failure: Failure| ApiError::of(failure, &reader);
    let meta = door.state.storage.meta(id).await.map_err(fail)?.ok_or_else(unknown)?;
    if let Some(caller) = &caller
        && !caller.may_see(&meta.owner)
    {
        return Err(unknown());
    }
    let part = part(&headers, meta.size)?;
    let bytes = door.state.storage.bytes(id, part.clone()).await.map_err(fail)?.ok_or_else(unknown)?;
    Ok(answer(&meta, part, bytes))
}

/// Whoever has a link and no key.
fn nobody() -> Owner {
    Owner { id: String::new(), level: Level::User }
}

/// Who asks with a key; `None` for whoever has a link that works.
fn caller(door: &Door, id: AssetId, signed: Signed, headers: &HeaderMap) -> Result<Option<Owner>, ApiError> {
    let (Some(expires), Some(signature)) = (signed.expires, signed.signature) else {
        return door.keys.caller(headers).map(Some);
    };
    if door.state.storage.allows(id, &Link { expires, signature }, SystemTime::now()) {
        return Ok(None);
    }
    Err(ApiError::refused(StatusCode::FORBIDDEN, "bad_link", "this link is wrong or has expired"))
}

fn answer(meta: &Meta, part: Option<Range<u64>>, bytes: bytes::Bytes) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_str(&meta.content_type);
    headers.insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, immutable, max-age=3600"));
    if let Some(part) = part {
        if let Ok(range) = HeaderValue::from_str(&format!("bytes {}-{}/{}", part.start, part.end - 1, meta.size)) {
            headers.insert(header::CONTENT_RANGE, range);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// The one range asked for, within the file. `None`: the whole file, also where several ranges are asked or the
/// header is not understood, as the standard allows.
fn part(headers: &HeaderMap, size: u64) -> Result<Option<Range<u64>>, ApiError> {
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some((first, last)) = asked.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return Ok(None);
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return Ok(None),
    };
    if range.is_empty() {
        let message = format!("the file has {size} bytes; the range lies outside");
        return Err(ApiError::refused(StatusCode::RANGE_NOT_SATISFIABLE, "invalid_range", message));
    }
    Ok(Some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &'static str) -> Result<Option<Range<u64>>, StatusCode> {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        part(&headers, 10).map_err(|e| e.into_response().status())
    }

    #[test]
    fn one_range_within_the_file_is_understood() {
        assert_eq!(part(&HeaderMap::new(), 10).unwrap(), None);
        assert_eq!(asked("bytes=0-3"), Ok(Some(0..4)));
        assert_eq!(asked("bytes=4-"), Ok(Some(4..10)));
        assert_eq!(asked("bytes=-3"), Ok(Some(7..10)));
        assert_eq!(asked("bytes=8-99"), Ok(Some(8..10)));
        assert_eq!(asked("bytes=0-18446744073709551615"), Ok(Some(0..10)));
        for whole in ["bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "bytes=-", "bytes="] {
            assert_eq!(asked(whole), Ok(None), "{whole}");
        }
        for outside in ["bytes=10-", "bytes=5-4", "bytes=-0"] {
            assert_eq!(asked(outside), Err(StatusCode::RANGE_NOT_SATISFIABLE), "{outside}");
        }
    }
}
