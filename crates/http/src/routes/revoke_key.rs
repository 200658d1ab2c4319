use axum::extract::State;
use countersign_wire::KeyView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// Revoke an API key
///
/// It has stopped working when this answers.
#[utoipa::path(post, path = "/v1/keys/{key}/revoke", tag = "access",
    params(("key" = Uuid, Path, description = "The key's id")),
    responses((status = 200, body = KeyView, description = "Revoked")))]
pub(crate) async fn revoke_key(State(app): State<App>, Asker(caller): Asker, Id(key): Id) -> Answer {
    ok(&app.gate().revoke_key(&caller, key).await?)
}
