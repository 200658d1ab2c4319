use bytes::Bytes;
use countersign_evidence::json::{self, Limits, Value};
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::connect::{Transport, TransportError};
use countersign_wire::*;

/// A client of one gate, with one key.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    key: Option<String>,
}

/// Why a request has no good answer. Callers fail closed: each of these means no.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The gate could not be asked.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The gate refused, and says why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// The answer is not what the API promises.
    #[error("the gate's answer to {request} is not understood: {what}")]
    BadAnswer {
        /// Verb and path.
        request: String,
        /// What is wrong with the answer.
        what: String,
    },
}

impl ClientError {
    /// The problem's stable name, where the gate refused.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ClientError::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}

impl Client {
    /// A client over `transport`, with a bearer key where the gate wants one.
    pub fn new(transport: Transport, key: Option<String>) -> Self {
        Client { transport, key }
    }

    /// Proposes an action.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn propose(&self, request: &ProposeRequest) -> Result<ActionView, ClientError> {
        self.post("/v1/actions", request).await
    }

    /// The action now, or as soon as it changes from `waiting` within `wait_s` seconds.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn action(&self, action: Uuid, wait_s: u32) -> Result<ActionView, ClientError> {
        self.get(&format!("/v1/actions/{action}?wait_s={wait_s}")).await
    }

    /// Asks for the go-ahead: an answer means that `execution.started` is durable.
    ///
    /// # Errors
    /// [`ClientError`]; nothing may be executed then.
    pub async fn start(&self, action: Uuid, request: &StartRequest) -> Result<ActionView, ClientError> {
        self.post(&format!("/v1/actions/{action}/start"), request).await
    }

    /// Records what came of an execution.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn finish(&self, action: Uuid, request: &FinishRequest) -> Result<ActionView, ClientError> {
        self.post(&format!("/v1/actions/{action}/finish"), request).await
    }

    /// Gives an action up.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cancel(&self, action: Uuid, why: &str) -> Result<ActionView, ClientError> {
        let request = CancelRequest { why: Some(why.to_owned()) };
        self.post(&format!("/v1/actions/{action}/cancel"), &request).await
    }

    /// Decides a review.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decide(&self, action: Uuid, request: &DecideRequest) -> Result<ActionView, ClientError> {
        self.post(&format!("/v1/reviews/{action}/decide"), request).await
    }

    /// `GET path`, as a typed answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None).await
    }

    /// `POST path` with a JSON body, as a typed answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let bad = |what: String| ClientError::BadAnswer { request: format!("POST {path}"), what };
        let body = json::to_string(body).map_err(|error| bad(error.to_string()))?;
        self.ask(Method::POST, path, Some(body)).await
    }

    /// `GET path`, as bytes: a proof, a checkpoint, a tile.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn bytes(&self, path: &str) -> Result<Bytes, ClientError> {
        self.exchange(Method::GET, path, None).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<T, ClientError> {
        let request = format!("{method} {path}");
        let bad = |what: String| ClientError::BadAnswer { request: request.clone(), what };
        let answer = self.exchange(method, path, body).await?;
        let value =
            json::parse(&answer, Limits { bytes: 64 << 20, depth: 160 }).map_err(|error| bad(error.to_string()))?;
        json::from_value(value).map_err(|error| bad(error.to_string()))
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<String>) -> Result<Bytes, ClientError> {
        let what = format!("{method} {path}");
        let bad = |what_is_wrong: String| ClientError::BadAnswer { request: what.clone(), what: what_is_wrong };
        let mut request = Request::builder().method(method).uri(self.transport.url(path)).header("host", "countersign");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|error| bad(error.to_string()))?;
        let answer = self.transport.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let status = answer.status();
        let problem =
            json::parse(answer.body(), Limits::default()).ok().and_then(|value: Value| json::from_value(value).ok());
        match problem {
            Some(problem) => Err(ClientError::Refused(Box::new(problem))),
            None => Err(bad(format!("status {status} without a problem document"))),
        }
    }
}
