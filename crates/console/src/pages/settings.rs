//! What this gate is set to: groups, agents, keys, who is told. People have a page of their own.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::KeyKind;
use countersign_gate::GateError;
use countersign_http::App;
use countersign_wire::{KeyCreatedView, KeyRequest, KeyView, PersonView};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::console::Console;
use crate::layout::{Page, refused};
use crate::parts::badge::badge;
use crate::parts::form::csrf;
use crate::parts::text::{plain, text};
use crate::parts::time::time;
use crate::viewer::{Posted, Viewer, see_other};

/// The page.
pub(crate) async fn settings(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    viewer: Viewer,
) -> Response {
    page(&app, &console, &viewer, None)
}

fn page(app: &App, console: &Console, viewer: &Viewer, created: Option<&KeyCreatedView>) -> Response {
    let gate = app.gate();
    let may = viewer.caller.must_administer();
    let (people, keys) = match may.and_then(|()| Ok((gate.people(&viewer.caller)?, gate.keys(&viewer.caller)?))) {
        Ok(found) => found,
        Err(error) => return refused(error),
    };
    let content = html! {
        h1 { "Settings" }
        p { a href="/people" { "People" } ": roles, groups, invitations. " a href="/policies" { "Policies" } " say what is decided. "
            "The rest stands in " code { "countersign.toml" } "." }
        @if let Some(created) = created {
            div.notice role="status" {
                p { "The new key's secret. It is not shown again:" }
                p { code { (created.secret) } }
            }
        }
        (groups(&gate.review_groups(), &people))
        (agents(&gate.known_agents(), &keys))
        (key_list(viewer, &keys, &people))
        (new_key(viewer, &people))
        (told(console.notified()))
    };
    Page { title: "Settings", place: "/settings", viewer: Some(viewer), content }.into_response()
}

fn groups(groups: &[String], people: &[PersonView]) -> Markup {
    let members = |group: &String| -> Vec<&str> {
        people.iter().filter(|person| person.groups.contains(group)).map(|person| person.name.as_str()).collect()
    };
    html! {
        section.card {
            h2 { "Groups" }
            p.quiet { "As the policy in force names them; membership is a person's." }
            @if groups.is_empty() { p { "None: add " code { "review_groups" } " to " code { "entities.json" } "." } }
            ul.plain { @for group in groups {
                @let members = members(group);
                li { strong { (text(group)) } ": "
                    @if members.is_empty() { (badge("nobody", "warn")) " what it is asked expires" } @else { (text(&members.join(", "))) } }
            } }
        }
    }
}

fn agents(known: &BTreeMap<String, Option<String>>, keys: &[KeyView]) -> Markup {
    let own = |agent: &String| keys.iter().filter(|key| key.revoked_at.is_none() && key.agents.contains(agent)).count();
    html! {
        section.card {
            h2 { "Agents" }
            p.quiet { "As the policy in force knows them; any other agent is one without groups and owner." }
            @if known.is_empty() { p { "None: add " code { "agents" } " to " code { "entities.json" } "." } }
            ul.plain { @for (agent, owner) in known {
                li { strong { (text(agent)) }
                    @if let Some(owner) = owner { ", owned by " (text(owner)) }
                    @let count = own(agent);
                    @if count > 0 { ", " (count) " keys for it alone" } }
            } }
        }
    }
}

fn key_list(viewer: &Viewer, keys: &[KeyView], people: &[PersonView]) -> Markup {
    let name = |id: Uuid| people.iter().find(|person| person.person == id).map(|person| person.name.clone());
    html! {
        section.card {
            h2 { "Keys" }
            @if keys.is_empty() { p { "None yet." } }
            ul.plain { @for key in keys {
                li {
                    (badge(key.kind.as_str(), "plain")) " " strong { (text(&key.label)) }
                    @if let Some(person) = key.person { " of " (text(&name(person).unwrap_or_else(|| person.to_string()))) }
                    " since " (time(key.created_at))
                    @for (what, limits) in [("environments", &key.environments), ("agents", &key.agents)] {
                        @if !limits.is_empty() { ", only " (what) " " (text(&limits.join(", "))) }
                    }
                    @match key.revoked_at {
                        Some(at) => { ", revoked " (time(at)) },
                        None => form.inline method="post" action="/settings/keys/revoke" {
                            (csrf(viewer))
                            input type="hidden" name="key" value=(key.key);
                            button.quiet aria-label={ "Revoke " (plain(&key.label)) } { "Revoke" }
                        },
                    }
                }
            } }
        }
    }
}

fn new_key(viewer: &Viewer, people: &[PersonView]) -> Markup {
    html! {
        section.card {
            h2 { "Make a key" }
            form method="post" action="/settings/keys" {
                (csrf(viewer))
                label { "What for" select name="kind" { @for kind in KeyKind::ALL { option value=(kind.as_str()) { (kind.as_str()) } } } }
                label { "Label" input name="label" required maxlength="256"; }
                label { "Only these environments (with commas; empty: all)" input name="environments" spellcheck="false"; }
                label { "Only these agents (with commas; empty: all)" input name="agents" spellcheck="false"; }
                label { "Whose (a reviewer's key alone)"
                    select name="person" {
                        option value="" { "nobody's" }
                        @for person in people { option value=(person.person) { (text(&person.name)) } }
                    } }
                button { "Make it" }
            }
        }
    }
}

fn told(targets: &[String]) -> Markup {
    html! {
        section.card {
            h2 { "Who is told" }
            @if targets.is_empty() {
                p { "Nobody: add " code { "[notify]" } " to " code { "countersign.toml" } " for webhooks, Slack or e-mail." }
            } @else {
                p.quiet { "What waits and what came of it, a sentence and a link, from " code { "[notify]" } " in " code { "countersign.toml" } ":" }
                ul { @for target in targets { li { (text(target)) } } }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Making {
    kind: String,
    label: String,
    #[serde(default)]
    environments: String,
    #[serde(default)]
    agents: String,
    #[serde(default)]
    person: String,
}

impl Making {
    fn request(self) -> Result<KeyRequest, GateError> {
        let invalid = |what: &str| GateError::Invalid(what.to_owned());
        let list =
            |text: &str| text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let person = Some(self.person.trim()).filter(|person| !person.is_empty()).map(str::parse).transpose();
        Ok(KeyRequest {
            kind: KeyKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == self.kind)
                .ok_or_else(|| invalid("kind is not known"))?,
            environments: list(&self.environments),
            agents: list(&self.agents),
            person: person.map_err(|_| invalid("person is no id"))?,
            label: self.label,
        })
    }
}

/// Makes a key, and shows its secret this once.
pub(crate) async fn create_key(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    Posted { viewer, form }: Posted<Making>,
) -> Response {
    let made = match form.request() {
        Ok(request) => app.gate().create_key(&viewer.caller, request).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(created) => page(&app, &console, &viewer, Some(&created)),
        Err(error) => refused(error),
    }
}

#[derive(Deserialize)]
pub(crate) struct Revoking {
    key: Uuid,
}

/// Revokes a key.
pub(crate) async fn revoke_key(State(app): State<App>, Posted { viewer, form }: Posted<Revoking>) -> Response {
    match app.gate().revoke_key(&viewer.caller, form.key).await {
        Ok(_) => see_other("/settings"),
        Err(error) => refused(error),
    }
}
