//! The MCP gateway over stdio: raw JSON-RPC in the path of a real server.
//!
//! [`run`] starts the real server as its child and stands between it and the client. Everything passes through, parsed
//! strictly and written anew in canonical form, except `tools/call`: each call becomes an action at the gate, and only what
//! the gate authorized is sent on, exactly as authorized. Both protocol eras are spoken: the legacy `initialize` handshake
//! (2024-11-05 to 2025-11-25) and the modern per-request `_meta` (2026-07-28).
//!
//! What a call's payload is, and what is transport: see [`TRANSPORT_KEYS`]. How annotations become a category: see
//! [`category_of`].
//!
//! What is not covered: reading resources, getting prompts and what the server asks of the client pass ungated; of a task
//! (a result of type `task`) it is recorded that it began, not how it ended.
//!
//! ```text
//! client ─ lines ─► pump ─► call ─► (gate: propose, hold, start) ─► child ─► (gate: finish) ─► client
//!                     └──────────── everything else ──────────────► child ─► client
//! ```

mod answer;
mod call;
mod catalogue;
mod child;
mod config;
mod conversation;
mod demo_server;
mod execute;
mod flights;
mod gate;
mod gateway;
mod hold;
mod id_scan;
pub mod jsonrpc;
mod lines;
mod listing;
mod lookalike;
mod mirror;
pub mod modern;
mod outcome;
mod payload;
mod peers;
mod pump;
mod redefined;
mod serve;
mod stdio;
mod transport;

pub use catalogue::category_of;
pub use child::{attend, run};
pub use config::{Config, Error, HoldPolicy, Program, Settings, default_server_name};
pub use conversation::{Conversation, Garbled, Opened, Out, Outgoing, read};
pub use demo_server::{DemoError, bundled_server};
pub use mirror::{Mirror, decoded, encoded};
pub use peers::client_name;
pub use serve::{Pipes, serve};
pub use stdio::standard_input;
pub use transport::{MOST_TRANSPORT, TRANSPORT_KEYS};
