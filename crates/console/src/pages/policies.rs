//! The policy in force, and those before it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_gate::GateError;
use countersign_http::{App, Params, Segment};
use countersign_index::{MOST_LOOKED_THROUGH, search};
use countersign_wire::{PolicyView, ToolView};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions;
use crate::layout::{Page, refused};
use crate::parts::badge::badge;
use crate::parts::text::{lines, text};
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer};

/// All versions.
pub(crate) async fn policies(State(app): State<App>, viewer: Viewer) -> Response {
    let versions = match app.gate().policies(&viewer.caller).await {
        Ok(versions) => versions,
        Err(error) => return refused(error),
    };
    let tools = app.gate().tools(&viewer.caller).await.unwrap_or_default();
    let content = html! {
        h1 { "Policies" }
        p { a href="/policies/try" { "Try a request" } ": what the policy in force would decide." }
        @if versions.is_empty() {
            div.empty {
                p { strong { "No policy is in force: everything is denied." } }
                p { "Activate one with " code { "countersign policy activate FOLDER" } "." }
            }
        }
        ul.plain {
            @for (at, one) in versions.iter().enumerate() {
                li.card {
                    a href={ "/policies/" (one.version) } { code { (text(&one.version)) } } " "
                    @if one.active { (badge("in force", "good")) }
                    " since " (time(one.activated_at)) ", "
                    a href={ "/policies/" (one.version) "/tests" } { (one.tests_passed) " tests passed" } ", "
                    "record at position " (one.position)
                    @if let Some(by) = &one.activated_by { ", activated by " (text(by)) }
                    @if let Some(before) = versions.get(at + 1) {
                        " · " a href={ "/policies/" (one.version) "?beside=" (before.version) } { "what changed" }
                    }
                }
            }
        }
        (uncovered(&tools))
    };
    Page { title: "Policies", place: "/policies", viewer: Some(&viewer), content }.into_response()
}

/// Tools that agents call and no rule decides about.
fn uncovered(tools: &[ToolView]) -> Markup {
    let found: Vec<&ToolView> = tools.iter().filter(|one| one.uncovered > 0).collect();
    let link = |tool: &str| format!("{} decision:deny", search::term("tool", tool).written());
    html! {
        section {
            h2 { "Tools that no rule covers" }
            p.quiet { "Among the newest " (MOST_LOOKED_THROUGH) " actions: nothing permits them and nothing forbids them, so they are denied." }
            @if found.is_empty() { p { "None: every call of the " (tools.len()) " tools seen was decided by a rule." } } @else {
                table.changes {
                    thead { tr { th scope="col" { "Tool" } th scope="col" { "Denied without a rule" } th scope="col" { "Of" } th scope="col" { "Last" } } }
                    tbody { @for one in found { tr {
                        td { a href=(actions::link(&link(&one.tool))) { (text(&one.tool)) } }
                        td { (one.uncovered) } td { (one.actions) " actions" } td { (time(one.last)) }
                    } } }
                }
            }
        }
    }
}

/// The tests of one version, run now.
pub(crate) async fn tests(State(app): State<App>, viewer: Viewer, InUrl(Segment(version)): InUrl<Segment>) -> Response {
    let tests = match app.gate().policy_tests(&viewer.caller, &version).await {
        Ok(tests) => tests,
        Err(error) => return refused(error),
    };
    let failed = tests.iter().filter(|test| !test.passed).count();
    let content = html! {
        h1 { "Tests of policy " code { (text(&version)) } }
        p { @match (tests.len(), failed) {
            (0, _) => { "It has none: add " code { "tests/*.yaml" } " to its folder." }
            (all, 0) => { "All " (all) " pass, run just now." }
            (all, _) => { strong { (failed) " of " (all) " fail" } ", run just now." }
        } }
        ul.plain { @for test in &tests { li {
            @if test.passed { (badge("pass", "good")) } @else { (badge("FAIL", "bad")) }
            " " (text(&test.name)) " " span.quiet { (text(&test.file)) }
            @for difference in &test.differences { p.notice { (text(difference)) } }
        } } }
        p { a href={ "/policies/" (version) } { "Its text" } }
    };
    Page { title: "Policy tests", place: "/policies", viewer: Some(&viewer), content }.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beside {
    beside: Option<String>,
}

/// One version: its text, or how it differs from another.
pub(crate) async fn policy(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Segment(version)): InUrl<Segment>,
    InUrl(Params(asked)): InUrl<Params<Beside>>,
) -> Response {
    match told(&app, &viewer, &version, asked.beside.as_deref()).await {
        Ok((policy, beside)) => page(&viewer, &policy, beside.as_ref()),
        Err(error) => refused(error),
    }
}

async fn told(
    app: &App,
    viewer: &Viewer,
    version: &str,
    beside: Option<&str>,
) -> Result<(PolicyView, Option<PolicyView>), GateError> {
    let policy = app.gate().policy(&viewer.caller, version).await?;
    Ok((
        policy,
        match beside {
            Some(beside) => Some(app.gate().policy(&viewer.caller, beside).await?),
            None => None,
        },
    ))
}

fn page(viewer: &Viewer, policy: &PolicyView, beside: Option<&PolicyView>) -> Response {
    let title = format!("Policy {}", policy.version);
    let content = html! {
        h1 { "Policy " code { (text(&policy.version)) } @if policy.active { " " (badge("in force", "good")) } }
        p { "Since " (time(policy.activated_at)) ". Digest " code { (policy.digest.to_string()) } "." }
        @match beside {
            Some(before) => { p { "Beside " code { (text(&before.version)) } ":" } (difference(policy, before)) }
            None => (files(policy)),
        }
        p { a href="/policies" { "All versions" } }
    };
    Page { title: &title, place: "/policies", viewer: Some(viewer), content }.into_response()
}

fn files(policy: &PolicyView) -> Markup {
    html! {
        @for (name, content) in policy.files.iter().flatten() {
            section { h2 { code { (text(name)) } } pre tabindex="0" { (lines(content)) } }
        }
    }
}

/// Files line by line; lines that both have are left out but for three around a change.
fn difference(policy: &PolicyView, before: &PolicyView) -> Markup {
    let (new, old) = (policy.files.clone().unwrap_or_default(), before.files.clone().unwrap_or_default());
    let names: std::collections::BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let text_of = |files: &std::collections::BTreeMap<String, String>, name: &String| {
        files.get(name).cloned().unwrap_or_default()
    };
    html! {
        @for name in names {
            @let (was, is) = (text_of(&old, name), text_of(&new, name));
            @if was != is {
                section {
                    h2 { code { (text(name)) } }
                    pre tabindex="0" {
                        @let diff = similar::TextDiff::from_lines(&was, &is);
                        @for group in diff.grouped_ops(3) {
                            @for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                                @match change.tag() {
                                    similar::ChangeTag::Delete => del { "- " (lines(change.value())) },
                                    similar::ChangeTag::Insert => ins { "+ " (lines(change.value())) },
                                    similar::ChangeTag::Equal => span { "  " (lines(change.value())) },
                                }
                            }
                        }
                    }
                }
            }
        }
        @if new == old { p.quiet { "Both have the same text." } }
    }
}
