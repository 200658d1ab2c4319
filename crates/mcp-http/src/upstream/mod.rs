//! How a conversation reaches its server.

mod events;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_mcp::{Conversation, Out, attend};
use tokio::sync::mpsc;

use crate::servers::{Reached, Server};
use web::Web;

/// Carries a conversation's messages to its server, and the server's to the conversation, until either ends. `gone` says when the
/// server has.
pub(crate) fn connect(
    server: &Server,
    http: &reqwest::Client,
    conversation: Conversation,
    to_server: mpsc::Receiver<Out>,
    gone: Arc<AtomicBool>,
) {
    match &server.reached {
        Reached::Program(program) => {
            let (program, name) = (program.clone(), server.name.clone());
            tokio::spawn(async move {
                if let Err(error) = attend(&program, conversation, to_server).await {
                    tracing::warn!(%error, server = name, "an MCP server");
                }
                gone.store(true, Ordering::Relaxed);
            });
        }
        Reached::Web { url, credential } => {
            let web = Web::new(http.clone(), url.clone(), credential.clone(), conversation, server.tools.clone(), gone);
            tokio::spawn(web.carry(to_server));
        }
    }
}
