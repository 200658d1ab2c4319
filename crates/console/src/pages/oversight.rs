//! How oversight goes: numbers from the records, each plot with its table.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_http::{App, Params, Span};
use countersign_wire::OversightView;
use maud::{Markup, html};

use crate::layout::{Page, failed, refused};
use crate::parts::plot::{days, duration, heat, intervals, of, percent, scatter, steps};
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{InUrl, Viewer};

const SPANS: [(&str, &str); 4] = [("24h", "a day"), ("7d", "a week"), ("30d", "30 days"), ("90d", "90 days")];
const USUAL: &str = "30d";

/// The page.
pub(crate) async fn oversight(
    State(app): State<App>,
    viewer: Viewer,
    InUrl(Params(span)): InUrl<Params<Span>>,
) -> Response {
    let (since, until) = match span.times(app.clock().now()) {
        Ok(times) => times,
        Err(failure) => return failed(&failure),
    };
    let view = match app.gate().oversight(&viewer.caller, since, until).await {
        Ok(view) => view,
        Err(error) => return refused(error),
    };
    let asked = span.since.as_deref().unwrap_or(USUAL);
    let content = html! {
        h1 { "Oversight" }
        nav.badges aria-label="Reviews of the last" {
            "The last: "
            @for (value, name) in SPANS {
                a href={ "/oversight?since=" (value) } aria-current=[(value == asked && span.until.is_none()).then_some("true")] { (name) }
            }
        }
        p.quiet {
            "Reviews that people were asked in from " (time(view.since)) " to " (time(view.until)) ": "
            strong { (view.ends.reviews) } @if !view.whole { ", the newest of them" } ". Computed from the records."
        }
        @if view.ends.reviews == 0 {
            div.empty {
                p { strong { "Nobody was asked." } }
                p { "As soon as a policy asks people, this page tells how long they take, how much they carry and what they approve." }
            }
        } @else { (sections(&view)) }
    };
    Page { title: "Oversight", place: "/oversight", viewer: Some(&viewer), content }.into_response()
}

fn sections(view: &OversightView) -> Markup {
    let (ends, attention, repeats) = (&view.ends, &view.attention, &view.repeats);
    html! {
        dl.facts {
            div { dt { "Approved" } dd { (of(ends.approved, ends.reviews)) @if ends.edited > 0 { ", " (ends.edited) " of them edited" } } }
            @if ends.in_advance > 0 { div { dt { "Approved in advance" } dd { (of(ends.in_advance, ends.reviews)) ": nobody looked; in no time and no rate below" } } }
            div { dt { "Denied" } dd { (of(ends.denied, ends.reviews)) } }
            div { dt { "Expired" } dd { (of(ends.expired, ends.reviews)) ": nobody decided in time, which denies" } }
            @if ends.cancelled > 0 { div { dt { "Given up" } dd { (of(ends.cancelled, ends.reviews)) ": by the agent's side, before anybody decided" } } }
            div { dt { "Waiting" } dd { a href="/reviews" { (ends.waiting) } @if ends.escalated > 0 { "; " (ends.escalated) " were passed on to other groups" } } }
        }
        section {
            h2 { "Day by day" }
            (days("Reviews by day and how they ended", &view.days))
        }
        section {
            h2 { "How long it takes" }
            p {
                "Half are seen within " strong { (known(view.waiting.median_ms)) } " and decided within "
                strong { (known(view.deciding.median_ms)) } ". What waits, expired or was given up counts for as long as it lasted "
                "(Kaplan–Meier): leaving it out would make people look faster than they are."
            }
            (steps("For which part of the reviews it has happened by when", &[
                ("first seen", "accent", &view.waiting), ("decided", "good", &view.deciding),
            ]))
        }
        section {
            h2 { "Approved, by rule" }
            p.quiet { "The line is the 95% interval (Wilson); grey where fewer than 20 were decided. Good for looking, too narrow to let anything go without people." }
            (intervals("Part of the decided reviews that was approved, by rule", &view.rules))
        }
        section {
            h2 { "Who carries it" }
            @if view.reviewers.is_empty() { p { "Nobody has looked or answered yet." } } @else {
                @if let Some(share) = view.largest_share { p { "One person gave " strong { (percent(share)) } " of all answers here." } }
                (heat("Answers by person and hour of the day, UTC", &view.reviewers))
            }
        }
        section {
            h2 { "Did they read it" }
            p {
                strong { (of(attention.fast, attention.measured)) } " approvals in the console were faster than one can read: less than "
                (duration(attention.least_ms)) ", or more than " (attention.characters_per_s) " characters a second. "
                (attention.not_expanded) " left something folded."
            }
            @if attention.measured > 0 { (scatter("Time looked beside characters to read", attention)) }
        }
        section {
            h2 { "Asked again after a denial" }
            p {
                strong { (of(repeats.repeated, repeats.denied)) } " denied reviews came again with the same payload within a day; "
                (repeats.overturned) " were approved within a week."
            }
            @if !repeats.most.is_empty() {
                table.changes {
                    thead { tr { th scope="col" { "Tool" } th scope="col" { "Agent" } th scope="col" { "Came again" } } }
                    tbody { @for one in &repeats.most { tr { td { (text(&one.tool)) } td { (text(&one.agent)) } td { (one.repeated) } } } }
                }
            }
        }
    }
}

fn known(ms: Option<u64>) -> String {
    ms.map_or_else(|| "a time not known yet".to_owned(), duration)
}
