//! Which era of the protocol a message is of.

use countersign_evidence::json::Value;
use countersign_mcp::jsonrpc::{Kind, Message};
use countersign_mcp::modern::PROTOCOL_VERSION;

/// The versions whose conversations begin with `initialize`.
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// The protocol version that a modern message says; what is in the body counts, not what a header says.
pub(crate) fn version_of(message: &Message) -> Option<&str> {
    message.params()?.get("_meta")?.get(PROTOCOL_VERSION)?.as_str()
}

/// Whether it begins a session.
pub(crate) fn initializes(message: &Message) -> bool {
    matches!(&message.kind, Kind::Request { method, .. } if method == "initialize")
}

/// Whether a version is one of those that begin with `initialize`.
pub(crate) fn is_legacy(version: &str) -> bool {
    LEGACY.contains(&version)
}

/// The version that an `initialize` result settles on.
pub(crate) fn negotiated(result: &Value) -> Option<&str> {
    result.get("protocolVersion")?.as_str()
}
