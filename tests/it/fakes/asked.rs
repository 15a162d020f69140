//! A request as a fake saw it.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Multipart, Request};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest body read.
const MOST: usize = 256 << 20;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hands in work that may be billed.
    Submit,
    /// Asks how far it is.
    Poll,
    /// Fetches what came of it.
    Result,
    /// Fetches a file by its address.
    Download,
    /// Brings a file.
    Upload,
    /// Takes work back.
    Cancel,
    /// Tries a key.
    Probe,
    /// Nothing this provider knows.
    Unknown,
}

/// A part of a form.
#[derive(Debug, Clone)]
pub struct Part {
    /// The field.
    pub name: String,
    /// The file's name, where it is one.
    pub file_name: Option<String>,
    /// Its declared type.
    pub content_type: Option<String>,
    /// What it holds.
    pub bytes: Bytes,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What for.
    pub kind: Kind,
    /// GET, POST …
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// The path, percent signs taken apart.
    pub path: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: Bytes,
    /// The parts of a multipart form, or the fields of an urlencoded one.
    pub parts: Vec<Part>,
    /// The key it came with.
    pub key: Option<String>,
}

impl Asked {
    pub(super) async fn read(request: Request) -> Self {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MOST).await.unwrap_or_default();
        let target = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let form = |text: &str| -> Vec<(String, String)> {
            url::form_urlencoded::parse(text.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
        };
        // A path's `+` is a plus, a form's a space.
        let path = head.uri.path().replace('+', "%2B");
        let path = form(&path).first().map(|(path, _)| path.clone()).unwrap_or_default();
        let headers: BTreeMap<String, String> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let sort = headers.get("content-type").cloned().unwrap_or_default();
        let parts = if sort.starts_with("multipart/form-data") {
            parts(Request::from_parts(head.clone(), Body::from(body.clone()))).await
        } else if sort.starts_with("application/x-www-form-urlencoded") {
            form(&String::from_utf8_lossy(&body)).into_iter().map(Part::field).collect()
        } else {
            Vec::new()
        };
        let query = form(head.uri.query().unwrap_or_default()).into_iter().collect();
        let method = head.method.to_string();
        Self { kind: Kind::Unknown, method, target, path, query, headers, body, parts, key: None }
    }

    /// The body as JSON, or null.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query, or nothing.
    pub fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// The key behind a word in the `Authorization` header.
    pub fn authorized(&self, word: &str) -> Option<String> {
        self.header("authorization").strip_prefix(word)?.strip_prefix(' ').map(str::to_owned)
    }

    /// The parts of a form with this name.
    pub fn parts_named(&self, name: &str) -> Vec<&Part> {
        self.parts.iter().filter(|part| part.name == name).collect()
    }

    /// A field of a form, or nothing.
    pub fn field(&self, name: &str) -> String {
        let found = self.parts.iter().find(|part| part.name == name);
        found.map_or_else(String::new, |part| String::from_utf8_lossy(&part.bytes).into_owned())
    }

    /// Method and path, for `match`.
    pub(super) fn line(&self) -> (&str, Vec<&str>) {
        (&self.method, self.path.split('/').filter(|part| !part.is_empty()).collect())
    }
}

impl Part {
    fn field((name, value): (String, String)) -> Self {
        Self { name, file_name: None, content_type: None, bytes: value.into() }
    }
}

async fn parts(request: Request) -> Vec<Part> {
    let mut found = Vec::new();
    let mut form = Multipart::from_request(request, &()).await.expect("a form that can be read");
    while let Some(field) = form.next_field().await.expect("a part that can be read") {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(str::to_owned);
        let bytes = field.bytes().await.expect("a part that can be read");
        found.push(Part { name, file_name, content_type, bytes });
    }
    found
}
