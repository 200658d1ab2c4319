//! One action: the four questions as four panels, and the records behind them.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::json::Value;
use countersign_evidence::record::Role;
use countersign_gate::GateError;
use countersign_http::{App, Id};
use countersign_index::search;
use countersign_wire::{Answer, LogView, RecordView, RuntimeContext, State as Stands, Story};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::actions;
use crate::assets;
use crate::layout::{Page, refused};
use crate::parts::badge;
use crate::parts::context;
use crate::parts::json::json;
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer};

/// What each panel is called, in the order of the story's answers.
const PANELS: [&str; 4] = ["Intended", "Policy", "Reviewed", "Executed"];

/// The action.
pub(crate) async fn action(State(app): State<App>, viewer: Viewer, InUrl(Id(action)): InUrl<Id>) -> Response {
    let after = app.gate().durable().saturating_sub(1);
    match told(&app, &viewer, action).await {
        Ok((story, log, context)) => page(&viewer, &story, &log, context.as_ref(), after),
        Err(error) => refused(error),
    }
}

async fn told(app: &App, viewer: &Viewer, action: Uuid) -> Result<(Story, LogView, Option<RuntimeContext>), GateError> {
    let (gate, caller) = (app.gate(), &viewer.caller);
    // The page stands without what was reported.
    let context = gate.context(caller, action).await.ok();
    Ok((gate.story(caller, action).await?, gate.log_view(caller).await?, context))
}

fn page(viewer: &Viewer, story: &Story, log: &LogView, reported: Option<&RuntimeContext>, after: u64) -> Response {
    let row = &story.summary;
    let content = html! {
        div data-live-notice=(story.action) data-after=(after) hidden {
            p.notice role="status" { "More has happened to this action since. " a href="" { "Show it" } }
        }
        div.head {
            h1 { (text(&row.tool)) }
            p.badges { (badge::state(&story.badge)) " " (badge::state(row.state.as_str())) " " (badge::risk(row.risk)) }
        }
        p { "by " (text(&row.agent)) " in " (text(&row.environment)) ", " (time(row.time)) }
        @if viewer.caller.has(Role::Reviewer) {
            p { a href={ "/reviews/next?after=" (story.action) } data-key="n" { "Next review for you" } }
        }
        @if story.state == Stands::Waiting {
            p { a.button href={ "/reviews/" (story.action) } { "It waits for a review: look and decide" } }
        }
        div.panels {
            @for (name, answer) in PANELS.iter().zip(&story.answers) { (panel(name, answer)) }
        }
        (super::settle::form(viewer, story))
        (links(story))
        (context::section(reported))
        (records(story, log))
        script type="module" src=(assets::CHECK.path()) {}
    };
    let title = format!("{} · {}", row.tool, story.badge);
    Page { title: &title, place: "/actions", viewer: Some(viewer), content }.into_response()
}

fn panel(name: &str, answer: &Answer) -> Markup {
    html! {
        section.card {
            h2 { (name) }
            p.quiet { (answer.question) }
            p { (text(&answer.sentence)) }
            details { summary { "The facts" } (json(&answer.facts, &answer.question)) }
        }
    }
}

fn links(story: &Story) -> Markup {
    let correlation = story.answers.first().and_then(|answer| answer.facts.get("proposed")?.get("correlation"));
    let named = |name: &str| correlation.and_then(|ids| ids.get(name)).and_then(Value::as_str);
    let link = |key: &str, value: &str| actions::link(&search::term(key, value).written());
    let whole = |key: &str, id: &str| format!("/session?{key}={}", utf8_percent_encode(id, NON_ALPHANUMERIC));
    html! {
        p {
            "Related: "
            a href=(link("agent", &story.summary.agent)) { "this agent" } ", "
            a href=(link("tool", &story.summary.tool)) { "this tool" }
            @if let Some(session) = named("session_id") { ", " a href=(whole("session", session)) { "this session" } }
            @if let Some(trace) = named("trace_id") { ", " a href=(whole("trace", trace)) { "this trace" } }
            @for rule in &story.summary.rules { ", " a href=(link("rule", rule)) { "rule " (text(rule)) } }
            "."
        }
    }
}

fn records(story: &Story, log: &LogView) -> Markup {
    html! {
        section {
            h2 { "Records" }
            p {
                button type="button" data-verify=(log.vkey) { "Verify in this browser" } " "
                span role="status" data-verify-all { "NOT CHECKED yet" }
            }
            p.quiet { "Offline: " code { "countersign action story ID --json > story.json; countersign verify story.json --trust trust" } }
            ol.timeline { @for record in &story.records { (record_of(record)) } }
        }
    }
}

fn record_of(record: &RecordView) -> Markup {
    html! {
        li data-envelope data-position=(record.position) {
            strong { (record.kind) } " " (time(record.time)) " · position " (record.position) " · "
            a href={ "/v1/records/" (record.position) "/proof" } download={ "record-" (record.position) ".tlog-proof" } {
                "proof" } " "
            span.badge.plain data-verdict { "not checked" }
            details { summary { "Envelope" } pre.json tabindex="0" { (record.envelope) } }
        }
    }
}
