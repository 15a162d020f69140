//! What a request brings: JSON, forms and files, size-limited, paths and queries; all refused in OpenAI's shape.

use super::error::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::map::Entry;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::str::FromStr;

/// Largest JSON body: the longest prompts, every character escaped, and room to spare.
const MAX_JSON: usize = 1 << 20;
/// Largest form: four pictures and a mask of the largest size, and room for the fields.
const MAX_FORM: usize = 5 * crate::media::picture::MAX_FILE_BYTES + (1 << 20);
/// Largest file sent for later requests.
const MAX_UPLOAD: usize = crate::media::medium::MAX_SOUND_BYTES;
/// Most parts of a form.
const MAX_PARTS: usize = 64;
/// How much of a body over the limit is still read (and forgotten): a client that is cut off while it sends never
/// reads the answer that tells why.
const MAX_DRAINED: usize = 256 << 20;

/// A JSON body.
pub struct Json<T>(pub T);

/// A `multipart/form-data` body.
pub struct Form {
    /// Its text fields.
    pub fields: Map<String, Value>,
    /// Its files, by the name of the field.
    pub files: Vec<(String, Bytes)>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
        if !json(&content_type(request.headers())) {
            return Err(wrong_type("application/json"));
        }
        let bytes = read(request.into_body(), MAX_JSON).await?;
        let fields = serde_json::from_slice(&bytes).map_err(|e| {
            let message = format!("the body is not a valid JSON object: {e}");
            ApiError::refused(StatusCode::BAD_REQUEST, "invalid_json", message)
        })?;
        typed(fields).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Self::of_at_most(MAX_FORM, request, state).await
    }
}

impl Form {
    async fn of_at_most<S: Send + Sync>(limit: usize, request: Request, state: &S) -> Result<Self, ApiError> {
        if content_type(request.headers()) != "multipart/form-data" {
            return Err(wrong_type("multipart/form-data"));
        }
        let (parts, body) = request.into_parts();
        let body = Body::from(read(body, limit).await?);
        let mut form = Multipart::from_request(Request::from_parts(parts, body), state).await.map_err(broken_form)?;
        let (mut fields, mut files) = (Map::new(), Vec::new());
        while let Some(part) = form.next_field().await.map_err(broken_form)? {
            let name = part.name().unwrap_or_default().to_owned();
            let file = part.file_name().is_some() || matches!(name.as_str(), "image" | "image[]" | "mask" | "file");
            let bytes = part.bytes().await.map_err(broken_form)?;
            if file {
                files.push((name, bytes));
            } else {
                let text =
                    String::from_utf8(bytes.into()).map_err(|_| ApiError::field(&name, "the text is not UTF-8"))?;
                put(&mut fields, name, text);
            }
            if fields.len() + files.len() > MAX_PARTS {
                return Err(broken_form(format!("it has more than {MAX_PARTS} parts")));
            }
        }
        Ok(Self { fields, files })
    }
}

/// A form that carries a sound.
pub struct SoundForm(pub Form);

impl<S: Send + Sync> FromRequest<S> for SoundForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Form::of_at_most(MAX_UPLOAD + (1 << 20), request, state).await.map(Self)
    }
}

/// One file: the body itself, or the field `file` of a form.
pub struct Upload(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = if content_type(request.headers()) == "multipart/form-data" {
            let form = Form::of_at_most(MAX_UPLOAD + (1 << 20), request, state).await?;
            let mut files = form.files.into_iter().filter(|(name, _)| name == "file").map(|(_, bytes)| bytes);
            match (files.next(), files.next()) {
                (file, None) => file.unwrap_or_default(),
                (_, Some(_)) => return Err(ApiError::field("file", "one file at a time is possible, not several")),
            }
        } else {
            read(request.into_body(), MAX_UPLOAD).await?
        };
        if bytes.is_empty() {
            return Err(ApiError::field("file", "there is no file: send it as the body, or as `file` of a form"));
        }
        Ok(Self(bytes))
    }
}

