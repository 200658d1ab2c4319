//! Identical reviews, approved together: each is shown, each is answered and recorded by itself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use countersign_evidence::json::{self, Object, Value};
use countersign_evidence::record::Verdict;
use countersign_evidence::visible::is_long;
use countersign_gate::{GateError, HIGH_RISK};
use countersign_http::{App, Id};
use countersign_wire::{DecideRequest, Presentation, difference};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::assets;
use crate::layout::{Page, refused, shown};
use crate::parts::form::csrf;
use crate::parts::json::changes;
use crate::parts::presentation::document;
use crate::parts::text::text;
use crate::viewer::{InUrl, Posted, Viewer, see_other};

/// Approved together at most.
const MOST: usize = 20;

/// The other reviews that are identical to this one.
pub(super) fn like(app: &App, viewer: &Viewer, presentation: &Presentation) -> Result<Vec<Uuid>, GateError> {
    let first = &presentation.review;
    let all = app.gate().reviews(&viewer.caller)?;
    let same = all.into_iter().filter(|one| one.fingerprint == first.fingerprint && one.action != first.action);
    Ok(same.map(|one| one.action).take(MOST - 1).collect())
}

/// Whether reviews like this one are approved together at all: what asks for a signature, or for the value to be typed, is
/// answered one by one.
pub(super) fn may_be_together(presentation: &Presentation) -> bool {
    let review = &presentation.review;
    let signed = review.requirements.iter().any(|one| one.signature.is_some());
    !signed && review.risk < HIGH_RISK && !is_long(&presentation.payload)
}

/// All of them on one page: the first whole, of each other one what differs.
pub(crate) async fn identical(State(app): State<App>, viewer: Viewer, InUrl(Id(action)): InUrl<Id>) -> Response {
    match look(&app, &viewer, action).await {
        Ok(shown_all) => page(&viewer, &shown_all, None, StatusCode::OK),
        Err(GateError::NotFound("review")) => see_other(&format!("/actions/{action}")),
        Err(error) => refused(error),
    }
}

async fn look(app: &App, viewer: &Viewer, action: Uuid) -> Result<Vec<Presentation>, GateError> {
    let first = app.gate().present(&viewer.caller, action).await?;
    let mut all = Vec::new();
    for other in like(app, viewer, &first)? {
        match app.gate().present(&viewer.caller, other).await {
            Ok(presentation) => all.push(presentation),
            // It was decided meanwhile.
            Err(GateError::NotFound("review")) => {}
            Err(error) => return Err(error),
        }
    }
    all.insert(0, first);
    Ok(all)
}

fn page(viewer: &Viewer, all: &[Presentation], problem: Option<&str>, status: StatusCode) -> Response {
    let Some((first, others)) = all.split_first() else { return see_other("/reviews") };
    let content = html! {
        article.review data-review=(first.review.action) {
            @if let Some(problem) = problem { p.notice role="alert" { (text(problem)) } }
            (document(first, false))
            section {
                h2 { (others.len()) " more that are identical: agent, tool, resource and payload" }
                @for other in others { (beside(first, other)) }
            }
            @if viewer.csrf.is_some() && may_be_together(first) { (form(viewer, all)) }
            @else { p.notice { "These are answered one by one: the risk is high, a signature is asked for, or the payload is long." } }
        }
    };
    let page = Page { title: "Identical reviews", place: "/reviews", viewer: Some(viewer), content };
    shown(status, &page)
}

/// What a reviewer has not yet read of this one after the first.
fn beside(first: &Presentation, other: &Presentation) -> Markup {
    html! {
        h3 { a href={ "/reviews/" (other.review.action) } { (other.review.action) } }
        (changes(&difference(&read(first), &read(other)), "Nothing differs."))
    }
}

/// The document without what says only which one it is.
fn read(presentation: &Presentation) -> Value {
    let mut plain = presentation.clone();
    plain.presentation_digest = None;
    let value = json::to_value(&plain);
    value.unwrap_or_else(|_| Value::Object(Object::new()))
}

fn form(viewer: &Viewer, all: &[Presentation]) -> Markup {
    let line = |one: &Presentation| {
        let digest = one.presentation_digest.map(|digest| digest.to_string()).unwrap_or_default();
        format!("{} {} {digest}", one.review.action, one.review.payload_digest)
    };
    let lines: Vec<String> = all.iter().map(line).collect();
    let first = all.first().map(|one| one.review.action).unwrap_or_default();
    html! {
        form #approve method="post" action={ "/reviews/" (first) "/identical" } data-answer {
            (csrf(viewer))
            input type="hidden" name="shown" value=(lines.join("\n"));
            input type="hidden" name="active_ms" value="";
            label { "Note (optional)" input name="reason" maxlength="4096"; }
            button.approve data-key="a" { "Approve all " (all.len()) }
        }
        script type="module" src=(assets::REVIEW.path()) {}
    }
}

#[derive(Deserialize)]
pub(crate) struct Together {
    shown: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    active_ms: String,
}

/// Approves them, each by itself. The first comes last: the others are approved together with it while it waits.
pub(crate) async fn approve(
    State(app): State<App>,
    InUrl(Id(first)): InUrl<Id>,
    Posted { viewer, form }: Posted<Together>,
) -> Response {
    match each(&app, &viewer, first, &form).await {
        Ok(()) => see_other("/reviews"),
        Err(error) => {
            let status = StatusCode::from_u16(error.kind().1).unwrap_or(StatusCode::CONFLICT);
            match look(&app, &viewer, first).await {
                Ok(all) => page(&viewer, &all, Some(&error.to_string()), status),
                Err(_) => refused(error),
            }
        }
    }
}

async fn each(app: &App, viewer: &Viewer, first: Uuid, form: &Together) -> Result<(), GateError> {
    let unread = || GateError::Invalid("the form does not say what was shown".to_owned());
    let mut all = Vec::new();
    for line in form.shown.lines() {
        let mut parts = line.split(' ');
        let (Some(action), Some(payload), Some(seen)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unread());
        };
        let action: Uuid = action.parse().map_err(|_| unread())?;
        let request = DecideRequest {
            verdict: Verdict::Approve,
            reason: Some(form.reason.clone()).filter(|reason| !reason.trim().is_empty()),
            payload_digest: payload.parse().map_err(|_| unread())?,
            payload: None,
            presentation_digest: Some(seen.parse().map_err(|_| unread())?),
            active_ms: form.active_ms.parse().ok(),
            expanded_all: Some(true),
            on_behalf_of: None,
            together_with: (action != first).then_some(first),
            signature: None,
        };
        all.push((action, request));
    }
    if all.len() > MOST {
        return Err(GateError::Invalid(format!("at most {MOST} are approved together")));
    }
    for (action, _) in &all {
        match app.gate().review(&viewer.caller, *action).await {
            Ok(presentation) if !may_be_together(&presentation) => {
                return Err(GateError::Invalid("these are answered one by one".to_owned()));
            }
            Ok(_) | Err(GateError::NotFound("review")) => {}
            Err(error) => return Err(error),
        }
    }
    all.sort_by_key(|(action, _)| *action == first);
    for (action, request) in all {
        match app.gate().decide(&viewer.caller, action, request).await {
            // Somebody else was quicker with this one.
            Ok(_) | Err(GateError::NotFound("review")) if action != first => {}
            other => drop(other?),
        }
    }
    Ok(())
}
