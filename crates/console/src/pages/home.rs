use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::viewer::Viewer;

/// What waits comes first.
pub(crate) async fn home(_: Viewer) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/reviews")]).into_response()
}
