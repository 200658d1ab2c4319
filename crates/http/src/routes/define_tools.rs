use axum::extract::State;
use countersign_wire::{DefineToolsRequest, ToolsDefined};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Put tools' definitions on record
///
/// By an enforcement point that saw a server list them; each definition once. Reviewers are shown what the tool says of
/// itself and which payload it takes.
#[utoipa::path(post, path = "/v1/tools", tag = "actions", request_body = DefineToolsRequest,
    responses((status = 200, body = ToolsDefined, description = "Those that were not on record before are now")))]
pub(crate) async fn define_tools(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<DefineToolsRequest>,
) -> Answer {
    ok(&app.gate().define_tools(&caller, request).await?)
}
