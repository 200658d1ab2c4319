use axum::extract::State;

use crate::answer::{Answer, text};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Position;

/// Prove that a record is in the published log
///
/// A C2SP tlog-proof, to be kept and verified offline. Waits briefly until the record is published.
#[utoipa::path(get, path = "/v1/records/{position}/proof", tag = "log",
    params(("position" = u64, Path, description = "The record's log position")),
    responses((status = 200, body = String, content_type = "text/plain", description = "The proof")))]
pub(crate) async fn prove(State(app): State<App>, Asker(caller): Asker, Position(position): Position) -> Answer {
    Ok(text(app.gate().proof(&caller, position).await?))
}
