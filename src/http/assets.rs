//! `/v1/assets`: stored files: sent, read, looked at and deleted by their owner; read and looked at by whoever has a
//! signed link.

use super::Door;
use super::auth;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{Asked, Named, Upload};
use super::{images, ranges};
use crate::media::picture::Seen;
use crate::media::{AssetId, Failure, Medium, Owner, medium};
use crate::storage::{Kind, Link, Meta, NewAsset};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;
use utoipa::ToSchema;

/// The signature of a link.
#[derive(Debug, Deserialize)]
pub struct Signed {
    /// Seconds since 1970 until which the link works.
    expires: Option<u64>,
    /// HMAC-SHA256 in hexadecimal digits.
    signature: Option<String>,
}

/// A stored file.
#[derive(Debug, Serialize, ToSchema)]
pub struct Asset {
    /// Its name, for the requests that use it.
    id: String,
    /// `generated`, `uploaded` or `derived` (made from another).
    #[schema(value_type = String)]
    kind: &'static str,
    /// What it was made from; that may be gone already.
    parent: Option<String>,
    /// Its media type.
    content_type: String,
    /// Bytes.
    size: u64,
    /// When it was stored, seconds since 1970.
    created: i64,
    /// When it ceases to exist, seconds since 1970.
    expires: i64,
    /// More about it: `width` and `height` of a picture, `seconds` of a sound or a film.
    #[schema(value_type = Object)]
    metadata: Value,
    /// What is wrong with it, as found when it was last read.
    error: Option<String>,
    /// A link to its bytes that needs no key, and works for a while.
    url: String,
}

/// The form of an upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "published in /openapi.json; the form itself is read part by part")]
pub struct UploadForm {
    /// A picture: PNG, JPEG, WebP, GIF or BMP, up to 20 MB and 40 megapixels. A sound or a film with sound: OGG, MP3,
    /// WAV, FLAC, AAC, M4A, MP4, WebM or MKV, up to 200 MB and 4 hours.
    #[schema(value_type = String, format = Binary)]
    file: Bytes,
}

/// Stores a file for later requests: the body itself, whatever it is declared as, or `file` of a form. It is kept for a
/// day, unless the server is configured otherwise.
#[utoipa::path(post, path = "/v1/assets", tag = "assets",
    request_body(description = "a PNG, JPEG, WebP, GIF or BMP, up to 20 MB and 40 megapixels; or an OGG, MP3, WAV, FLAC, \
            AAC, M4A, MP4, WebM or MKV with sound, up to 200 MB and 4 hours",
        content((Vec<u8> = "image/*"), (Vec<u8> = "audio/*"), (Vec<u8> = "video/*"), (UploadForm = "multipart/form-data"))),
    responses((status = 201, body = Asset), (status = 400, body = ErrorAnswer), (status = 401, body = ErrorAnswer),
        (status = 413, body = ErrorAnswer), (status = 415, body = ErrorAnswer, description = "neither picture nor sound"),
        (status = 422, body = ErrorAnswer, description = "it cannot be decoded"), (status = 503, body = ErrorAnswer)))]
pub async fn upload(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    headers: HeaderMap,
    Upload(bytes): Upload,
) -> Result<(StatusCode, Json<Asset>), ApiError> {
    let fail = |failure: Failure| ApiError::of(failure, &caller);
    let known = images::decoded(&caller, move || known(bytes)).await?;
    let Some((file, metadata)) = known else {
        let message = "this is no PNG, JPEG, WebP, GIF or BMP, and no OGG, MP3, WAV, FLAC, AAC, M4A, MP4, WebM or MKV";
        return Err(ApiError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    };
    let new = NewAsset {
        bytes: file.bytes,
        content_type: file.content_type,
        owner: caller.id.clone(),
        kind: Kind::Uploaded,
        parent: None,
        metadata,
    };
    let id = door.state.storage.put(new).await.map_err(fail)?;
    let meta = door.state.storage.meta(id).await.map_err(fail)?;
    let meta = meta.ok_or_else(|| ApiError::not_found("asset", &id.to_string()))?;
    Ok((StatusCode::CREATED, Json(described(&door, &headers, meta))))
}

/// What a file is, and what is worth knowing of it, once it is sure that it can be worked with. `None`: it is of a kind
/// that nothing is done with here.
fn known(bytes: Bytes) -> Result<Option<(Medium, Value)>, Failure> {
    if medium::is_sound(&bytes) {
        let (sound, heard) = Medium::heard(bytes, "file")?;
        let seconds = (heard.seconds * 1000.0).round() / 1000.0;
        return Ok(Some((sound, json!({"seconds": seconds}))));
    }
    let seen = Seen::of(&bytes, "file")?;
    Ok(seen.map(|seen| (Medium::new(bytes, seen.content_type), json!({"width": seen.width, "height": seen.height}))))
}

/// The bytes of a stored file. With a signed link no key is needed.
#[utoipa::path(get, path = "/v1/assets/{id}", tag = "assets", params(("id" = String, Path, description = "the asset"),
        ("expires" = Option<u64>, Query, description = "until when the link works, seconds since 1970"),
        ("signature" = Option<String>, Query, description = "HMAC-SHA256 in hexadecimal digits")),
    responses((status = 200, content_type = "image/png"), (status = 206, description = "the range asked for"),
        (status = 304, description = "the client has it already"),
        (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer, description = "the link is wrong or expired"),
        (status = 404, body = ErrorAnswer), (status = 410, body = ErrorAnswer, description = "the storage has lost it"),
        (status = 416, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn bytes(
    State(door): State<Arc<Door>>,
    Named(name): Named,
    Asked(signed): Asked<Signed>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (reader, meta) = readable(&door, &name, signed, &headers).await?;
    // A file never changes: its name says which bytes it has.
    let tag = format!("\"{}\"", meta.id);
    if ranges::known(&headers, &tag) {
        return Ok(answer(&meta, &tag, None, StatusCode::NOT_MODIFIED, Body::empty()));
    }
    let part = ranges::part(&headers, meta.size, &tag)?;
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    if method == Method::HEAD {
        return Ok(answer(&meta, &tag, part, status, Body::empty()));
    }
    let fail = |failure: Failure| ApiError::of(failure, &reader);
    let Some(pieces) = door.state.storage.stream(meta.id, part.clone()).await.map_err(fail)? else {
        let now = door.state.storage.meta(meta.id).await.map_err(fail)?;
        return Err(now.and_then(|meta| meta.error).map_or_else(|| ApiError::not_found("asset", &name), gone));
    };
    Ok(answer(&meta, &tag, part, status, Body::from_stream(pieces)))
}

/// What is known of a stored file beside its bytes. With a signed link no key is needed.
#[utoipa::path(get, path = "/v1/assets/{id}/info", tag = "assets", params(("id" = String, Path, description = "the asset"),
        ("expires" = Option<u64>, Query, description = "until when the link works, seconds since 1970"),
        ("signature" = Option<String>, Query, description = "HMAC-SHA256 in hexadecimal digits")),
    responses((status = 200, body = Asset), (status = 401, body = ErrorAnswer),
        (status = 403, body = ErrorAnswer, description = "the link is wrong or expired"), (status = 404, body = ErrorAnswer),
        (status = 503, body = ErrorAnswer)))]
