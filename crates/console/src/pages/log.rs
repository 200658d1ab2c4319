//! The evidence log: how far it is, and what that means.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::time::Timestamp;
use countersign_http::App;
use maud::{Markup, html};

use crate::console::Console;
use crate::layout::{Page, refused};
use crate::parts::badge::badge;
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::Viewer;

/// The log.
pub(crate) async fn log(State(app): State<App>, Extension(console): Extension<Console>, viewer: Viewer) -> Response {
    let log = match app.gate().log_view(&viewer.caller).await {
        Ok(log) => log,
        Err(error) => return refused(error),
    };
    // A few hundred bytes on this machine.
    let check = console.last_check().and_then(|file| LastCheck::read(&std::fs::read(file).ok()?));
    let content = html! {
        h1 { "Evidence log" }
        dl.facts {
            div { dt { "Origin" } dd { code { (text(&log.origin)) } } }
            div { dt { "Sequenced" } dd { strong { (log.sequenced) } " records: durable, their places known" } }
            div { dt { "Published" } dd { strong { (log.published) } " records: in a signed checkpoint" } }
            div { dt { "Witnessed" } dd { "No witness is configured: nobody else vouches for this log yet." } }
            div { dt { "Indexed" } dd { strong { (log.indexed) } " records can be searched" } }
            div { dt { "The log's key" } dd { code { (text(&log.vkey)) } } }
            div { dt { "Files last checked" } dd { (last_check(check.as_ref(), log.published)) } }
        }
        p { a href="/log/checkpoint" { "The signed checkpoint" } " · "
            "Verify all of it offline: " code { "countersign verify DATA/published --trust TRUST" } }
        p.quiet { "Check the stored files now: " code { "countersign log fsck DATA/published --growing" } }
    };
    Page { title: "Log", place: "/log", viewer: Some(&viewer), content }.into_response()
}

/// What the last `log fsck` of this folder found.
struct LastCheck {
    at: Timestamp,
    records: Option<u64>,
    /// Question and verdict.
    verdicts: Vec<(String, String)>,
}

impl LastCheck {
    fn read(text: &[u8]) -> Option<Self> {
        let value = json::parse(text, Limits::default()).ok()?;
        let member = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let verdict = |one: &Value| Some((member(one, "question")?, member(one, "verdict")?));
        let report = value.get("report")?;
        Some(LastCheck {
            at: member(&value, "at")?.parse().ok()?,
            records: report.get("log").and_then(|log| log.get("size")?.to_canonical().parse().ok()),
            verdicts: report.get("verdicts")?.as_array()?.iter().filter_map(verdict).collect(),
        })
    }
}

fn last_check(check: Option<&LastCheck>, published: u64) -> Markup {
    html! {
        @match check {
            None => { "Never, or not on this machine." }
            Some(check) => {
                (time(check.at))
                @if let Some(records) = check.records {
                    ", of " (records) " records" @if records < published { "; " (published - records) " came after it" }
                }
                ": "
                @for (question, verdict) in &check.verdicts {
                    (text(question)) " " (badge(verdict, match verdict.as_str() { "PASS" => "good", "FAIL" => "bad", _ => "plain" })) " "
                }
            }
        }
    }
}
