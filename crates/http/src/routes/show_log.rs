use axum::extract::State;
use countersign_wire::LogView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// How far the log is
#[utoipa::path(get, path = "/v1/log", tag = "log",
    responses((status = 200, body = LogView, description = "Durable, published and indexed records")))]
pub(crate) async fn show_log(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().log_view(&caller).await?)
}
