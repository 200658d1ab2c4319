//! The explorer: what happened, found by one search box.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_gate::GateError;
use countersign_http::{App, Params};
use countersign_index::search::{self, Term};
use countersign_wire::Page as Rows;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::layout::{Page, refused};
use crate::parts::badge;
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer, see_other};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    before: Option<u64>,
}

/// Actions that match.
pub(crate) async fn actions(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(asked)): InUrl<Params<Asked>>,
) -> Response {
    match rows(&app, &viewer, &asked).await {
        Ok(rows) => page(&viewer, &asked, Ok(&rows)),
        Err(GateError::Invalid(why)) => page(&viewer, &asked, Err(&why)),
        Err(error) => refused(error),
    }
}

async fn rows(app: &App, viewer: &Viewer, asked: &Asked) -> Result<Rows, GateError> {
    let query = search::search(&asked.q, app.clock().now()).map_err(|error| GateError::Invalid(error.to_string()))?;
    app.gate().list(&viewer.caller, countersign_index::Query { before: asked.before, ..query }).await
}

fn page(viewer: &Viewer, asked: &Asked, rows: Result<&Rows, &str>) -> Response {
    let content = html! {
        h1 { "Actions" }
        form.search method="get" action="/actions" role="search" {
            label { span.hidden { "Search" }
                input type="search" name="q" value=(asked.q) maxlength="2048" autocomplete="off"
                    placeholder="agent:billing decision:deny tool:stripe/* since:7d \"text\""; }
            button { "Search" }
        }
        (chips(&asked.q))
        @match rows {
            Err(why) => p.notice role="alert" { (text(why)) },
            Ok(rows) => (table(&asked.q, rows)),
        }
        form.inline method="get" action="/resolve" {
            label { "Find any id: action, request, trace, session, review, downstream request"
                input name="id" maxlength="256" required spellcheck="false"; }
            button.quiet { "Go to it" }
        }
    };
    Page { title: "Actions", place: "/actions", viewer: Some(viewer), content }.into_response()
}

fn link(q: &str) -> String {
    format!("/actions?q={}", utf8_percent_encode(q, NON_ALPHANUMERIC))
}

/// The terms of the question, each of which can be taken away.
fn chips(q: &str) -> Markup {
    let terms: Vec<Term> = search::terms(q).unwrap_or_default();
    let without = |left_out: usize| {
        let kept = terms.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, term)| term.written());
        kept.collect::<Vec<_>>().join(" ")
    };
    html! {
        @if !terms.is_empty() {
            p.counts {
                @for (at, term) in terms.iter().enumerate() {
                    a.badge.plain href=(link(&without(at))) aria-label={ "Without " (term.written()) } {
                        (text(&term.written())) " ×" } " "
                }
            }
        }
    }
}

/// A value that narrows the question when it is clicked.
fn narrowing(q: &str, key: &str, value: &str) -> Markup {
    let term = search::term(key, value).written();
    let wider = if q.is_empty() { term } else { format!("{q} {term}") };
    html! { a.quiet href=(link(&wider)) title={ "Only this " (key) } { (text(value)) } }
}

fn table(q: &str, rows: &Rows) -> Markup {
    html! {
        @if rows.actions.is_empty() {
            div.empty {
                p { strong { "No action matches." } }
                p { "Searched everything that this log has indexed: " (rows.as_of) " records." }
            }
        } @else {
            div.scroll {
                table.rows {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Tool" } th scope="col" { "State" }
                        th scope="col" { "Agent" } th scope="col" { "Policy" } th scope="col" { "Risk" }
                        th scope="col" { "Where" } } }
                    tbody {
                        @for row in &rows.actions {
                            tr {
                                td { a.row href={ "/actions/" (row.action) } { (time(row.time)) } }
                                td { (narrowing(q, "tool", &row.tool)) }
                                td { (badge::state(row.state.as_str())) }
                                td { (narrowing(q, "agent", &row.agent)) }
                                td { (narrowing(q, "decision", &row.decision)) " "
                                    @for rule in &row.rules { (narrowing(q, "rule", rule)) " " } }
                                td { (row.risk) }
                                td { (narrowing(q, "environment", &row.environment)) }
                            }
                        }
                    }
                }
            }
            p.quiet {
                (rows.actions.len()) " shown, counting every record below position " (rows.as_of)
                @if rows.behind > 0 { "; " (rows.behind) " records are not indexed yet" } "."
                @if let Some(next) = rows.next { " " a href={ (link(q)) "&before=" (next) } { "Older ones" } }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    id: String,
}

/// Goes to whatever an id names.
pub(crate) async fn resolve(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(asked)): InUrl<Params<Wanted>>,
) -> Response {
    match app.gate().resolve(&viewer.caller, asked.id.trim()).await {
        Ok(found) => match found.actions.as_slice() {
            [action] => see_other(&format!("/actions/{action}")),
            _ => see_other(&link(&search::term(&found.kind, asked.id.trim()).written())),
        },
        Err(error) => refused(error),
    }
}
