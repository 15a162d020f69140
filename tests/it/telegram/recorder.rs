//! Calls as they came, and what came of them.

use super::refusal::Refusal;
use super::request::Request;
use serde_json::{Map, Value};

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    /// In small letters.
    pub method: String,
    /// About which chat, where it says so.
    pub chat: Option<i64>,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is not answered yet.
    Open,
    /// It went well.
    Done(Value),
    /// It was refused.
    Refused(Refusal),
    /// It was done, and nobody heard of it.
    Unheard,
    /// It was not done, and nobody heard of it.
    Lost,
}

impl Call {
    /// One that just came.
    pub fn new(request: &Request, chat: Option<i64>) -> Self {
        Self { method: request.method.clone(), chat, params: request.params.clone(), outcome: Outcome::Open }
    }

    /// A parameter as text; nothing where it is missing.
    pub fn param(&self, name: &str) -> String {
        match self.params.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}
