//! One review: what is asked, why, and the answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::record::{Role, Verdict};
use countersign_evidence::visible::is_long;
use countersign_gate::{GateError, HIGH_RISK};
use countersign_http::{App, Id};
use countersign_wire::{AssertionView, DecideRequest, Presentation, difference, pointer};
use maud::html;
use serde::Deserialize;
use uuid::Uuid;

use crate::layout::{Page, refused, shown};
use crate::parts::advance;
use crate::parts::answer::{self, Asked, Confirmation};
use crate::parts::form::csrf;
use crate::parts::json::changes;
use crate::parts::presentation::{document, misfits};
use crate::parts::talk;
use crate::parts::text::text;
use crate::viewer::{InUrl, Posted, Viewer, see_other};

/// The review.
pub(crate) async fn review(State(app): State<App>, viewer: Viewer, InUrl(Id(action)): InUrl<Id>) -> Response {
    page(&app, &viewer, action, None, StatusCode::OK).await
}

async fn page(app: &App, viewer: &Viewer, action: Uuid, problem: Option<&str>, status: StatusCode) -> Response {
    let after = app.gate().durable().saturating_sub(1);
    let presentation = match app.gate().present(&viewer.caller, action).await {
        Ok(presentation) => presentation,
        // It was decided meanwhile: the action says how.
        Err(GateError::NotFound("review")) => return see_other(&format!("/actions/{action}")),
        Err(error) => return refused(error),
    };
    let decides = viewer.csrf.is_some() && viewer.caller.has(Role::Reviewer);
    let others = super::talk::others(app, viewer, &presentation);
    let alike = super::identical::like(app, viewer, &presentation).unwrap_or_default().len();
    let content = html! {
        article.review data-review=(action) {
            div data-live-notice=(action) data-after=(after) hidden {
                p.notice role="status" { "Somebody else has decided or changed this meanwhile. " a href="" { "Look again" } }
            }
            @if let Some(problem) = problem { p.notice role="alert" { (text(problem)) } }
            @if alike > 0 {
                p.notice { (alike) " more wait that are identical. " a href={ "/reviews/" (action) "/identical" } { "Look at all of them" } }
            }
            (document(&presentation, decides))
            p { a href={ "/reviews/next?after=" (action) } data-key="n" { "Skip it: next review for you" } }
            div.decision {
                @if decides {
                    (answer::forms(viewer, &asked(&presentation, None)))
                    (talk::forms(viewer, &presentation, &others))
                    (advance::form(viewer, &presentation))
                }
                @else { p.quiet { "You may look at this review, not decide it." } }
            }
        }
    };
    let title = format!("Review: {}", presentation.review.tool);
    shown(status, &Page { title: &title, place: "/reviews", viewer: Some(viewer), content })
}

/// What is to be repeated where the risk is high: the first deciding value that can be typed, or the tool's name.
pub(super) fn confirmation(presentation: &Presentation, payload: &Value) -> Option<Confirmation> {
    if presentation.review.risk < HIGH_RISK {
        return None;
    }
    let values = presentation.deciding.iter().filter_map(|field| Some((field, pointer::find(payload, &field.path)?)));
    let typed = values.filter_map(|(field, value)| Some((field.path.clone(), answer::typed(value)?))).next();
    let (what, expected) = typed.unwrap_or_else(|| ("the tool".to_owned(), presentation.review.tool.clone()));
    Some(Confirmation { what, expected })
}

fn asked<'a>(presentation: &'a Presentation, edited: Option<&'a str>) -> Asked<'a> {
    Asked {
        presentation,
        long: is_long(&presentation.payload),
        confirm: confirmation(presentation, &presentation.payload),
        edited,
    }
}

/// An answer as the form holds it.
#[derive(Deserialize)]
pub(crate) struct Given {
    verdict: String,
    payload_digest: String,
    #[serde(default)]
    presentation_digest: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    chip: String,
    #[serde(default)]
    active_ms: String,
    #[serde(default)]
    expanded_all: String,
    #[serde(default)]
    on_behalf_of: String,
    #[serde(default)]
    confirm: String,
    #[serde(default)]
    payload: String,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    authenticator_data: String,
    #[serde(default)]
    client_data: String,
    #[serde(default)]
    signature: String,
}

fn invalid(what: &str) -> GateError {
    GateError::Invalid(what.to_owned())
}

fn digest(text: &str, what: &str) -> Result<Digest, GateError> {
    text.parse().map_err(|_| invalid(what))
}

/// The edited payload, read as strictly as any other.
pub(crate) fn edited(text: &str) -> Result<Value, GateError> {
    json::parse(text.as_bytes(), Limits::default()).map_err(|error| invalid(&format!("the edited payload: {error}")))
}

