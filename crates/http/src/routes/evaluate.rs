use axum::extract::State;
use axum::http::HeaderMap;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::authzen::body::{Said, invalid};
use crate::authzen::evaluation;
use crate::authzen::mapping::Around;
use crate::authzen::question::Question;
use crate::problem::Failure;

/// AuthZEN: decide
///
/// Authorization API 1.0. `decision: true` is durable as an execution that has started, and counts once: whoever gets it
/// executes, and reports the outcome of attempt `pep` of the action `context.evaluation_id`.
#[utoipa::path(post, path = "/access/v1/evaluation", tag = "authzen", request_body = Object,
    responses((status = 200, body = Object, description = "`decision`, and why in `context`")))]
pub(crate) async fn evaluate(
    State(app): State<App>,
    Asker(caller): Asker,
    headers: HeaderMap,
    Said(said): Said,
) -> Answer {
    let question = Question::read(&said).map_err(invalid)?;
    let around = Around::of(&headers, &caller);
    let answered = evaluation::evaluate(&app, &caller, &around, &question).await;
    ok(&answered.map_err(Failure::into_bad_request)?)
}
