use axum::extract::State;
use countersign_gate::GateError;

use crate::answer::{Answer, bytes};
use crate::app::App;

/// The latest signed checkpoint
///
/// A C2SP tlog-checkpoint: a signed note over the published log's size and root.
#[utoipa::path(get, path = "/log/checkpoint", tag = "log",
    responses((status = 200, body = String, content_type = "text/plain", description = "The signed note")))]
pub(crate) async fn checkpoint(State(app): State<App>) -> Answer {
    let note = app.store().checkpoint().await.map_err(|error| GateError::Broken(error.to_string()))?;
    let note = note.ok_or(GateError::NotFound("checkpoint yet"))?;
    // A new one appears about once a second.
    Ok(bytes(note.to_bytes(), "text/plain; charset=utf-8", "public, max-age=1"))
}
