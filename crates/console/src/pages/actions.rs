//! The explorer: what happened, found by one search box. All of its state stands in the URL.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_gate::{GateError, SavedView};
use countersign_http::{App, Params};
use countersign_index::search::{self, Term};
use countersign_wire::{Page as Rows, SummaryView};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::layout::{Page, refused};
use crate::parts::columns::Column;
use crate::parts::overview::{narrower, overview};
use crate::parts::text::{plain, text};
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer, see_other};

/// Matches that histogram and facets count, at most.
const MOST_COUNTED: usize = 2_000;
/// Milliseconds between two looks while the page follows: it is drawn whole each time.
const FOLLOW_EVERY_MS: u32 = 1_000;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    before: Option<u64>,
    /// Names of columns, with commas between them.
    cols: Option<String>,
    /// `1`: what happens meanwhile comes in by itself.
    follow: Option<String>,
}

impl Asked {
    /// The query string of this page with another question; what it shows stays.
    fn place(&self, q: &str) -> String {
        let mut place = format!("q={}", utf8_percent_encode(q, NON_ALPHANUMERIC));
        if let Some(cols) = self.cols.as_deref().filter(|cols| !cols.is_empty()) {
            place.push_str(&format!("&cols={}", utf8_percent_encode(cols, NON_ALPHANUMERIC)));
        }
        if self.follows() {
            place.push_str("&follow=1");
        }
        place
    }

    fn link(&self, q: &str) -> String {
        format!("/actions?{}", self.place(q))
    }

    fn follows(&self) -> bool {
        self.follow.as_deref() == Some("1") && self.before.is_none()
    }
}