pub async fn info(
    State(door): State<Arc<Door>>,
    Named(name): Named,
    Asked(signed): Asked<Signed>,
    headers: HeaderMap,
) -> Result<Json<Asset>, ApiError> {
    let (_, meta) = readable(&door, &name, signed, &headers).await?;
    Ok(Json(described(&door, &headers, meta)))
}

/// Deletes a stored file, now and for good.
#[utoipa::path(delete, path = "/v1/assets/{id}", tag = "assets", params(("id" = String, Path, description = "the asset")),
    responses((status = 204, description = "it is gone"), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub async fn delete(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Owner>,
    Named(name): Named,
) -> Result<StatusCode, ApiError> {
    let unknown = || ApiError::not_found("asset", &name);
    let fail = |failure: Failure| ApiError::of(failure, &caller);
    let id: AssetId = name.parse().map_err(|_| unknown())?;
    let meta = door.state.storage.meta(id).await.map_err(fail)?;
    meta.filter(|meta| caller.may_see(&meta.owner)).ok_or_else(unknown)?;
    let existed = door.state.storage.delete(id).await.map_err(fail)?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

/// What is known of a file, for its owner, an admin, or whoever has a link to it; and who that is.
async fn readable(door: &Door, name: &str, signed: Signed, headers: &HeaderMap) -> Result<(Owner, Meta), ApiError> {
    let unknown = || ApiError::not_found("asset", name);
    let id: AssetId = name.parse().map_err(|_| unknown())?;
    let caller = caller(door, id, signed, headers)?;
    let reader = caller.clone().unwrap_or_else(Owner::nobody);
    let meta = door.state.storage.meta(id).await.map_err(|failure| ApiError::of(failure, &reader))?;
    let meta = meta.ok_or_else(unknown)?;
    if caller.is_some_and(|caller| !caller.may_see(&meta.owner)) {
        return Err(unknown());
    }
    Ok((reader, meta))
}

/// Who asks with a key; `None` for whoever has a link that works.
fn caller(door: &Door, id: AssetId, signed: Signed, headers: &HeaderMap) -> Result<Option<Owner>, ApiError> {
    let (Some(expires), Some(signature)) = (signed.expires, signed.signature) else {
        return auth::caller(&door.state.keys, headers).map(Some);
    };
    if door.state.storage.allows(id, &Link { expires, signature }, SystemTime::now()) {
        return Ok(None);
    }
    Err(ApiError::refused(StatusCode::FORBIDDEN, "bad_link", "this link is wrong or has expired"))
}

fn gone(error: String) -> ApiError {
    ApiError::refused(StatusCode::GONE, "lost", error)
}

fn described(door: &Door, headers: &HeaderMap, meta: Meta) -> Asset {
    Asset {
        id: meta.id.to_string(),
        kind: meta.kind.word(),
        parent: meta.parent.map(|parent| parent.to_string()),
        content_type: meta.content_type,
        size: meta.size,
        created: meta.created_at / 1000,
        expires: meta.expires_at / 1000,
        metadata: meta.metadata,
        error: meta.error,
        url: images::link(door, headers, meta.id, SystemTime::now()),
    }
}

fn answer(meta: &Meta, tag: &str, part: Option<Range<u64>>, status: StatusCode, body: Body) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, text: &str| {
        // What is no header value was not of our making; the answer does without it.
        HeaderValue::from_str(text).map(|value| headers.insert(name, value)).ok();
    };
    set(header::ETAG, tag);
    set(header::CACHE_CONTROL, "private, immutable, max-age=3600");
    if status == StatusCode::NOT_MODIFIED {
        return response;
    }
    set(header::CONTENT_TYPE, &meta.content_type);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::ACCEPT_RANGES, "bytes");
    let length = part.as_ref().map_or(meta.size, |part| part.end - part.start);
    set(header::CONTENT_LENGTH, &length.to_string());
    if let Some(part) = part {
        set(header::CONTENT_RANGE, &format!("bytes {}-{}/{}", part.start, part.end - 1, meta.size));
    }
    response
}
