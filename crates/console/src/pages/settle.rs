//! Settling an outcome that nobody knows.

use axum::extract::State;
use axum::response::Response;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Outcome, Role};
use countersign_gate::GateError;
use countersign_http::{App, Id};
use countersign_wire::{ResolveRequest, State as Stands, Story};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::refused;
use crate::parts::form::csrf;
use crate::viewer::{InUrl, Posted, Viewer, see_other};

/// For an operator, where there is something to be settled.
pub(super) fn form(viewer: &Viewer, story: &Story) -> Markup {
    if story.state != Stands::Unknown || !viewer.caller.has(Role::Operator) || viewer.csrf.is_none() {
        return html! {};
    }
    html! {
        details.card {
            summary { "Settle it: you have found out what came of it" }
            form method="post" action={ "/actions/" (story.action) "/resolve" } {
                (csrf(viewer))
                fieldset.chips {
                    legend { "What came of it" }
                    label { input type="radio" name="outcome" value="succeeded" required; "it was done" }
                    label { input type="radio" name="outcome" value="failed" required; "it was not" }
                }
                label { "How that is known, in a word such as downstream_ledger"
                    input name="basis" required maxlength="128" pattern="[!-~]+" spellcheck="false"; }
                label { "Why, in your words" input name="reason" required maxlength="4096"; }
                button { "Settle" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Settling {
    outcome: String,
    basis: String,
    reason: String,
}

/// Records what was found out.
pub(crate) async fn settle(
    State(app): State<App>,
    InUrl(Id(action)): InUrl<Id>,
    Posted { viewer, form }: Posted<Settling>,
) -> Response {
    let outcome = match form.outcome.as_str() {
        "succeeded" => Outcome::Succeeded,
        "failed" => Outcome::Failed,
        _ => return refused(GateError::Invalid("outcome: say succeeded or failed".to_owned())),
    };
    let mut evidence = Object::new();
    evidence.insert("reason", form.reason);
    let evidence = Some(Value::Object(evidence));
    let request = ResolveRequest { outcome, basis: form.basis.trim().to_owned(), evidence, reference: None };
    match app.gate().resolve_outcome(&viewer.caller, action, request).await {
        Ok(_) => see_other(&format!("/actions/{action}")),
        Err(error) => refused(error),
    }
}
