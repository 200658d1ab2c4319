use std::sync::Arc;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use countersign_client::{InProcess, InProcessAnswer};
use countersign_gate::Caller;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use tower::ServiceExt;

use crate::app::App;
use crate::peer::Peer;
use crate::problem::Failure;
use crate::router::router;

/// The API for callers in this process, as the data folder's owner where they show no key: the same router as over a
/// socket, without the socket.
pub fn in_process(app: &App) -> InProcess {
    let router = router(app);
    Arc::new(move |request: Request<Full<Bytes>>| -> InProcessAnswer {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer::Owner);
        Box::pin(answered(router.clone(), request))
    })
}

/// The API for a gateway in this process, on behalf of a caller that it let in: what it executes counts as seen on the wire. What would begin
/// anything is refused once the caller's key is revoked; what was begun before can still be ended.
pub fn in_process_for(app: &App, caller: Caller) -> InProcess {
    let (router, app, caller) = (router(app), app.clone(), caller.at_gateway());
    Arc::new(move |request: Request<Full<Bytes>>| -> InProcessAnswer {
        let mut request = request.map(Body::new);
        let path = request.uri().path();
        let begins = path == "/v1/actions" || path.ends_with("/start");
        if begins && let Err(error) = app.gate().must_still_be_let_in(&caller) {
            return Box::pin(collected(Failure::from(error).into_response()));
        }
        request.extensions_mut().insert(LetIn(caller.clone()));
        Box::pin(answered(router.clone(), request))
    })
}

/// A caller that a gateway in this process has let in. Nothing that comes over a wire can bring one.
#[derive(Clone)]
pub(crate) struct LetIn(pub(crate) Caller);

async fn answered(router: axum::Router, request: Request<Body>) -> Result<Response<Bytes>, String> {
    let Ok(answer) = router.oneshot(request).await;
    collected(answer).await
}

async fn collected(answer: Response<Body>) -> Result<Response<Bytes>, String> {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
