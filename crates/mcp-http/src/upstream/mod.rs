//! How a conversation reaches its server.

mod events;
mod web;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use countersign_mcp::{Conversation, Out, attend};
use tokio::sync::mpsc;

use crate::desk::Desk;
use crate::servers::{Reached, Server};
use web::Web;

/// What the client's side is told besides messages.
pub(crate) struct Ends {
    /// Which requests the server refused, and with which status.
    pub(crate) desk: Arc<Desk>,
    /// The server has ended the conversation, or is not there any more.
    pub(crate) gone: Arc<AtomicBool>,
}

/// Carries a conversation's messages to its server, and the server's to the conversation, until either ends.
pub(crate) fn connect(
    server: &Server,
    http: &reqwest::Client,
    conversation: Conversation,
    to_server: mpsc::Receiver<Out>,
    ends: Ends,
) {
    match &server.reached {
        Reached::Program(program) => {
            let (program, name) = (program.clone(), server.name.clone());
            tokio::spawn(async move {
                if let Err(error) = attend(&program, conversation, to_server).await {
                    tracing::warn!(%error, server = name, "an MCP server");
                }
                ends.gone.store(true, Ordering::Relaxed);
            });
        }
        Reached::Web { url, credential } => {
            let web = Web {
                http: http.clone(),
                url: url.clone(),
                credential: credential.clone(),
                conversation,
                ends,
                state: Mutex::default(),
            };
            tokio::spawn(Arc::new(web).carry(to_server));
        }
    }
}
