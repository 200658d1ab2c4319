//! Asking the gate, with the retries that are safe.
//!
//! Every request carries its own ids (`request_id`, `attempt`), so asking again gets the same answer. A gate that stays
//! silent, or answers what is not understood, means no.

use std::time::Duration;

use countersign_client::wire::{
    ActionView, DefineToolsRequest, FinishRequest, ProposeRequest, StartRequest, ToolsDefined,
};
use countersign_client::{Client, ClientError};
use countersign_evidence::json::Value;
use uuid::Uuid;

/// Pauses before asking again, in milliseconds: a client waits for the answer.
const BRIEF: [u64; 3] = [50, 200, 500];
/// An outcome that is lost stays `unknown` for good, so it is tried longer.
const PATIENT: [u64; 7] = [50, 100, 200, 400, 800, 1600, 3200];

/// Proposes an action.
pub(crate) async fn propose(client: &Client, request: &ProposeRequest) -> Result<ActionView, ClientError> {
    again(&BRIEF, || client.propose(request)).await
}

/// Asks for the go-ahead.
pub(crate) async fn start(client: &Client, action: Uuid, request: &StartRequest) -> Result<ActionView, ClientError> {
    again(&BRIEF, || client.start(action, request)).await
}

/// Records an outcome.
pub(crate) async fn finish(client: &Client, action: Uuid, request: &FinishRequest) -> Result<ActionView, ClientError> {
    again(&PATIENT, || client.finish(action, request)).await
}

/// Gives an action up; `why` is an identifier. Where that fails too, the action waits until it expires: it is never
/// executed by itself.
pub(crate) async fn cancel(client: &Client, action: Uuid, why: &str) {
    if let Err(error) = again(&BRIEF, || client.cancel(action, why)).await {
        tracing::warn!(%action, %error, "the action could not be cancelled; it expires by itself");
    }
}

/// Tools of one request at most.
const TOOLS_AT_ONCE: usize = 100;

/// Has definitions put on record. Where that fails reviewers are not shown them, and nothing else is the worse for it.
pub(crate) async fn define(client: &Client, server: &str, tools: Vec<Value>) {
    for tools in tools.chunks(TOOLS_AT_ONCE) {
        let request = DefineToolsRequest { server: server.to_owned(), tools: tools.to_vec() };
        let defined = again(&BRIEF, || client.post::<ToolsDefined>("/v1/tools", &request)).await;
        if let Err(error) = defined {
            tracing::warn!(%error, server, "what the tools say of themselves is not on record");
        }
    }
}

/// Whether asking again may help: nobody answered, or the gate was too busy.
pub(crate) fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Transport(_) => true,
        ClientError::Refused(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
        ClientError::BadAnswer { .. } => false,
    }
}

async fn again<T, F: Future<Output = Result<T, ClientError>>>(
    pauses: &[u64],
    ask: impl Fn() -> F,
) -> Result<T, ClientError> {
    let mut pauses = pauses.iter();
    loop {
        match (ask().await, pauses.next()) {
            (Err(error), Some(pause)) if is_passing(&error) => {
                tracing::debug!(%error, "the gate is asked again");
                tokio::time::sleep(Duration::from_millis(*pause)).await;
            }
            (answer, _) => return answer,
        }
    }
}
