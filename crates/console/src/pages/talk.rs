//! What is said about a review besides its answer.

use axum::extract::State;
use axum::response::Response;
use countersign_evidence::record::Role;
use countersign_gate::GateError;
use countersign_http::{App, Id};
use countersign_wire::{ActionView, AskRequest, HandOverRequest, PersonView, Presentation};
use serde::Deserialize;
use uuid::Uuid;

use crate::layout::refused;
use crate::viewer::{InUrl, Posted, Viewer, see_other};

/// Those whom a review can be handed to.
pub(super) fn others(app: &App, viewer: &Viewer, presentation: &Presentation) -> Vec<PersonView> {
    let own = viewer.caller.person.as_ref().map(|person| person.id);
    let entitled = |person: &PersonView| {
        let groups = presentation.review.requirements.iter().flat_map(|one| &one.groups);
        person.roles.contains(&Role::Reviewer) && groups.into_iter().any(|group| person.groups.contains(group))
    };
    let people = app.gate().people(&viewer.caller).unwrap_or_default();
    people.into_iter().filter(|person| Some(person.person) != own && entitled(person)).collect()
}

#[derive(Deserialize)]
pub(crate) struct Asking {
    question: String,
}

/// Asks the agent's side.
pub(crate) async fn ask(
    State(app): State<App>,
    InUrl(Id(action)): InUrl<Id>,
    Posted { viewer, form }: Posted<Asking>,
) -> Response {
    back(action, app.gate().ask(&viewer.caller, action, AskRequest { question: form.question }).await)
}

#[derive(Deserialize)]
pub(crate) struct Handing {
    to: Uuid,
    #[serde(default)]
    note: String,
}

/// Hands a review over.
pub(crate) async fn hand_over(
    State(app): State<App>,
    InUrl(Id(action)): InUrl<Id>,
    Posted { viewer, form }: Posted<Handing>,
) -> Response {
    let request = HandOverRequest { to: form.to, note: Some(form.note).filter(|note| !note.trim().is_empty()) };
    back(action, app.gate().hand_over(&viewer.caller, action, request).await)
}

fn back(action: Uuid, done: Result<ActionView, GateError>) -> Response {
    match done {
        Ok(_) => see_other(&format!("/reviews/{action}")),
        Err(error) => refused(error),
    }
}
