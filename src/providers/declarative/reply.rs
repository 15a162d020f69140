//! One HTTP answer as rules see it: status, headers, and the body read as the step says. It must not know what the
//! answer is for.

use super::file::{Condition, Look, Parse, Wanted};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value as Json;
use serde_json_path::JsonPath;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The body as the step reads it; null for a file, and for what cannot be read so.
    pub json: Json,
    /// Whether the body could be read as the step says.
    pub readable: bool,
}

impl Reply {
    /// Reads an answer. An error is read as JSON where it is any, and as words otherwise, whatever the step says.
    #[must_use]
    pub fn read(status: u16, headers: HeaderMap, body: Bytes, parse: Parse, fine: bool) -> Self {
        let read = match parse {
            _ if !fine => Some(unwrapped(serde_json::from_slice(&body).unwrap_or_else(|_| words(&body)))),
            Parse::Json => serde_json::from_slice(&body).ok(),
            Parse::ConcatJson => {
                serde_json::Deserializer::from_slice(&body).into_iter::<Json>().collect::<Result<_, _>>().ok()
            }
            Parse::Text => Some(words(&body)),
            // A refusal within a 200 comes as JSON where a file was expected.
            Parse::Bytes if json_by_header(&headers) => Some(serde_json::from_slice(&body).unwrap_or(Json::Null)),
            Parse::Bytes => Some(Json::Null),
        };
        Self { status, headers, body, readable: read.is_some(), json: read.unwrap_or(Json::Null) }
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type, without parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// What is found; nothing where only nulls are.
    #[must_use]
    pub fn look(&self, look: &Look) -> Vec<Json> {
        match look {
            Look::At(paths) => find(&self.json, paths),
            Look::Header(name) => self.header(name).map(|value| Json::String(value.to_owned())).into_iter().collect(),
        }
    }

    /// Whether a condition is met.
    #[must_use]
    pub fn meets(&self, condition: &Condition) -> bool {
        let found = self.look(&condition.look);
        if found.is_empty() {
            return condition.absent_ok;
        }
        found.iter().any(|value| match &condition.wanted {
            Wanted::Anything => true,
            Wanted::In(list) => list.iter().any(|wanted| same(wanted, value)),
            Wanted::Match(pattern) => pattern.is_match(&words_of(value)),
        })
    }
}

/// What the first path that finds anything but null finds.
#[must_use]
pub fn find(json: &Json, paths: &[JsonPath]) -> Vec<Json> {
    let at = |path: &JsonPath| path.query(json).all().into_iter().filter(|value| !value.is_null()).cloned().collect();
    paths.iter().map(at).find(|found: &Vec<Json>| !found.is_empty()).unwrap_or_default()
}

/// Whether two plain values are the same, `200` and `"200"` among them.
#[must_use]
pub fn same(wanted: &Json, found: &Json) -> bool {
    match (wanted.as_f64(), found.as_f64()) {
        (Some(wanted), Some(found)) => (wanted - found).abs() < f64::EPSILON,
        _ => words_of(wanted) == words_of(found),
    }
}

/// A value as words.
#[must_use]
pub fn words_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn words(body: &Bytes) -> Json {
    Json::String(String::from_utf8_lossy(body).into_owned())
}

/// Some services put an error into a list of one.
fn unwrapped(json: Json) -> Json {
    match json {
        Json::Array(mut list) if list.len() == 1 && list[0].is_object() => list.remove(0),
        other => other,
    }
}

fn json_by_header(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().contains("json")
}
