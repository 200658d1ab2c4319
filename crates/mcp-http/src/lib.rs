//! The MCP gateway over streamable HTTP: real servers behind `/mcp/NAME`, programs and web services alike.
//!
//! Both eras are spoken: sessions that begin with `initialize` (2025-03-26 to 2025-11-25), and requests that each say their
//! protocol version (2026-07-28). Each conversation with a server is one of [`countersign_mcp::Conversation`], the same as over
//! stdio: tools/call is decided, held, sent exactly as authorized and recorded; everything else passes. What an agent shows to
//! the gateway never reaches a server, and what the gateway shows to a server never reaches an agent.
//!
//! ```text
//! agent ─ POST ─► door ─► desk ─► conversation ─► upstream: program, or web service
//!                          └──◄─ answers, by request ─◄─┘
//! ```
//!
//! | to do this | start at |
//! |---|---|
//! | say which servers there are | [`Servers`] |
//! | serve them | [`router`] |
//! | see who may come in | `door.rs`, `origin.rs` |
//! | see which request an answer belongs to | `desk.rs` |
//! | see what a session is, and when it ends | `sessions.rs` |
//! | see how servers are reached | `upstream` |
//! | see all servers behind one path | `gathered.rs`, `legs.rs` |

mod desk;
mod door;
mod era;
mod exchange;
mod gathered;
mod legs;
mod mirrored;
mod origin;
mod reply;
mod servers;
mod sessions;
mod translate;
mod upstream;

pub use door::router;
pub use servers::{Servers, ServersError};
