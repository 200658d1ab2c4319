//! Bodies as AuthZEN wants them: as strict as all others, but whatever is wrong with their form is 400.

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use countersign_evidence::json::{Object, Value};
use countersign_gate::GateError;

use crate::app::App;
use crate::body::Given;
use crate::problem::Failure;

/// A JSON object. Members that nobody knows are no fault here.
pub(crate) struct Said(pub(crate) Object);

impl FromRequest<App> for Said {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let Given(value) = Given::<Value>::from_request(request, app).await.map_err(Failure::into_bad_request)?;
        match value {
            Value::Object(object) => Ok(Said(object)),
            _ => Err(invalid("the body must be a JSON object")),
        }
    }
}

/// The same, or no body at all.
pub(crate) struct PerhapsSaid(pub(crate) Object);

impl FromRequest<App> for PerhapsSaid {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let nothing = !request.headers().contains_key(CONTENT_TYPE) && request.body().size_hint().exact() == Some(0);
        if nothing {
            return Ok(PerhapsSaid(Object::new()));
        }
        Said::from_request(request, app).await.map(|Said(object)| PerhapsSaid(object))
    }
}

/// 400.
pub(crate) fn invalid(detail: impl Into<String>) -> Failure {
    Failure::from(GateError::Invalid(detail.into())).into_bad_request()
}