/// Adds a field of a form; one whose name ends in `[]` may be there several times.
fn put(fields: &mut Map<String, Value>, name: String, text: String) {
    match fields.entry(name) {
        Entry::Occupied(mut known) if known.key().ends_with("[]") => {
            if let Value::Array(all) = known.get_mut() {
                all.push(Value::String(text));
            }
        }
        Entry::Occupied(mut known) => *known.get_mut() = Value::String(text),
        Entry::Vacant(new) => {
            let several = new.key().ends_with("[]");
            new.insert(if several { Value::Array(vec![Value::String(text)]) } else { Value::String(text) });
        }
    }
}

/// The one variable part of the path.
pub struct Named(pub String);

/// The query.
pub struct Asked<T>(pub T);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        found.map(|Path(name)| Self(name)).map_err(|e| {
            ApiError::refused(StatusCode::BAD_REQUEST, "invalid_path", format!("the path cannot be read: {e}"))
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked)).map_err(|e| {
            ApiError::refused(StatusCode::BAD_REQUEST, "invalid_query", format!("the query cannot be read: {e}"))
        })
    }
}

/// Reads the fields of a type out of JSON; a wrong one is named. Every field of the type must be optional.
pub fn typed<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, ApiError> {
    // Each alone first: serde's errors do not say which field they are about.
    for (name, value) in &fields {
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        serde_json::from_value::<T>(Value::Object(alone))
            .map_err(|e| ApiError::field(name, format!("`{name}`: {e}")))?;
    }
    let whole = serde_json::from_value(Value::Object(fields));
    whole.map_err(|e| ApiError::refused(StatusCode::BAD_REQUEST, "invalid_value", e.to_string()))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|e| {
            ApiError::refused(StatusCode::BAD_REQUEST, "broken_body", format!("the body could not be read: {e}"))
        })?;
        length += chunk.len();
        if length <= limit {
            kept.extend_from_slice(&chunk);
        } else {
            kept = Vec::new();
        }
        if length > MAX_DRAINED {
            break;
        }
    }
    if length > limit {
        let message = format!("the body is larger than the {limit} bytes accepted here");
        return Err(ApiError::refused(StatusCode::PAYLOAD_TOO_LARGE, "too_big", message));
    }
    Ok(kept.into())
}

/// What marks a request that may be sent twice.
///
/// # Errors
/// When the header is not text.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().map_err(|_| ApiError::field("Idempotency-Key", "the header must be plain text"))?;
    Ok(Some(text.to_owned()))
}

/// The media type without its parameters, in small letters; empty when absent.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn wrong_type(expected: &str) -> ApiError {
    let message = format!("the body must be sent as `Content-Type: {expected}`");
    ApiError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
}

fn broken_form(error: impl Display) -> ApiError {
    ApiError::refused(StatusCode::BAD_REQUEST, "invalid_form", format!("the form cannot be read: {error}"))
}

/// A text; absent when empty, as forms send what is left out.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok((!text.is_empty()).then_some(text)),
        other => Err(D::Error::custom(format!("a text is expected, not {}", shortened(&other.to_string())))),
    }
}

/// Several texts, or one.
pub fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let texts = match Value::deserialize(from)? {
        Value::Null => Vec::new(),
        Value::Array(texts) => texts,
        one => vec![one],
    };
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        other => Err(D::Error::custom(format!("texts are expected, not {}", shortened(&other.to_string())))),
    };
    texts.into_iter().map(text).collect()
}

/// A whole number, also as text: clients are not strict about it, and forms know only text.
pub fn whole<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<Option<T>, D::Error> {
    loose(from, "a whole number from 0 is expected")
}

/// A number, also as text.
pub fn number<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<Option<T>, D::Error> {
    loose(from, "a number is expected")
}

/// Yes or no, also as text.
pub fn yes<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    loose(from, "true or false is expected").map(Option::unwrap_or_default)
}

/// One of a few words.
pub fn word<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(from: D) -> Result<Option<T>, D::Error> {
    text(from)?.map(|word| word.parse().map_err(D::Error::custom)).transpose()
}

fn loose<'de, D: Deserializer<'de>, T: FromStr>(from: D, expected: &str) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(from)?;
    let text = match &value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| D::Error::custom(format!("{expected}, not {}", shortened(&value.to_string()))))
}

/// What a client sent, short enough to be shown to it.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST { text.to_owned() } else { text.chars().take(LONGEST).chain(['…']).collect() }
}
