//! The two streams of a gateway over stdio, message by message.

use tokio::io::AsyncRead;

use crate::conversation::{Conversation, Garbled, read, too_long};
use crate::gateway::Gateway;
use crate::jsonrpc::Message;
use crate::lines::{Line, Lines};

fn read_line(line: Line, most: usize) -> Result<Message, Garbled> {
    match line {
        Line::Whole(bytes) => read(&bytes, most),
        Line::TooLong { bytes, scan } => Err(too_long(bytes, most, scan)),
    }
}

/// Handles what the client sends, in its order, until it ends. Calls go their own ways.
pub(crate) async fn from_client<R: AsyncRead + Unpin>(conversation: Conversation, mut lines: Lines<R>) {
    let gateway = &conversation.gateway;
    while let Some(line) = next(&mut lines, "client").await {
        match read_line(line, gateway.settings.most_line) {
            Ok(message) => conversation.client_says(message).await,
            Err(bad) => gateway.client_garbles(&bad).await,
        }
    }
}

/// Handles what the server sends, in its order, until it ends.
pub(crate) async fn from_server<R: AsyncRead + Unpin>(gateway: std::sync::Arc<Gateway>, mut lines: Lines<R>) {
    while let Some(line) = next(&mut lines, "server").await {
        match read_line(line, gateway.settings.most_line) {
            Ok(message) => gateway.server_says(message, None).await,
            Err(bad) => gateway.server_garbles(&bad).await,
        }
    }
}

async fn next<R: AsyncRead + Unpin>(lines: &mut Lines<R>, whose: &str) -> Option<Line> {
    lines.next().await.unwrap_or_else(|error| {
        tracing::warn!(%error, whose, "a stream broke");
        None
    })
}
