use axum::extract::State;
use countersign_wire::Ended;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// End a standing approval
///
/// By who granted it, an operator or an admin. What it covered before stays approved.
#[utoipa::path(post, path = "/v1/standing/{standing}/revoke", tag = "reviews",
    params(("standing" = Uuid, Path, description = "The standing approval's id")),
    responses((status = 200, body = Ended, description = "It covers nothing from now on")))]
pub(crate) async fn revoke_standing(State(app): State<App>, Asker(caller): Asker, Id(standing): Id) -> Answer {
    app.gate().revoke_standing(&caller, standing).await?;
    ok(&Ended { ended: standing })
}
