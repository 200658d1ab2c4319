use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use countersign_client::{InProcess, InProcessAnswer};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use tower::ServiceExt;

use crate::app::App;
use crate::peer::Peer;
use crate::router::router;

/// The API for callers in this process, as the data folder's owner where they show no key: the same router as over a
/// socket, without the socket.
pub fn in_process(app: &App) -> InProcess {
    let router = router(app);
    Arc::new(move |request: Request<Full<Bytes>>| -> InProcessAnswer {
        let router = router.clone();
        Box::pin(async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer::Owner);
            let Ok(answer) = router.oneshot(request).await;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Response::from_parts(parts, body))
        })
    })
}
