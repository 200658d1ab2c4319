//! What the policy in force would decide about a request.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::{Agent, Category, Correlation, ToolRef};
use countersign_gate::GateError;
use countersign_http::App;
use countersign_index::decision_name;
use countersign_wire::{ProposeRequest, TriedView};
use maud::{Markup, html};
use serde::Deserialize;

use super::review::edited;
use crate::layout::Page;
use crate::parts::badge;
use crate::parts::form::csrf;
use crate::parts::json::json;
use crate::parts::text::text;
use crate::viewer::{Posted, Viewer};

/// The request as the form holds it.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    agent: String,
    tool: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    environment: String,
    payload: String,
}

impl Default for Wanted {
    fn default() -> Self {
        let (agent, tool, payload) = ("my-agent".to_owned(), "server/tool".to_owned(), "{}".to_owned());
        Wanted { agent, tool, category: String::new(), environment: String::new(), payload }
    }
}

impl Wanted {
    fn request(&self) -> Result<ProposeRequest, GateError> {
        let invalid = |what: &str| GateError::Invalid(what.to_owned());
        let (server, name) = self.tool.trim().split_once('/').ok_or_else(|| invalid("the tool: write server/tool"))?;
        let category: Option<Category> = match self.category.as_str() {
            "" => None,
            name => Some(Category::from_name(name).ok_or_else(|| invalid("that category is not known"))?),
        };
        Ok(ProposeRequest {
            request_id: "try".to_owned(),
            agent: Agent { id: self.agent.trim().to_owned(), version: None },
            model: None,
            user: None,
            environment: Some(self.environment.trim().to_owned()).filter(|name| !name.is_empty()),
            tool: ToolRef { name: name.to_owned(), server: server.to_owned(), definition: None },
            category,
            resource: None,
            payload: edited(&self.payload)?,
            intent: None,
            context: None,
            correlation: Correlation::default(),
            source: None,
            start_if_allowed: None,
            redeem: false,
            wait_s: 0,
        })
    }
}

/// The form.
pub(crate) async fn look(viewer: Viewer) -> Response {
    page(&viewer, &Wanted::default(), None)
}

/// The form with its answer.
pub(crate) async fn answer(State(app): State<App>, Posted { viewer, form }: Posted<Wanted>) -> Response {
    let tried = form.request().and_then(|request| app.gate().try_out(&viewer.caller, request));
    page(&viewer, &form, Some(tried))
}

fn page(viewer: &Viewer, wanted: &Wanted, tried: Option<Result<TriedView, GateError>>) -> Response {
    let content = html! {
        h1 { "Try a request" }
        p { "What the policy in force would decide, with the facts as they are now. Nothing is recorded or executed." }
        @match &tried {
            None => {},
            Some(Err(error)) => p.notice role="alert" { (text(&error.to_string())) },
            Some(Ok(tried)) => (verdict(tried)),
        }
        form method="post" action="/policies/try" {
            (csrf(viewer))
            label { "Agent" input name="agent" required maxlength="128" value=(wanted.agent); }
            label { "Tool, as server/tool" input name="tool" required maxlength="256" value=(wanted.tool); }
            label { "Category (as the policy's catalogue says, where empty)" input name="category" maxlength="32" value=(wanted.category); }
            label { "Environment (the default one, where empty)" input name="environment" maxlength="128" value=(wanted.environment); }
            label { "Payload" textarea.json name="payload" rows="12" spellcheck="false" required { (wanted.payload) } }
            button { "Ask policy" }
        }
    };
    Page { title: "Try a request", place: "/policies", viewer: Some(viewer), content }.into_response()
}

fn verdict(tried: &TriedView) -> Markup {
    let decision = decision_name(tried.decision);
    html! {
        section.card role="status" {
            p.badges { (badge::state(decision)) " " (badge::badge(&tried.category, "plain")) " " (badge::risk(tried.risk)) }
            @if !tried.message.is_empty() { p { (text(&tried.message)) } }
            @if tried.reasons.is_empty() { p { "No rule of the policy speaks about it: what is not permitted is denied." } }
            ul.plain {
                @for reason in &tried.reasons { li { "Rule " code { (text(&reason.rule)) } ": " (reason.effect) } }
                @for one in &tried.requirements {
                    li { (one.quorum) " of " (text(&one.groups.join(", "))) " would be asked by " code { (text(&one.rule)) } }
                }
                @for factor in &tried.risk_factors { li { "Risk: " (text(factor)) } }
                @for error in &tried.errors { li { "Not evaluated: " (text(error)) } }
            }
            details { summary { "Facts that it read" } (json(&tried.facts, "Facts")) }
            p.quiet { "Policy " code { (text(&tried.policy)) } }
        }
    }
}
