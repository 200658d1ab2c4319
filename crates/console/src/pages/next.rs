//! The next review for whoever asks, by one key.

use axum::extract::State;
use axum::response::Response;
use countersign_http::{App, Params};
use serde::Deserialize;
use uuid::Uuid;

use super::queue::{for_groups_of, pressing};
use crate::layout::refused;
use crate::viewer::{InUrl, Viewer, see_other};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behind {
    after: Option<Uuid>,
}

/// Goes to the most pressing review that the viewer may decide and has not approved, behind the one that it looks at; to
/// the list where there is none.
pub(crate) async fn next(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(behind)): InUrl<Params<Behind>>,
) -> Response {
    let mut reviews = match app.gate().reviews(&viewer.caller) {
        Ok(reviews) => reviews,
        Err(error) => return refused(error),
    };
    let now = app.clock().now();
    let own = viewer.caller.person.as_ref().map(|person| person.id.to_string());
    reviews.retain(|review| {
        let mut seats = review.requirements.iter().flat_map(|one| &one.approvals);
        for_groups_of(&viewer, review)
            && !seats.any(|seat| Some(&seat.person) == own.as_ref() && seat.standing.is_none())
    });
    reviews.sort_by_key(|review| (pressing(review, now), review.action));
    let at = behind.after.and_then(|after| reviews.iter().position(|review| review.action == after));
    let next = at.map_or(0, |at| at + 1);
    let found = reviews.get(next).or_else(|| reviews.first()).filter(|review| Some(review.action) != behind.after);
    see_other(&found.map_or_else(|| "/reviews".to_owned(), |review| format!("/reviews/{}", review.action)))
}
