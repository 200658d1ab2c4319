//! Who looks at a page.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_gate::Caller;
use countersign_http::{App, Asker};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::layout;

/// Somebody who may look at pages; who has not signed in is sent to where one does.
pub(crate) struct Viewer {
    pub(crate) caller: Caller,
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Asker::from_request_parts(parts, app).await {
            Ok(Asker(caller)) => Ok(Viewer { caller }),
            Err(failure) if failure.problem().status == 401 => Err(to_sign_in(parts)),
            Err(failure) => Err(layout::failed(&failure)),
        }
    }
}

fn to_sign_in(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let place = format!("/sign-in?next={}", utf8_percent_encode(wanted, NON_ALPHANUMERIC));
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