/// Actions that match.
pub(crate) async fn actions(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(asked)): InUrl<Params<Asked>>,
) -> Response {
    let after = app.gate().durable().saturating_sub(1);
    let views = app.gate().views(&viewer.caller).unwrap_or_default();
    let shown = Shown { viewer: &viewer, asked: &asked, views: &views, after };
    match rows(&app, &viewer, &asked).await {
        Ok(rows) => {
            let seen = seen(&app, &viewer, &asked, &rows).await;
            shown.page(Ok((&rows, &seen)))
        }
        Err(GateError::Invalid(why)) => shown.page(Err(&why)),
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

/// What one page shows.
struct Shown<'a> {
    viewer: &'a Viewer,
    asked: &'a Asked,
    views: &'a [SavedView],
    /// The record behind which the page was drawn.
    after: u64,
}

impl Shown<'_> {
    fn page(&self, rows: Result<(&Rows, &Seen), &str>) -> Response {
        let asked = self.asked;
        let content = html! {
            h1 { "Actions" }
            form.search method="get" action="/actions" role="search" {
                label { span.hidden { "Search" }
                    input type="search" name="q" value=(asked.q) maxlength="2048" autocomplete="off"
                        placeholder="agent:billing -decision:allow tool:stripe/* since:7d \"text\""; }
                (self.kept_in_form())
                button { "Search" }
            }
            (self.chips())
            @if self.viewer.caller.person.is_some() { (super::views::bar(self.viewer, self.views, &asked.place(&asked.q))) }
            @match rows {
                Err(why) => p.notice role="alert" { (text(why)) },
                Ok((rows, seen)) => {
                    (self.controls())
                    div data-live=[asked.follows().then_some("action. review. execution.")] data-after=(self.after)
                        data-every=(FOLLOW_EVERY_MS) {
                        (overview(&seen.rows, seen.whole, &|terms| asked.link(&narrower(&asked.q, terms))))
                        (self.table(rows))
                    }
                    @if !rows.actions.is_empty() { (exports(&asked.q)) }
                }
            }
            form.inline method="get" action="/resolve" {
                label { "Find any id: action, request, trace, session, review, downstream request"
                    input name="id" maxlength="256" required spellcheck="false"; }
                button.quiet { "Go to it" }
            }
        };
        Page { title: "Actions", place: "/actions", viewer: Some(self.viewer), content }.into_response()
    }

    /// What a new question keeps of this page.
    fn kept_in_form(&self) -> Markup {
        html! {
            @if let Some(cols) = &self.asked.cols { input type="hidden" name="cols" value=(cols); }
            @if self.asked.follows() { input type="hidden" name="follow" value="1"; }
        }
    }

    /// Live or not, and which columns.
    fn controls(&self) -> Markup {
        let columns = Column::read(self.asked.cols.as_deref());
        let still = Asked { follow: None, ..self.asked.clone() };
        let live = Asked { follow: Some("1".to_owned()), before: None, ..self.asked.clone() };
        html! {
            div.badges {
                @if self.asked.follows() {
                    button type="button" data-pause aria-pressed="false" hidden { "Pause" }
                    a href=(still.link(&self.asked.q)) { "Stop following" }
                } @else {
                    a href=(live.link(&self.asked.q)) data-key="f" { "Follow live" }
                }
                details.columns {
                    summary { "Columns" }
                    form method="get" action="/actions" data-columns {
                        input type="hidden" name="q" value=(self.asked.q);
                        @if self.asked.follows() { input type="hidden" name="follow" value="1"; }
                        label { "Any of " (Column::ALL.map(Column::name).join(", "))
                            input name="cols" spellcheck="false" autocomplete="off" maxlength="200"
                                value=(columns.iter().map(|one| one.name()).collect::<Vec<_>>().join(",")); }
                        button { "Show these" }
                    }
                }
            }
        }
    }

    /// The terms of the question, each of which can be taken away.
    fn chips(&self) -> Markup {
        let terms: Vec<Term> = search::terms(&self.asked.q).unwrap_or_default();
        let without = |left_out: usize| {
            let kept = terms.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, term)| term.written());
            kept.collect::<Vec<_>>().join(" ")
        };
        html! {
            @if !terms.is_empty() {
                p.counts {
                    @for (at, term) in terms.iter().enumerate() {
                        a.badge.plain href=(self.asked.link(&without(at))) aria-label={ "Without " (plain(&term.written())) } {
                            (text(&term.written())) " ×" } " "
                    }
                }
            }
        }
    }

    /// A value that narrows the question when it is clicked, or is left out by the minus beside it.
    fn narrowing(&self, key: &str, value: &str) -> Markup {
        let asked = self.asked;
        let left_out = search::term(key, value).left_out();
        html! {
            a.quiet href=(asked.link(&narrower(&asked.q, &[(key, value)]))) title={ "Only this " (key) } { (text(value)) }
            a.minus href=(asked.link(format!("{} {}", asked.q, left_out.written()).trim()))
                aria-label={ "Leave out " (key) " " (plain(value)) } title={ "Leave out this " (key) } { "−" }
        }
    }

    fn table(&self, rows: &Rows) -> Markup {
        let columns = Column::read(self.asked.cols.as_deref());
        html! {
            @if rows.actions.is_empty() {
                div.empty {
                    p { strong { "No action matches." } }
                    (searched(rows))
                }
            } @else {
                div.scroll {
                    table.rows {
                        thead { tr {
                            th scope="col" { "When" }
                            @for column in &columns { th scope="col" { (column.heading()) } }
                        } }
                        tbody {
                            @for row in &rows.actions {
                                tr {
                                    td { a.row href={ "/actions/" (row.action) } { (time(row.time)) } }
                                    @for column in &columns {
                                        td { (column.cell(row, &|key, value| self.narrowing(key, value))) }
                                    }
                                }
                            }
                        }
                    }
                }
                p.quiet {
                    (rows.actions.len()) " shown."
                    @if let Some(next) = rows.next {
                        " " a href={ (self.asked.link(&self.asked.q)) "&before=" (next) } { "Older ones" }
                    }
                }
                (searched(rows))
            }
        }
    }
}

/// The window that was searched: how far back anything can be found, and how far on it is indexed.
fn searched(rows: &Rows) -> Markup {
    html! {
        p.quiet {
            "Searched every record below position " (rows.as_of)
            @if let Some(oldest) = rows.oldest { ", back to " (time(oldest)) ": nothing older is kept here" }
            @if rows.behind > 0 { "; " (rows.behind) " records are not indexed yet" } "."
        }
    }
}

/// The explorer with this question.
pub(super) fn link(q: &str) -> String {
    Asked::default().link(q)
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
