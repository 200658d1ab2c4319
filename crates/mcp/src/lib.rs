//! The MCP gateway over stdio: raw JSON-RPC in the path of a real server.
