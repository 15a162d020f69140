//! What stands behind a placeholder: JSON, or a picture or sound on its way out. It must not know templates.

use crate::media::Medium;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How a picture or sound reaches a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deliver {
    /// As the whole body.
    Raw,
    /// As a part of a multipart form.
    Multipart,
    /// In base64, within the body.
    B64,
    /// As a `data:` url, within the body.
    DataUrl,
    /// Uploaded first; the body has the url.
    Https,
}

/// A value of a placeholder.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text, a number, a list and so on.
    Json(Json),
    /// A picture, sound or film.
    Medium(Medium, Deliver),
    /// Several of these.
    List(Vec<Value>),
}

/// Placeholders by name.
pub type Values = BTreeMap<String, Value>;

/// What a template is filled from: the values, and the element at hand within an `each`.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    values: &'a Values,
    item: Option<&'a Value>,
    key: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    /// The values, outside of any `each`.
    #[must_use]
    pub fn new(values: &'a Values) -> Self {
        Self { values, item: None, key: None }
    }

    /// The same where the key may be shown.
    #[must_use]
    pub fn with_key(self, key: Option<&'a Value>) -> Self {
        Self { key, ..self }
    }

    /// The same within an `each`, for one element.
    #[must_use]
    pub fn with_item(self, item: &'a Value) -> Self {
        Self { item: Some(item), ..self }
    }

    /// The value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        match name {
            super::KEY => self.key,
            super::ITEM if self.item.is_some() => self.item,
            _ => self.values.get(name),
        }
    }
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Json(Json::String(text.into()))
    }

    /// Whether there is nothing to send: null, no words, no elements.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Json(Json::Null) => true,
            Self::Json(Json::String(text)) => text.is_empty(),
            Self::Json(Json::Array(list)) => list.is_empty(),
            Self::Json(Json::Object(map)) => map.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Json(_) | Self::Medium(..) => false,
        }
    }

    /// The value as JSON. A medium becomes what its delivery says.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Json(json) => json.clone(),
            Self::Medium(medium, Deliver::DataUrl) => Json::String(data_url(medium)),
            Self::Medium(medium, _) => Json::String(b64(medium)),
            Self::List(list) => Json::Array(list.iter().map(Self::to_json).collect()),
        }
    }

    /// The value as words: text as it is, numbers in digits, lists and tables as JSON, null as nothing.
    #[must_use]
    pub fn to_words(&self) -> String {
        match self.to_json() {
            Json::String(text) => text,
            Json::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// The elements: those of a list, or the value itself; none of a blank one.
    #[must_use]
    pub fn elements(&self) -> Vec<Value> {
        match self {
            blank if blank.is_blank() => Vec::new(),
            Self::List(list) => list.clone(),
            Self::Json(Json::Array(list)) => list.iter().cloned().map(Self::Json).collect(),
            one => vec![one.clone()],
        }
    }
}

/// Base64 with padding.
#[must_use]
pub fn b64(medium: &Medium) -> String {
    STANDARD.encode(&medium.bytes)
}

/// A `data:` url.
#[must_use]
pub fn data_url(medium: &Medium) -> String {
    format!("data:{};base64,{}", medium.content_type, b64(medium))
}
