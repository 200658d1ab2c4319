use axum::extract::State;
use countersign_wire::PolicyView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// Policy versions
#[utoipa::path(get, path = "/v1/policies", tag = "policies",
    responses((status = 200, body = Vec<PolicyView>, description = "Every version that was ever in force, latest activation first")))]
pub(crate) async fn list_policies(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().policies(&caller).await?)
}
