//! What stands in the URL: ids in the path, parameters in the query.

use axum::RequestPartsExt;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::app::App;
use crate::kinds;
use crate::problem::Failure;

/// The UUID in the path, in the hyphenated form alone: one id, one text.
pub struct Id(pub Uuid);

impl FromRequestParts<App> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Segment(text) = Segment::from_request_parts(parts, app).await?;
        match Uuid::try_parse(&text) {
            Ok(id) if text.len() == 36 => Ok(Id(id)),
            _ => Err(Failure::new(kinds::BAD_ID, "the id in the path is not a UUID in the hyphenated form")),
        }
    }
}

/// The log position in the path.
pub struct Position(pub u64);

impl FromRequestParts<App> for Position {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Segment(text) = Segment::from_request_parts(parts, app).await?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let position = text.parse().ok().filter(|_| digits);
        position
            .map(Position)
            .ok_or_else(|| Failure::new(kinds::BAD_ID, "the log position in the path is not a number"))
    }
}

/// The one variable part of the path, as text.
pub struct Segment(pub String);

impl FromRequestParts<App> for Segment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        let found = parts.extract::<Path<String>>().await;
        let Path(text) = found.map_err(|error| Failure::new(kinds::BAD_ID, error.body_text()))?;
        Ok(Segment(text))
    }
}

/// What axum puts before the cause.
const WRAPPING: &str = "Failed to deserialize query string: ";

/// The query's parameters. The type denies unknown fields.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        let found = Query::<T>::try_from_uri(&parts.uri);
        let Query(params) = found.map_err(|error| {
            let text = error.body_text();
            Failure::new(kinds::BAD_QUERY, text.strip_prefix(WRAPPING).unwrap_or(&text))
        })?;
        Ok(Params(params))
    }
}
