//! The explorer: what happened, found by one search box.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_gate::GateError;
use countersign_http::{App, Params};
use countersign_index::search::{self, Term};
use countersign_wire::{Page as Rows, SummaryView};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::layout::{Page, refused};
use crate::parts::badge;
use crate::parts::overview::{narrower, overview};
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer, see_other};

/// Matches that histogram and facets count, at most.
const MOST_COUNTED: usize = 2_000;

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
        Ok(rows) => {
            let seen = seen(&app, &viewer, &asked, &rows).await;
            page(&viewer, &asked, Ok((&rows, &seen)))
        }
        Err(GateError::Invalid(why)) => page(&viewer, &asked, Err(&why)),
        Err(error) => refused(error),
    }
}

async fn rows(app: &App, viewer: &Viewer, asked: &Asked) -> Result<Rows, GateError> {
    let query = search::search(&asked.q, app.clock().now()).map_err(|error| GateError::Invalid(error.to_string()))?;
    app.gate().list(&viewer.caller, countersign_index::Query { before: asked.before, ..query }).await
}

/// What histogram and facets count, and whether that is all.
struct Seen {
    rows: Vec<SummaryView>,
    whole: bool,
}

/// The newest matches, so many that a page stays quick. The table's own page is the beginning of it.
async fn seen(app: &App, viewer: &Viewer, asked: &Asked, first: &Rows) -> Seen {
    let mut seen = Seen { rows: first.actions.clone(), whole: first.next.is_none() };
    let Ok(query) = search::search(&asked.q, app.clock().now()) else { return seen };
    let mut next = first.next;
    while let Some(before) = next.filter(|_| seen.rows.len() < MOST_COUNTED) {
        let query = countersign_index::Query { before: Some(before), limit: 500, ..query.clone() };
        let Ok(page) = app.gate().list(&viewer.caller, query).await else { return seen };
        seen.rows.extend(page.actions);
        next = page.next;
        seen.whole = next.is_none();
    }
    seen
}

fn page(viewer: &Viewer, asked: &Asked, rows: Result<(&Rows, &Seen), &str>) -> Response {
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
            Ok((rows, seen)) => {
                (overview(&seen.rows, seen.whole, &|terms| link(&narrower(&asked.q, terms))))
                (table(&asked.q, rows))
                @if !rows.actions.is_empty() { (exports(&asked.q)) }
            }
        }
        form.inline method="get" action="/resolve" {
            label { "Find any id: action, request, trace, session, review, downstream request"
                input name="id" maxlength="256" required spellcheck="false"; }
            button.quiet { "Go to it" }
        }
    };
    Page { title: "Actions", place: "/actions", viewer: Some(viewer), content }.into_response()
}

/// The explorer with this question.
pub(super) fn link(q: &str) -> String {
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
    html! { a.quiet href=(link(&narrower(q, &[(key, value)]))) title={ "Only this " (key) } { (text(value)) } }
}

/// Everything that matches, as a file.
fn exports(q: &str) -> Markup {
    let place =
        |format: &str| format!("/actions/export?q={}&format={format}", utf8_percent_encode(q, NON_ALPHANUMERIC));
    html! {
        p { "All that matches, times in UTC: "
            a href=(place("csv")) download { "CSV" } ", " a href=(place("jsonl")) download { "JSON Lines" } "." }
    }
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
