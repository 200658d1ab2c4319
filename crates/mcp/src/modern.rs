//! What a request of the modern era says of itself, in `_meta` (MCP 2026-07-28).

/// The protocol version.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The client's name and version.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// What the client can do for the server.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// From which level on it wants log messages.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
