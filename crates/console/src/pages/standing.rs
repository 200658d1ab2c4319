//! What is approved in advance: the list, granting, revoking.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::Role;
use countersign_gate::GateError;
use countersign_http::{App, Id};
use countersign_wire::{StandingRequest, StandingView};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::layout::{Page, refused};
use crate::parts::badge::badge;
use crate::parts::form::csrf;
use crate::parts::text::text;
use crate::parts::time::{time, until};
use crate::viewer::{InUrl, Posted, Viewer, see_other};

const HOUR_S: i64 = 3_600;

/// The list.
pub(crate) async fn standing(State(app): State<App>, viewer: Viewer) -> Response {
    let all = match app.gate().standing(&viewer.caller) {
        Ok(all) => all,
        Err(error) => return refused(error),
    };
    let content = html! {
        h1 { "Approved in advance" }
        p.quiet { "Standing approvals fill their reviewer's seat without a look: of the same agent, tool and environment, so often, until then. \
                   Those that ended within 30 days are listed too." }
        @if all.is_empty() {
            div.empty {
                p { strong { "Nothing is approved in advance." } }
                p { "Where a rule has " code { "@standing(\"24h\")" } ", a review offers it: “Approve the like of it in advance”." }
            }
        }
        ul.plain { @for one in &all { li.card { (card(&viewer, one)) } } }
    };
    Page { title: "Approved in advance", place: "/reviews", viewer: Some(&viewer), content }.into_response()
}

fn card(viewer: &Viewer, one: &StandingView) -> Markup {
    let own = viewer.caller.person.as_ref().is_some_and(|person| person.id.to_string() == one.person);
    let may_end = one.in_force && (own || viewer.caller.has(Role::Operator) || viewer.caller.has(Role::Admin));
    html! {
        p {
            strong { (text(&one.tool)) } " by " (text(&one.agent)) " in " (text(&one.environment)) ", "
            @if one.any_payload { "with any payload" } @else { "with the payload of " a href={ "/actions/" (one.action) } { "this action" } }
        }
        p.badges {
            @match (one.revoked_at, one.in_force) {
                (Some(_), _) => (badge("revoked", "plain")),
                (None, true) => (badge("in force", "warn")),
                (None, false) if one.used >= one.uses => (badge("used up", "plain")),
                (None, false) => (badge("ended", "plain")),
            }
            span { (one.used) " of " (one.uses) " uses" }
            @if one.in_force { (until(one.until)) }
        }
        p { "Fills a seat of " @for (at, rule) in one.rules.iter().enumerate() { @if at > 0 { ", " } code { (text(rule)) } }
            ". Granted by " (text(&one.name)) " at " (time(one.at))
            @if let Some(reason) = &one.reason { ": “" (text(reason)) "”" } }
        @if may_end {
            form method="post" action="/standing/revoke" {
                (csrf(viewer))
                input type="hidden" name="standing" value=(one.standing);
                button { "Revoke" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Revoking {
    standing: Uuid,
}

/// Ends one.
pub(crate) async fn revoke(State(app): State<App>, Posted { viewer, form }: Posted<Revoking>) -> Response {
    match app.gate().revoke_standing(&viewer.caller, form.standing).await {
        Ok(()) => see_other("/standing"),
        Err(error) => refused(error),
    }
}

#[derive(Deserialize)]
pub(crate) struct Granting {
    payload_digest: String,
    uses: String,
    hours: String,
    reason: String,
    #[serde(default)]
    any_payload: String,
}

impl Granting {
    fn request(self, app: &App, action: Uuid) -> Result<StandingRequest, GateError> {
        let number = |name: &str, text: &str| {
            text.trim().parse::<u32>().map_err(|_| GateError::Invalid(format!("{name}: write a whole number")))
        };
        let hours = number("hours", &self.hours)?;
        let digest = self.payload_digest.parse();
        Ok(StandingRequest {
            action,
            payload_digest: digest.map_err(|_| GateError::Invalid("payload_digest does not read".to_owned()))?,
            any_payload: self.any_payload == "1",
            uses: number("uses", &self.uses)?,
            until: app.clock().now().plus_seconds(i64::from(hours) * HOUR_S),
            reason: self.reason,
        })
    }
}

/// Grants one, for the like of an action that waits.
pub(crate) async fn grant(
    State(app): State<App>,
    InUrl(Id(action)): InUrl<Id>,
    Posted { viewer, form }: Posted<Granting>,
) -> Response {
    let granted = match form.request(&app, action) {
        Ok(request) => app.gate().grant_standing(&viewer.caller, request).await,
        Err(error) => Err(error),
    };
    match granted {
        Ok(_) => see_other(&format!("/reviews/{action}")),
        Err(GateError::StepUpRequired(_)) => see_other(&format!("/confirm?next=%2Freviews%2F{action}")),
        Err(error) => refused(error),
    }
}
