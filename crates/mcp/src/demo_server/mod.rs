//! A small MCP server with real effects on one folder, for demonstrations where no other server is at hand.
//!
//! It speaks both eras: `initialize` (2025-11-25) and `server/discover` with per-request `_meta` (2026-07-28). It asks nobody:
//! the gateway in front of it does.

mod folder;
mod tools;

use std::path::Path;

use countersign_evidence::json::{Limits, Object, Value, parse};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::jsonrpc::{self, Id, Kind, Message};
use crate::lines::{Line, Lines};
use crate::modern::PROTOCOL_VERSION;
use folder::Folder;

/// Most bytes of one message.
const MOST_LINE: usize = 4 << 20;
/// The protocol of per-request `_meta`.
const MODERN: &str = "2026-07-28";
/// The newest protocol with an `initialize` handshake.
const LEGACY: &str = "2025-11-25";

/// Why the demo server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder is not there.
    #[error("the folder {folder} cannot be used: {source}")]
    Folder {
        /// The folder as given.
        folder: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Its input or output broke.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves `list_directory`, `read_file`, `write_file` and `delete_file` inside `folder` until the input ends.
///
/// Paths are relative to the folder; none leads out of it, not through `..`, an absolute path or a symbolic link (as long as
/// nobody else moves things in the folder at the same moment: this is a demonstration, not a sandbox).
///
/// # Errors
/// [`DemoError`].
pub async fn bundled_server(
    folder: &Path,
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> Result<(), DemoError> {
    let folder =
        Folder::open(folder).map_err(|source| DemoError::Folder { folder: folder.display().to_string(), source })?;
    let mut lines = Lines::new(from, MOST_LINE);
    while let Some(line) = lines.next().await? {
        if let Some(answer) = answer(&folder, line) {
            let mut answer = Value::Object(answer).to_canonical();
            answer.push('\n');
            to.write_all(answer.as_bytes()).await?;
            to.flush().await?;
        }
    }
    Ok(())
}

fn answer(folder: &Folder, line: Line) -> Option<Object> {
    let Line::Whole(bytes) = line else {
        return Some(jsonrpc::error(None, jsonrpc::INVALID_REQUEST, "the message is too long", None));
    };
    let value = match parse(&bytes, Limits { bytes: MOST_LINE, depth: 64 }) {
        Ok(value) => value,
        Err(error) => return Some(jsonrpc::error(None, jsonrpc::PARSE_ERROR, &error.to_string(), None)),
    };
    let message = match Message::read(value) {
        Ok(message) => message,
        Err(error) => return Some(jsonrpc::error(None, jsonrpc::INVALID_REQUEST, &error.to_string(), None)),
    };
    match &message.kind {
        Kind::Request { id, method } => Some(respond(folder, id, method, message.params())),
        Kind::Notification { .. } | Kind::Response { .. } => None,
    }
}

fn respond(folder: &Folder, id: &Id, method: &str, params: Option<&Value>) -> Object {
    let meta = params.and_then(|params| params.get("_meta"));
    let modern = meta.is_some_and(|meta| meta.get(PROTOCOL_VERSION).is_some());
    let result = match method {
        "initialize" => initialized(),
        "server/discover" => discovered(),
        "ping" => Object::new(),
        "tools/list" => {
            let mut result: Object = [("tools", tools::definitions())].into_iter().collect();
            if modern {
                // The list never changes, and is the same for everybody (2026-07-28 "Caching").
                result.insert("ttlMs", 3_600_000);
                result.insert("cacheScope", "public");
            }
            result
        }
        "tools/call" => match tools::call(folder, params) {
            Ok(result) => result,
            Err(why) => return jsonrpc::error(Some(id), jsonrpc::INVALID_PARAMS, &why, None),
        },
        _ => {
            let why = format!("the method {method:?} is not known here");
            return jsonrpc::error(Some(id), jsonrpc::METHOD_NOT_FOUND, &why, None);
        }
    };
    jsonrpc::result(id, typed(result, modern || method == "server/discover"))
}

/// Modern results say what they are and who answers.
fn typed(mut result: Object, modern: bool) -> Value {
    if modern {
        result.insert("resultType", "complete");
        let meta: Object = [("io.modelcontextprotocol/serverInfo", server_info())].into_iter().collect();
        result.insert("_meta", meta);
    }
    Value::Object(result)
}

fn server_info() -> Object {
    [("name", "countersign-demo-files"), ("version", env!("CARGO_PKG_VERSION"))].into_iter().collect()
}

fn capabilities() -> Object {
    [("tools", Object::new())].into_iter().collect()
}

fn initialized() -> Object {
    let mut result = Object::new();
    result.insert("protocolVersion", LEGACY);
    result.insert("capabilities", capabilities());
    result.insert("serverInfo", server_info());
    result
}

fn discovered() -> Object {
    let mut result = Object::new();
    result.insert("supportedVersions", vec![Value::from(MODERN)]);
    result.insert("capabilities", capabilities());
    result.insert("serverInfo", server_info());
    result.insert("ttlMs", 3_600_000);
    result.insert("cacheScope", "public");
    result
}
