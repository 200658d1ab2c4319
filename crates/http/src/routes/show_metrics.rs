use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use countersign_evidence::record::KeyKind;
use countersign_gate::{Caller, GateError};

use crate::answer::{Answer, bytes};
use crate::app::App;
use crate::asker::{Asker, peer_of};

const DAY_S: i64 = 86_400;

/// Metrics for Prometheus
///
/// Open to this host; from elsewhere an operator's or an auditor's key is needed.
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text format 0.0.4")))]
pub(crate) async fn show_metrics(State(app): State<App>, mut parts: Parts) -> Answer {
    if !peer_of(&parts).is_here() {
        let Asker(caller) = Asker::from_request_parts(&mut parts, &app).await?;
        if !matches!(caller.kind, KeyKind::Operator | KeyKind::Auditor) {
            let detail = "this key may not read metrics: that takes a key of kind operator or auditor";
            return Err(GateError::Forbidden(detail.to_owned()).into());
        }
    }
    let published = app.store().checkpoint().await.ok().flatten();
    // A scrape answers what it can: without the index there are no numbers about reviews.
    let now = app.clock().now();
    let reviews = app.gate().oversight(&Caller::owner(), now.plus_seconds(-DAY_S), now).await.ok();
    let page = app.metrics().page(app.gate(), published.as_ref(), reviews.as_ref());
    Ok(bytes(page, "text/plain; version=0.0.4; charset=utf-8", "no-store"))
}
