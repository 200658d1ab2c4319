use axum::extract::State;
use countersign_wire::DelegationView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// Who decides for whom
///
/// Delegations in force or to come: one's own; all of them for an admin.
#[utoipa::path(get, path = "/v1/delegations", tag = "access",
    responses((status = 200, body = Vec<DelegationView>, description = "Soonest to end first")))]
pub(crate) async fn list_delegations(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().delegations(&caller)?)
}
