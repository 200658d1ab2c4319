//! People: who may decide, operate, audit, administer.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::Role;
use countersign_gate::GateError;
use countersign_http::App;
use countersign_wire::{InvitationView, PersonRequest, PersonView};
use maud::{Markup, html};
use uuid::Uuid;

use crate::layout::{Page, refused};
use crate::parts::form::{csrf, end_of};
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{Posted, Viewer, see_other};

/// Everyone.
pub(crate) async fn people(State(app): State<App>, viewer: Viewer) -> Response {
    page(&app, &viewer, None)
}

fn page(app: &App, viewer: &Viewer, invited: Option<&InvitationView>) -> Response {
    let people = match viewer.caller.must_administer().and_then(|()| app.gate().people(&viewer.caller)) {
        Ok(people) => people,
        Err(error) => return refused(error),
    };
    let groups = app.gate().review_groups();
    let content = html! {
        h1 { "People" }
        @if let Some(invited) = invited {
            div.notice role="status" {
                p { "Hand this link over. It lets one person in, once, until " (time(invited.expires_at))
                    ", and is not shown again:" }
                p { code { (invited.link) } }
            }
        }
        @for person in &people { (one(viewer, person, &groups)) }
        section.card {
            h2 { "Add somebody" }
            form method="post" action="/people" {
                (csrf(viewer))
                label { "Name" input name="name" required maxlength="256"; }
                label { "User identity: what agents act under for this person (it never approves those), such as an address"
                    input name="user" maxlength="256" spellcheck="false"; }
                (access(&[Role::Reviewer], &[], &groups))
                button { "Add" }
            }
        }
    };
    Page { title: "People", place: "/people", viewer: Some(viewer), content }.into_response()
}

fn one(viewer: &Viewer, person: &PersonView, groups: &[String]) -> Markup {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.as_str()).collect();
    html! {
        section.card {
            h2 { (text(&person.name)) }
            p { @if roles.is_empty() { "no access" } @else { (roles.join(", ")) }
                @if !person.groups.is_empty() { " · groups " (text(&person.groups.join(", "))) }
                @if let Some(until) = person.until { " · until " (time(until)) } }
            details {
                summary { "Change" }
                form method="post" action="/people" {
                    (csrf(viewer))
                    input type="hidden" name="person" value=(person.person);
                    label { "Name" input name="name" required maxlength="256" value=(person.name); }
                    label { "Another user identity (empty: as it is)" input name="user" maxlength="256" spellcheck="false"; }
                    (access(&person.roles, &person.groups, groups))
                    button { "Save" }
                }
            }
            div.inline {
                (verb(viewer, person.person, "invite", "Make a sign-in link"))
                (verb(viewer, person.person, "end", "End all access"))
            }
        }
    }
}

fn access(roles: &[Role], own: &[String], groups: &[String]) -> Markup {
    html! {
        fieldset.chips {
            legend { "Roles" }
            @for role in Role::ALL {
                label { input type="checkbox" name="role" value=(role.as_str()) checked[roles.contains(&role)]; (role.as_str()) }
            }
        }
        fieldset.chips {
            legend { "Groups, as the policy in force names them" }
            @for group in groups {
                label { input type="checkbox" name="group" value=(group) checked[own.contains(group)]; (text(group)) }
            }
        }
        label { "Ends after (a day in UTC; empty: never)" input type="date" name="until"; }
    }
}

fn verb(viewer: &Viewer, person: Uuid, verb: &str, label: &str) -> Markup {
    html! {
        form method="post" action={ "/people/" (verb) } {
            (csrf(viewer))
            input type="hidden" name="person" value=(person);
            button.quiet { (label) }
        }
    }
}

/// A form as pairs: roles and groups stand in it as often as there are.
type Pairs = Vec<(String, String)>;

fn first<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn all(pairs: &Pairs, name: &str) -> Vec<String> {
    pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
}

fn request(pairs: &Pairs) -> Result<PersonRequest, GateError> {
    let invalid = |what: &str| GateError::Invalid(what.to_owned());
    let roles = all(pairs, "role").iter().map(|name| Role::from_name(name)).collect::<Option<Vec<_>>>();
    let person = first(pairs, "person").map(str::parse).transpose().map_err(|_| invalid("person is no id"))?;
    let until = first(pairs, "until").map(end_of).transpose()?;
    Ok(PersonRequest {
        person,
        name: first(pairs, "name").unwrap_or_default().to_owned(),
        user: first(pairs, "user").map(str::to_owned),
        groups: all(pairs, "group"),
        roles: Some(roles.ok_or_else(|| invalid("a role is not known"))?),
        until,
    })
}

/// Adds or changes somebody.
pub(crate) async fn put(State(app): State<App>, posted: Posted<Pairs>) -> Response {
    let put = async {
        let request = request(&posted.form)?;
        app.gate().put_person(&posted.viewer.caller, request).await.map(drop)
    };
    match put.await {
        Ok(()) => see_other("/people"),
        Err(error) => refused(error),
    }
}

fn named(pairs: &Pairs) -> Result<Uuid, GateError> {
    first(pairs, "person").and_then(|id| id.parse().ok()).ok_or(GateError::NotFound("person"))
}

/// Makes a link by which somebody signs in for the first time.
pub(crate) async fn invite(State(app): State<App>, posted: Posted<Pairs>) -> Response {
    let invite = async { app.gate().invite(&posted.viewer.caller, named(&posted.form)?).await };
    match invite.await {
        Ok(invited) => page(&app, &posted.viewer, Some(&invited)),
        Err(error) => refused(error),
    }
}

/// Ends all access of somebody.
pub(crate) async fn end(State(app): State<App>, posted: Posted<Pairs>) -> Response {
    let end = async { app.gate().end_person(&posted.viewer.caller, named(&posted.form)?).await };
    match end.await {
        Ok(()) => see_other("/people"),
        Err(error) => refused(error),
    }
}
