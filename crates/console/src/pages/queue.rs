//! What waits for people.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::time::Timestamp;
use countersign_http::App;
use countersign_wire::PendingReview;
use maud::{Markup, html};

use crate::layout::{Page, refused};
use crate::parts::badge::{badge, risk};
use crate::parts::text::text;
use crate::parts::time::{time, until};
use crate::viewer::Viewer;

/// Reviews, the most pressing first: little time and high risk.
pub(crate) async fn queue(State(app): State<App>, viewer: Viewer) -> Response {
    // Before it is looked: what comes after that is told live.
    let after = app.gate().durable().saturating_sub(1);
    let mut reviews = match app.gate().reviews(&viewer.caller) {
        Ok(reviews) => reviews,
        Err(error) => return refused(error),
    };
    let now = app.clock().now();
    reviews.sort_by_key(|review| (pressing(review, now), review.action));
    let content = html! {
        div data-live="review. action." data-after=(after) { div.head {
            h1 { "Reviews" }
            p.quiet {
                (reviews.len()) " waiting · "
                a href="/reviews/next" data-key="n" { "Next for you" } " · "
                a href="/standing" { "Approved in advance" }
            }
        }
        @if reviews.is_empty() { (nothing()) } @else { (groups(&reviews)) (list(&viewer, &reviews)) } }
    };
    Page { title: "Reviews", place: "/reviews", viewer: Some(&viewer), content }.into_response()
}

/// Microseconds that are left, shorter the riskier it is.
pub(super) fn pressing(review: &PendingReview, now: Timestamp) -> i64 {
    review.expires_at.since(now).max(0) / (1 + i64::from(review.risk) / 10)
}

fn nothing() -> Markup {
    html! {
        div.empty {
            p { strong { "Nothing waits for anybody." } }
            p { "An action waits here when a policy rule with " code { "@review(\"group\")" } " catches it. \
                 Whoever is in that group can then approve it, change it, or deny it." }
        }
    }
}

/// Whether it asks a group of the viewer's.
pub(super) fn for_groups_of(viewer: &Viewer, review: &PendingReview) -> bool {
    let groups = review.requirements.iter().flat_map(|one| &one.groups);
    let own = viewer.caller.person.as_ref();
    own.is_some_and(|person| groups.into_iter().any(|group| person.groups.contains(group)))
}

fn groups(reviews: &[PendingReview]) -> Markup {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in reviews.iter().flat_map(|review| review.requirements.iter().flat_map(|one| &one.groups)) {
        *counts.entry(group).or_default() += 1;
    }
    html! { p.counts { @for (group, count) in counts { span.badge.plain { (text(group)) " " (count) } " " } } }
}

fn list(viewer: &Viewer, reviews: &[PendingReview]) -> Markup {
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for review in reviews {
        *alike.entry(&review.fingerprint).or_default() += 1;
    }
    let own = viewer.caller.person.as_ref();
    html! {
        ol.queue {
            @for review in reviews {
                li {
                    a.card href={ "/reviews/" (review.action) } {
                        span.title { (text(&review.tool)) " " (badge(&review.category, "plain")) " " (risk(review.risk)) }
                        span { "by " (text(&review.agent)) " in " (text(&review.environment)) }
                        @for one in &review.requirements {
                            span.quiet { (text(if one.message.is_empty() { &one.rule } else { &one.message }))
                                " (" (one.approvals.len()) " of " (one.quorum) ")" }
                        }
                        span.quiet { (until(review.expires_at)) ", asked " (time(review.proposed_at)) }
                        @if review.questions > 0 { span { (badge("a question is open", "plain")) } }
                        @if let Some(to) = review.handed_to {
                            span { (badge(if own.is_some_and(|person| person.id == to) { "handed to you" } else { "handed over" }, "plain")) }
                        }
                        @if !for_groups_of(viewer, review) { span.quiet { "Not for a group of yours." } }
                        @if let Some(count @ 2..) = alike.get(review.fingerprint.as_str()) {
                            span { (badge(&format!("{count} identical"), "warn")) }
                        }
                    }
                }
            }
        }
    }
}
