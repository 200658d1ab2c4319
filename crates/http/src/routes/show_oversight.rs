use axum::extract::State;
use countersign_wire::OversightView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Params;
use crate::span::Span;

/// How reviews went
///
/// Waiting and deciding times, load, rates by rule with intervals, fast approvals and repeats after a denial, computed from
/// the records. Who only reviews is told about itself alone under `reviewers`.
#[utoipa::path(get, path = "/v1/oversight", tag = "reviews", params(Span),
    responses((status = 200, body = OversightView, description = "What came out")))]
pub(crate) async fn show_oversight(State(app): State<App>, Asker(caller): Asker, Params(span): Params<Span>) -> Answer {
    let (since, until) = span.times(app.clock().now())?;
    ok(&app.gate().oversight(&caller, since, until).await?)
}
