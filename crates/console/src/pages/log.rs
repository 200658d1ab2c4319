//! The evidence log: how far it is, and what that means.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_http::App;
use maud::html;

use crate::layout::{Page, refused};
use crate::parts::text::text;
use crate::viewer::Viewer;

/// The log.
pub(crate) async fn log(State(app): State<App>, viewer: Viewer) -> Response {
    let log = match app.gate().log_view(&viewer.caller).await {
        Ok(log) => log,
        Err(error) => return refused(error),
    };
    let content = html! {
        h1 { "Evidence log" }
        dl.facts {
            div { dt { "Origin" } dd { code { (text(&log.origin)) } } }
            div { dt { "Sequenced" } dd { strong { (log.sequenced) } " records: durable, their places known" } }
            div { dt { "Published" } dd { strong { (log.published) } " records: in a signed checkpoint" } }
            div { dt { "Witnessed" } dd { "No witness is configured: nobody else vouches for this log yet." } }
            div { dt { "Indexed" } dd { strong { (log.indexed) } " records can be searched" } }
            div { dt { "The log's key" } dd { code { (text(&log.vkey)) } } }
        }
        p { a href="/log/checkpoint" { "The signed checkpoint" } " · "
            "Verify all of it offline: " code { "countersign verify DATA/published --trust TRUST" } }
        p.quiet { "Check the stored files now: " code { "countersign log fsck" } }
    };
    Page { title: "Log", place: "/log", viewer: Some(&viewer), content }.into_response()
}
