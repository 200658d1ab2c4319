use axum::extract::State;
use countersign_wire::Ended;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// End a session
///
/// It is over when this answers.
#[utoipa::path(post, path = "/v1/sessions/{session}/end", tag = "access",
    params(("session" = Uuid, Path, description = "The session's id")),
    responses((status = 200, body = Ended, description = "Ended")))]
pub(crate) async fn end_session(State(app): State<App>, Asker(caller): Asker, Id(session): Id) -> Answer {
    app.gate().end_session(&caller, session, "revoked").await?;
    ok(&Ended { ended: session })
}
