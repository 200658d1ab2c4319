//! A client for the gate's HTTP API; [`wire`] has its types.
//!
//! The client speaks HTTP/1.1 over TCP, over a Unix socket, or straight to a service in the same process; enforcement
//! points and the command line know the gate only through it.

mod client;
mod connect;
pub use countersign_wire as wire;

pub use client::{Client, ClientError};
pub use connect::{InProcess, InProcessAnswer, Transport, TransportError};
