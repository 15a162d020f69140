//! The only place where a failure becomes a status and OpenAI's error JSON.

use crate::media::{Failure, Owner, Refusal};
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

const INVALID_REQUEST: &str = "invalid_request_error";
const SERVER: &str = "server_error";
/// OpenAI's clients ask again by themselves after a 5xx unless this says `false`.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An error as the door answers it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The JSON of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorAnswer {
    /// What went wrong.
    error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// One sentence.
    message: String,
    /// A coarse class: `invalid_request_error`, `rate_limit_error`, `server_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field at fault.
    param: Option<String>,
    /// A fine class, stable for programs.
    code: Option<&'static str>,
}

impl ApiError {
    /// A wrong request.
    pub fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let body = ErrorBody { message: message.into(), kind: INVALID_REQUEST, param: None, code: Some(code) };
        Self { status, body, headers: Vec::new() }
    }

    /// A wrong field.
    pub fn field(param: &str, message: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "invalid_value", message).about(param)
    }

    /// Names the field at fault.
    #[must_use]
    pub fn about(mut self, param: &str) -> Self {
        self.body.param = Some(param.to_owned());
        self
    }

    /// No key, or a wrong one.
    pub fn unauthorized(message: &str) -> Self {
        let mut error = Self::refused(StatusCode::UNAUTHORIZED, "invalid_api_key", message);
        error.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        error
    }

    /// More requests than the key's pace allows.
    pub fn too_fast(rate: u32, wait_s: u64) -> Self {
        let message = format!("this API key may submit {rate} requests a minute; try again in {wait_s} s");
        let mut error = Self::refused(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message);
        error.body.kind = "rate_limit_error";
        error.headers.push((header::RETRY_AFTER, wait_s.into()));
        error
    }

    /// Nothing of that name, or nothing that this caller may see.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::refused(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} {name}"))
    }

    /// A file that is not what it should be: understood as a request, but it cannot be worked with.
    pub fn undecodable(failure: Failure, caller: &Owner) -> Self {
        let invalid = matches!(failure, Failure::Invalid { .. });
        let mut error = Self::of(failure, caller);
        if invalid {
            error.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        error
    }

    /// A failure of a job. The reasons of each link of the chain are for admins.
    pub fn of(failure: Failure, caller: &Owner) -> Self {
        // Where OpenAI has a word for it, that word.
        let code = Some(match &failure {
            Failure::Invalid { .. } => "invalid_value",
            Failure::Missing { .. } => "model_not_found",
            Failure::Quota { .. } => "insufficient_quota",
            Failure::Remote { refusal: Refusal::Policy, .. } => "content_policy_violation",
            other => other.class(),
        });
        let message = match &failure {
            Failure::Exhausted { attempts } if !caller.admin() && !attempts.is_empty() => {
                "nothing here can answer this request now; an administrator can see why".to_owned()
            }
            other => other.to_string(),
        };
        let (status, kind) = match &failure {
            Failure::Invalid { .. } => (StatusCode::BAD_REQUEST, INVALID_REQUEST),
            Failure::TooBig { .. } => (StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST),
            Failure::Missing { .. } => (StatusCode::NOT_FOUND, INVALID_REQUEST),
            Failure::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
            Failure::Quota { .. } => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
            Failure::Forbidden { .. } => (StatusCode::FORBIDDEN, INVALID_REQUEST),
            Failure::Cancelled => (StatusCode::CONFLICT, INVALID_REQUEST),
            Failure::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, SERVER),
            Failure::Remote { refusal: Refusal::Policy | Refusal::Invalid, .. } => {
                (StatusCode::BAD_REQUEST, INVALID_REQUEST)
            }
            Failure::Remote { refusal: Refusal::TooBig, .. } => (StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST),
            Failure::OutOfMemory { .. }
            | Failure::Crashed { .. }
            | Failure::Timeout { .. }
            | Failure::BadOutput { .. }
            | Failure::Unavailable { .. }
            | Failure::Remote { .. }
            | Failure::Exhausted { .. } => (StatusCode::SERVICE_UNAVAILABLE, SERVER),
        };
        let mut headers = Vec::new();
        match &failure {
            Failure::Busy { retry_after_s, .. } => {
                headers.extend(retry_after_s.map(|seconds| (header::RETRY_AFTER, seconds.into())));
            }
            Failure::Quota { retry_after_s, .. } => {
                headers.extend(retry_after_s.map(|seconds| (header::RETRY_AFTER, seconds.into())));
                headers.push((SHOULD_RETRY, HeaderValue::from_static("false")));
            }
            Failure::Unavailable { .. } => headers.push((header::RETRY_AFTER, 5.into())),
            // Everything that could be tried was tried: the same request again would only cost the same again.
            _ => headers.push((SHOULD_RETRY, HeaderValue::from_static("false"))),
        }
        let param = if let Failure::Invalid { param, .. } = failure { param } else { None };
        Self { status, body: ErrorBody { message, kind, param, code }, headers }
    }

    /// What went wrong, to be shown inside another answer.
    pub fn body(&self) -> &ErrorBody {
        &self.body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorAnswer { error: self.body })).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

/// For paths that do not exist.
pub async fn no_such_path(uri: axum::http::Uri) -> ApiError {
    ApiError::not_found("path", uri.path())
}

/// For paths that exist with other methods.
pub async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    ApiError::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// For a handler that panicked: its client gets an answer, and the server lives.
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::of(Failure::internal("the server broke on this request; its log says why"), &Owner::nobody())
        .into_response()
}
