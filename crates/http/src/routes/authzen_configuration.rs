use axum::extract::State;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::authzen::metadata::configuration;

/// AuthZEN: what is offered, and where
#[utoipa::path(get, path = "/.well-known/authzen-configuration", tag = "authzen",
    responses((status = 200, body = Object, description = "Metadata of this policy decision point")))]
pub(crate) async fn authzen_configuration(State(app): State<App>) -> Answer {
    ok(&configuration(app.gate()))
}
