//! The actions of one agent session or trace as one story, in the order in which they happened.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_gate::GateError;
use countersign_http::{App, Params};
use countersign_index::{Query, search};
use countersign_wire::{Page as Rows, State as Stands, Story};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::actions;
use crate::layout::{Page, refused};
use crate::parts::badge;
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer};

/// Actions whose story is told on one page.
const MOST: usize = 25;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    session: Option<String>,
    trace: Option<String>,
    before: Option<u64>,
}

impl Wanted {
    fn term(&self) -> Option<search::Term> {
        match (&self.session, &self.trace) {
            (Some(id), None) => Some(search::term("session", id)),
            (None, Some(id)) => Some(search::term("trace", id)),
            _ => None,
        }
    }
}

/// The session.
pub(crate) async fn session(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(wanted)): InUrl<Params<Wanted>>,
) -> Response {
    match told(&app, &viewer, &wanted).await {
        Ok((rows, stories)) => page(&viewer, &wanted, &rows, &stories),
        Err(error) => refused(error),
    }
}

async fn told(app: &App, viewer: &Viewer, wanted: &Wanted) -> Result<(Rows, Vec<Story>), GateError> {
    if wanted.term().is_none() {
        return Err(GateError::Invalid("name a session or a trace: ?session=… or ?trace=…".to_owned()));
    }
    let (session, trace, before) = (wanted.session.clone(), wanted.trace.clone(), wanted.before);
    let query = Query { session, trace, before, limit: MOST, ..Query::default() };
    let rows = app.gate().list(&viewer.caller, query).await?;
    if rows.actions.is_empty() {
        return Err(GateError::NotFound("session or trace"));
    }
    let mut stories = Vec::new();
    for row in rows.actions.iter().rev() {
        match app.gate().story(&viewer.caller, row.action).await {
            Ok(story) => stories.push(story),
            Err(GateError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((rows, stories))
}

fn page(viewer: &Viewer, wanted: &Wanted, rows: &Rows, stories: &[Story]) -> Response {
    let term = wanted.term().map(|term| term.written()).unwrap_or_default();
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let older = |before: u64| match (&wanted.session, &wanted.trace) {
        (Some(id), _) => format!("/session?session={}&before={before}", encoded(id)),
        (_, id) => format!("/session?trace={}&before={before}", encoded(id.as_deref().unwrap_or_default())),
    };
    let executed =
        stories.iter().filter(|story| matches!(story.state, Stands::Succeeded | Stands::Failed | Stands::Unknown));
    let stopped = stories.iter().filter(|story| matches!(story.state, Stands::Denied | Stands::Closed));
    let content = html! {
        h1 { (text(&term)) }
        p {
            (stories.len()) " actions, " (executed.count()) " executed, " (stopped.count()) " stopped. "
            a href=(actions::link(&term)) { "Search them" }
        }
        @if let Some(before) = rows.next { p { a href=(older(before)) { "What happened before" } } }
        ol.timeline { @for story in stories { (step(story)) } }
    };
    Page { title: &term, place: "/actions", viewer: Some(viewer), content }.into_response()
}

fn step(story: &Story) -> Markup {
    let row = &story.summary;
    html! {
        li {
            p.badges {
                a href={ "/actions/" (story.action) } { (text(&row.tool)) } " " (time(row.time)) " "
                (badge::state(row.state.as_str())) " " (badge::state(&story.badge)) " " (badge::risk(row.risk))
            }
            @for answer in &story.answers { p.quiet { (text(&answer.sentence)) } }
        }
    }
}
