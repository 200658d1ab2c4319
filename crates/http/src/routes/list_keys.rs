use axum::extract::State;
use countersign_wire::KeyView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// API keys, without their secrets
#[utoipa::path(get, path = "/v1/keys", tag = "access",
    responses((status = 200, body = Vec<KeyView>, description = "All keys, revoked ones too")))]
pub(crate) async fn list_keys(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().keys(&caller)?)
}
