use axum::extract::State;
use countersign_gate::{GateError, WriterState};

use crate::answer::{Answer, text};
use crate::app::App;

/// Whether records can be made durable
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, body = String, content_type = "text/plain", description = "They can")))]
pub(crate) async fn readyz(State(app): State<App>) -> Answer {
    match app.gate().writer_state() {
        WriterState::Writing(_) => Ok(text("ready\n")),
        WriterState::Stopped(why) => Err(GateError::Unavailable(why).into()),
    }
}
