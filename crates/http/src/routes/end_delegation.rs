use axum::extract::State;
use countersign_wire::Ended;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// End a delegation before its time
#[utoipa::path(post, path = "/v1/delegations/{delegation}/end", tag = "access",
    params(("delegation" = Uuid, Path, description = "The delegation's id")),
    responses((status = 200, body = Ended, description = "Ended")))]
pub(crate) async fn end_delegation(State(app): State<App>, Asker(caller): Asker, Id(delegation): Id) -> Answer {
    app.gate().end_delegation(&caller, delegation).await?;
    ok(&Ended { ended: delegation })
}
