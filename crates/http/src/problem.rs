use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign_evidence::json::{self, JsonError, Object};
use countersign_gate::GateError;
use countersign_wire::Problem;

use crate::kinds::{self, Kind};

/// Why a request gets no answer but a problem document.
#[derive(Debug)]
pub struct Failure(Box<Problem>);

impl Failure {
    /// The problem document.
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// A problem of this kind; `detail` says what happened here and what to do.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Failure(Box::new(Problem {
            kind: format!("/problems/{}", kind.name),
            title: kind.name.replace('_', " "),
            status: kind.status,
            detail: detail.into(),
            action: None,
            more: Object::new(),
        }))
    }

    /// This problem document.
    pub(crate) fn of(problem: Problem) -> Self {
        Failure(Box::new(problem))
    }

    /// The same as 400, where the protocol knows no finer words for a request of another form.
    pub(crate) fn into_bad_request(mut self) -> Self {
        if matches!(self.0.status, 415 | 422) {
            self.0.status = 400;
        }
        self
    }

    /// The same about an action.
    pub(crate) fn of_action(mut self, action: Option<uuid::Uuid>) -> Self {
        self.0.action = action;
        self
    }
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        Failure(Box::new(error.problem()))
    }
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        let kind = match &error {
            JsonError::TooLarge { .. } => kinds::PAYLOAD_TOO_LARGE,
            JsonError::TooDeep { .. } => kinds::TOO_DEEP,
            JsonError::DuplicateKey { .. } => kinds::DUPLICATE_KEY,
            JsonError::LoneSurrogate { .. } => kinds::LONE_SURROGATE,
            JsonError::InvalidUtf8 { .. } => kinds::INVALID_UTF8,
            JsonError::Number { .. } => kinds::BAD_NUMBER,
            JsonError::Syntax { .. } => kinds::BAD_JSON,
        };
        Failure::new(kind, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.0;
        if problem.status >= 500 {
            tracing::warn!(problem = problem.name(), detail = problem.detail, "answered with a problem");
        }
        // A problem consists of strings and numbers, which always serialize.
        let mut response = Response::new(Body::from(json::to_string(&problem).unwrap_or_default()));
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match problem.status {
            401 => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            429 | 503 => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => {}
        }
        response
    }
}
