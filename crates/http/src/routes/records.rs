use axum::extract::State;
use countersign_wire::RecordView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// An action's records
#[utoipa::path(get, path = "/v1/actions/{action}/records", tag = "actions",
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = Vec<RecordView>, description = "Envelopes, with the disclosures that the caller may see")))]
pub(crate) async fn records(State(app): State<App>, Asker(caller): Asker, Id(action): Id) -> Answer {
    ok(&app.gate().records(&caller, action).await?)
}
