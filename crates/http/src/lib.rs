//! The gate over HTTP: routes, authentication, problems, metrics.
//!
//! [`router::entries`](router) has every route on one screen; each verb is a file below `routes`. Every error is an
//! RFC 9457 problem whose type is stable; `kinds` lists them all. `authzen` speaks to enforcement points that are not ours.

mod answer;
mod app;
mod asker;
mod authzen;
mod body;
mod credential;
mod gateway_problem;
mod in_process;
mod kinds;
mod listener;
mod metrics;
mod openapi;
mod params;
mod peer;
mod problem;
mod route;
mod router;
mod routes;
mod serve;
mod span;
mod trivial;

pub use app::App;
pub use asker::{Asker, SignedIn, cookie, note_view, peer_of, same_origin, session_cookie};
pub use body::{must_be_json, read_body};
pub use credential::{CredentialError, credential};
pub use gateway_problem::GatewayProblem;
pub use in_process::{in_process, in_process_for};
pub use listener::{Listener, OwnerSocket};
pub use openapi::openapi;
pub use params::{Id, Params, Position, Segment};
pub use peer::{Address, Peer};
pub use problem::Failure;
pub use route::{Access, Entry, RouteInfo, get, post};
pub use router::{mount, no_such_route, route_table, router};
pub use serve::{ServeLimits, serve};
pub use span::Span;
pub use trivial::trivial_router;
