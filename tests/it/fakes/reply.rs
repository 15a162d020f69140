//! What a fake answers.

use axum::body::{Body, Bytes};
use axum::response::Response;
use serde_json::Value;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether it carries the result itself, not a word on the way to it.
    pub last: bool,
}

impl Reply {
    /// JSON with a status.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// Any text.
    pub fn text(status: u16, content_type: &str, text: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: text.into(), last: false }
    }

    /// JSON that carries the result.
    pub fn result(value: &Value) -> Self {
        Self { last: true, ..Self::json(200, value) }
    }

    /// A file.
    pub fn file(content_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self { last: true, ..Self::text(200, content_type, bytes) }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Half of a JSON text.
    pub fn malformed() -> Self {
        Self::text(200, "application/json", r#"{"data": [{"b64_json": "iVBORw0K"#)
    }

    /// A page.
    pub fn page() -> Self {
        Self::text(200, "text/html; charset=utf-8", "<!doctype html><title>Welcome</title><p>Please log in.</p>")
    }

    /// As it goes out.
    pub fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).expect("headers that can be sent")
    }
}
