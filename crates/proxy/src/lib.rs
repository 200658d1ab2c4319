//! The HTTP gateway: `/proxy/<upstream>/…` in front of APIs. Each call is decided by policy first, held where people decide,
//! sent exactly as it was authorized, and recorded with what came back. The credentials of an upstream live here alone.
//!
//! | to do this | start at |
//! |---|---|
//! | say which upstreams there are | [`Upstreams`] |
//! | serve them | [`router`] |
//! | see what of a request is its payload | `payload.rs` |
//! | see what counts as what outcome | `outcome.rs` |

mod decide;
mod handler;
mod outcome;
mod payload;
mod place;
mod route;
mod seats;
mod send;
mod trace;
mod upstreams;

pub use handler::router;
pub use upstreams::{Upstreams, UpstreamsError};
