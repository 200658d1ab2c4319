use axum::extract::State;
use countersign_wire::ActionView;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::{Id, Params};

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Seconds to hold the answer while a review waits, at most 600.
    #[serde(default)]
    wait_s: u32,
}

/// One action now
///
/// Or, with `wait_s`, as soon as people have decided.
#[utoipa::path(get, path = "/v1/actions/{action}", tag = "actions",
    params(("action" = Uuid, Path, description = "The action's id"), Wait),
    responses((status = 200, body = ActionView, description = "Where it stands")))]
pub(crate) async fn show_action(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Params(wait): Params<Wait>,
) -> Answer {
    ok(&app.gate().action(&caller, action, wait.wait_s).await?)
}