impl Given {
    fn request(self) -> Result<DecideRequest, GateError> {
        let verdict = match self.verdict.as_str() {
            "approve" => Verdict::Approve,
            "deny" => Verdict::Deny,
            _ => return Err(invalid("say approve or deny")),
        };
        let reason = match (self.chip.trim(), self.reason.trim()) {
            ("", text) => text.to_owned(),
            (chip, "") => chip.to_owned(),
            (chip, text) => format!("{chip}: {text}"),
        };
        let on_behalf_of = Some(self.on_behalf_of.trim()).filter(|person| !person.is_empty());
        let on_behalf_of = on_behalf_of.map(str::parse).transpose().map_err(|_| invalid("on_behalf_of is no id"))?;
        let payload = (verdict == Verdict::Approve && !self.payload.is_empty()).then(|| edited(&self.payload));
        let signature = (!self.signature.is_empty()).then_some(AssertionView {
            credential: self.credential,
            authenticator_data: self.authenticator_data,
            client_data: self.client_data,
            signature: self.signature,
        });
        Ok(DecideRequest {
            verdict,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            payload_digest: digest(&self.payload_digest, "payload_digest does not read")?,
            payload: payload.transpose()?,
            presentation_digest: match self.presentation_digest.as_str() {
                "" => None,
                text => Some(digest(text, "presentation_digest does not read")?),
            },
            active_ms: self.active_ms.parse().ok(),
            expanded_all: (self.expanded_all == "1").then_some(true),
            on_behalf_of,
            together_with: None,
            signature,
        })
    }
}

/// Decides.
pub(crate) async fn decide(State(app): State<App>, InUrl(Id(action)): InUrl<Id>, posted: Posted<Given>) -> Response {
    let Posted { viewer, form } = posted;
    match answer(&app, &viewer, action, form).await {
        Ok(()) => see_other(&format!("/actions/{action}")),
        // Somebody else was quicker: the action says who.
        Err(GateError::NotFound("review")) => see_other(&format!("/actions/{action}")),
        Err(GateError::StepUpRequired(_)) => see_other(&format!("/confirm?next=%2Freviews%2F{action}")),
        Err(error) => {
            let status = StatusCode::from_u16(error.kind().1).unwrap_or(StatusCode::CONFLICT);
            page(&app, &viewer, action, Some(&error.to_string()), status).await
        }
    }
}

async fn answer(app: &App, viewer: &Viewer, action: Uuid, form: Given) -> Result<(), GateError> {
    let confirm = form.confirm.trim().to_owned();
    let request = form.request()?;
    if request.verdict == Verdict::Approve {
        confirmed(app, viewer, action, &request, &confirm).await?;
    }
    app.gate().decide(&viewer.caller, action, request).await.map(drop)
}

/// Where the risk is high, who approves has typed the value that matters most.
async fn confirmed(
    app: &App,
    viewer: &Viewer,
    action: Uuid,
    request: &DecideRequest,
    typed: &str,
) -> Result<(), GateError> {
    // Looked up, not shown: what was shown is what the form says, and the gate checks that.
    let presentation = app.gate().review(&viewer.caller, action).await?;
    let in_question = request.payload.as_ref().unwrap_or(&presentation.payload);
    match confirmation(&presentation, in_question) {
        Some(confirmation) if typed != confirmation.expected => {
            Err(invalid(&format!("the risk is high: type the value of {} to approve", confirmation.what)))
        }
        _ => Ok(()),
    }
}

/// An edit to look at before it is decided.
#[derive(Deserialize)]
pub(crate) struct Edited {
    payload: String,
    /// What the reviewer was shown when it began to edit.
    presentation_digest: String,
}

/// Shows what an edit changes. Nothing is recorded: the answer will name the presentation that the edit began with.
pub(crate) async fn edit(State(app): State<App>, InUrl(Id(action)): InUrl<Id>, posted: Posted<Edited>) -> Response {
    let Posted { viewer, form } = posted;
    let changed = match edited(&form.payload) {
        Ok(changed) => changed,
        Err(error) => {
            let why = error.to_string();
            return page(&app, &viewer, action, Some(&why), StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    };
    let mut presentation = match app.gate().review(&viewer.caller, action).await {
        Ok(presentation) => presentation,
        Err(GateError::NotFound("review")) => return see_other(&format!("/actions/{action}")),
        Err(error) => return refused(error),
    };
    presentation.presentation_digest = form.presentation_digest.parse().ok();
    let confirm = confirmation(&presentation, &changed);
    let written = changed.to_canonical();
    let content = html! {
        article.review data-review=(action) {
            h1 { "Your change" }
            p { (text(&presentation.sentence)) }
            p { "Policy decides on the changed payload before it counts, and whoever approved the earlier one is asked again. \
                 The agent's side has to execute exactly the changed payload." }
            (changes(&difference(&presentation.payload, &changed), "Nothing: this is the payload in question."))
            (misfits(presentation.definition.as_ref(), &changed))
            (answer::edit_form(&viewer, &Asked { confirm, ..asked(&presentation, Some(&written)) }))
            form method="get" action={ "/reviews/" (action) } { button.quiet { "Back, without changing anything" } }
            form.hidden { (csrf(&viewer)) }
        }
    };
    shown(StatusCode::OK, &Page { title: "Your change", place: "/reviews", viewer: Some(&viewer), content })
}
