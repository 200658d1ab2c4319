use axum::extract::State;
use countersign_wire::PersonView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// Everyone who reviews
#[utoipa::path(get, path = "/v1/people", tag = "access",
    responses((status = 200, body = Vec<PersonView>, description = "All people")))]
pub(crate) async fn list_people(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().people(&caller)?)
}
