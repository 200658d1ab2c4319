use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_http::{App, Failure};
use maud::html;

use crate::layout::{self, Page};
use crate::parts::text::text;
use crate::viewer::Viewer;

/// What waits for people, soonest to expire first.
pub(crate) async fn queue(State(app): State<App>, viewer: Viewer) -> Response {
    let reviews = match app.gate().reviews(&viewer.caller) {
        Ok(reviews) => reviews,
        Err(error) => return layout::failed(&Failure::from(error)),
    };
    let content = html! {
        h1 { "Reviews" }
        @if reviews.is_empty() {
            p { "Nothing waits for anybody. Actions that a policy holds for review appear here." }
        } @else {
            ul.queue {
                @for review in &reviews {
                    li { a href={ "/reviews/" (review.action) } { (text(&review.tool)) } " by " (text(&review.agent)) }
                }
            }
        }
    };
    Page { title: "Reviews", place: "/reviews", content }.into_response()
}
