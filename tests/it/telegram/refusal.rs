//! How the Bot API says no.

use serde_json::{Value, json};

/// An answer that is not `ok`.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status, and `error_code`.
    pub code: u16,
    /// `description`.
    pub description: String,
    /// `parameters`, where there are any.
    pub parameters: Option<Value>,
}

impl Refusal {
    /// Any status with a whole description.
    pub fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    /// A 400. The server writes sentences with a small first letter, and leaves constants as they are.
    pub fn bad(why: impl AsRef<str>) -> Self {
        let why = why.as_ref();
        let constant = why.chars().nth(1).is_some_and(|c| c == '_' || c.is_ascii_uppercase());
        let mut rest = why.chars();
        let first = rest.next().expect("a reason");
        let first = if constant { first } else { first.to_ascii_lowercase() };
        Self::new(400, format!("Bad Request: {first}{}", rest.as_str()))
    }

    /// A 403.
    pub fn forbidden(why: &str) -> Self {
        Self::new(403, format!("Forbidden: {why}"))
    }

    /// A 429.
    pub fn too_many(seconds: u64) -> Self {
        let parameters = Some(json!({ "retry_after": seconds }));
        Self { parameters, ..Self::new(429, format!("Too Many Requests: retry after {seconds}")) }
    }

    /// A 409.
    pub fn conflict(why: &str) -> Self {
        Self::new(409, format!("Conflict: {why}"))
    }

    /// With `parameters`.
    pub fn with(self, parameters: Value) -> Self {
        Self { parameters: Some(parameters), ..self }
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        let mut body = json!({ "ok": false, "error_code": self.code, "description": self.description });
        if let Some(parameters) = &self.parameters {
            body["parameters"] = parameters.clone();
        }
        body
    }
}
