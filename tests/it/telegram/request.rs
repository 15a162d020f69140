//! A call of a method, however its parameters came: JSON, a form, a query, or parts with files.

use super::limits;
use super::refusal::Refusal;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request as Http};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A file that came along.
#[derive(Debug, Clone)]
pub struct Upload {
    /// As the part calls it.
    pub name: String,
    /// What it holds.
    pub bytes: Bytes,
}

/// A call.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// In small letters, as the server reads it.
    pub method: String,
    /// Parameters: text as it came, or typed where the body was JSON.
    pub params: Map<String, Value>,
    /// Files by the name of their part.
    pub files: BTreeMap<String, Upload>,
}

/// How a file is named in a call.
#[derive(Debug, Clone)]
pub enum Given {
    /// It came along.
    Upload(Upload),
    /// A file that Telegram has.
    Id(String),
    /// Something elsewhere.
    Url(String),
    /// Not at all.
    Nothing,
}

impl Request {
    /// Reads what came.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it is no form or JSON that can be read, or a file is too large.
    pub async fn read(method: &str, query: &str, body: Bytes, sort: &str) -> Result<Self, Refusal> {
        let mut request = Self { method: method.to_ascii_lowercase(), ..Self::default() };
        request.take_pairs(query.as_bytes());
        if sort.starts_with("multipart/form-data") {
            request.take_parts(body, sort).await?;
        } else if sort.starts_with("application/json") {
            let json = serde_json::from_slice(&body);
            let Ok(Value::Object(params)) = json else { return Err(Refusal::bad("JSON object expected")) };
            // A null is as good as nothing.
            request.params.extend(params.into_iter().filter(|(_, value)| !value.is_null()));
        } else if sort.starts_with("application/x-www-form-urlencoded") {
            request.take_pairs(&body);
        }
        if request.files.values().any(|file| file.bytes.len() as u64 > limits::UPLOAD) {
            return Err(Refusal::new(413, "Request Entity Too Large"));
        }
        Ok(request)
    }

    fn take_pairs(&mut self, text: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(text) {
            self.params.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }

    async fn take_parts(&mut self, body: Bytes, sort: &str) -> Result<(), Refusal> {
        let mut http = Http::builder().header("content-type", sort).body(body.into()).expect("a header that came");
        // The Bot API has a limit of its own.
        DefaultBodyLimit::disable().apply(&mut http);
        let wrong = |_| Refusal::bad("can't parse form data");
        let mut form = Multipart::from_request(http, &()).await.map_err(|_| Refusal::bad("boundary not found"))?;
        while let Some(part) = form.next_field().await.map_err(wrong)? {
            let name = part.name().unwrap_or_default().to_owned();
            let file = part.file_name().map(str::to_owned);
            let bytes = part.bytes().await.map_err(wrong)?;
            match file {
                Some(file) => {
                    self.files.insert(name, Upload { name: file, bytes });
                }
                None => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.params.insert(name, Value::String(text));
                }
            }
        }
        Ok(())
    }

    /// A parameter as text; nothing where it is missing.
    pub fn text(&self, name: &str) -> String {
        match self.params.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// A parameter as a number; nothing where it is none.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name).trim().parse().ok()
    }

    /// A parameter as a switch.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).to_ascii_lowercase().as_str(), "true" | "yes" | "1")
    }

    /// A parameter that is JSON, whether it came as such or as text; null where it is missing.
    ///
    /// # Errors
    ///
    /// [`Refusal`] in the server's words, which name `what` it is.
    pub fn json(&self, name: &str, what: &str) -> Result<Value, Refusal> {
        match self.params.get(name) {
            Some(Value::String(text)) if text.is_empty() => Ok(Value::Null),
            Some(Value::String(text)) => {
                serde_json::from_str(text).map_err(|_| Refusal::bad(format!("Can't parse {what} JSON object")))
            }
            Some(other) => Ok(other.clone()),
            None => Ok(Value::Null),
        }
    }

    /// The file of a parameter: under its own name, or wherever its text points.
    pub fn file(&self, name: &str) -> Given {
        match self.files.get(name) {
            Some(upload) => Given::Upload(upload.clone()),
            None => self.file_at(&self.text(name)),
        }
    }

    /// The file that a text points at.
    pub fn file_at(&self, text: &str) -> Given {
        if let Some(part) = text.strip_prefix("attach://") {
            return self.files.get(part).cloned().map_or(Given::Nothing, Given::Upload);
        }
        match text {
            "" => Given::Nothing,
            url if url.contains('.') => Given::Url(url.to_owned()),
            id => Given::Id(id.to_owned()),
        }
    }

    /// `chat_id`, where it is a number.
    pub fn chat(&self) -> Option<i64> {
        self.number("chat_id")
    }
}
