//! One row of the router's table, and the step around each handler: refuse a query that nobody reads, measure.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderName, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get as on_get, post as on_post};

use crate::app::App;
use crate::kinds;
use crate::metrics::RouteMetrics;
use crate::problem::Failure;

/// The caller's own name for a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Who authenticates.
    Key,
    /// Anyone.
    Public,
    /// Anyone on this host; from elsewhere an operator or an auditor.
    Host,
}

/// What the table says of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// Whether it changes something that is on record.
    pub changes: bool,
    /// The path, its variable parts in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether it reads query parameters.
    pub query: bool,
}

/// A row of the table.
pub struct Entry {
    pub(crate) info: RouteInfo,
    pub(crate) handler: MethodRouter<App>,
}

/// A route that changes nothing.
pub fn get<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Entry {
    Entry {
        info: RouteInfo { method: Method::GET, changes: false, path, access: Access::Key, query: false },
        handler: on_get(handler),
    }
}

/// A route that changes something.
pub fn post<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Entry {
    Entry {
        info: RouteInfo { method: Method::POST, changes: true, path, access: Access::Key, query: false },
        handler: on_post(handler),
    }
}

impl Entry {
    /// What the table says of it.
    pub fn info(&self) -> &RouteInfo {
        &self.info
    }

    /// Reads query parameters.
    pub fn query(mut self) -> Self {
        self.info.query = true;
        self
    }

    /// Only asks, though what it asks stands in a body.
    pub fn asks(mut self) -> Self {
        self.info.changes = false;
        self
    }

    /// Takes what is no evidence: nothing on record changes.
    pub fn unrecorded(mut self) -> Self {
        self.info.changes = false;
        self
    }

    /// Needs no key.
    pub fn public(mut self) -> Self {
        self.info.access = Access::Public;
        self
    }

    /// Needs no key on this host.
    pub fn host(mut self) -> Self {
        self.info.access = Access::Host;
        self
    }

    /// The handler with the step around it.
    pub(crate) fn measured(self, app: &App) -> (&'static str, MethodRouter<App>) {
        let metrics = app.metrics().route(&self.info.method, self.info.path);
        let around = Around { app: app.clone(), metrics, query: self.info.query };
        (self.info.path, self.handler.route_layer(from_fn_with_state(around, step)))
    }
}

#[derive(Clone)]
struct Around {
    app: App,
    metrics: Arc<RouteMetrics>,
    query: bool,
}

async fn step(State(around): State<Around>, request: Request, next: Next) -> Response {
    let request_id = request.headers().get(REQUEST_ID).cloned();
    let began = around.app.clock().monotonic_us();
    let mut response = match request.uri().query().unwrap_or_default() {
        "" => next.run(request).await,
        _ if around.query => next.run(request).await,
        _ => Failure::new(kinds::BAD_QUERY, "this route reads no query parameters").into_response(),
    };
    let took = around.app.clock().monotonic_us().saturating_sub(began);
    // Whoever names its request finds the answer by it (AuthZEN Authorization API 1.0 §10.1).
    if let Some(request_id) = request_id {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    around.metrics.answered(response.status().as_u16(), u64::try_from(took).unwrap_or_default());
    response
}
