use axum::extract::State;
use countersign_wire::PolicyView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Segment;

/// One policy version with its text
#[utoipa::path(get, path = "/v1/policies/{version}", tag = "policies",
    params(("version" = String, Path, description = "The version's short name")),
    responses((status = 200, body = PolicyView, description = "With `files`")))]
pub(crate) async fn show_policy(State(app): State<App>, Asker(caller): Asker, Segment(version): Segment) -> Answer {
    ok(&app.gate().policy(&caller, &version).await?)
}
