use axum::extract::State;
use axum::http::header::{HeaderValue, LOCATION};
use countersign_wire::{ActionView, ProposeRequest};

use crate::answer::{Answer, created};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Propose an action
///
/// Decides by policy. The answer is durable. The same request_id with the same content gets the same action.
#[utoipa::path(post, path = "/v1/actions", tag = "actions", request_body = ProposeRequest,
    responses((status = 201, body = ActionView, description = "Decided; `state` says what may happen now")))]
pub(crate) async fn propose(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<ProposeRequest>,
) -> Answer {
    let view = app.gate().propose(&caller, request).await?;
    app.metrics().decided(view.decision);
    let mut response = created(&view)?;
    if let Ok(location) = HeaderValue::try_from(format!("/v1/actions/{}", view.action)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}
