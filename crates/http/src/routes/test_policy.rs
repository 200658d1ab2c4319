use axum::extract::State;
use countersign_wire::PolicyTestView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Segment;

/// Run a policy version's own tests
///
/// As they were activated with it: anew, now, by this version of the gate.
#[utoipa::path(get, path = "/v1/policies/{version}/tests", tag = "policies",
    params(("version" = String, Path, description = "The version")),
    responses((status = 200, body = Vec<PolicyTestView>, description = "What each came to")))]
pub(crate) async fn test_policy(State(app): State<App>, Asker(caller): Asker, Segment(version): Segment) -> Answer {
    ok(&app.gate().policy_tests(&caller, &version).await?)
}
