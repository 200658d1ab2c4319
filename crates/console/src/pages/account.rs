//! One's own account: ways to sign in, sessions, who decides while one is away.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_gate::{GateError, Person};
use countersign_http::App;
use countersign_identity::passwords;
use countersign_wire::{CredentialView, DelegationRequest, DelegationView, PersonView, SessionView};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::invitation::{NewPassword, begin_registration, hashed, registered};
use super::sign_in::{Answered, Nothing, passkey_button};
use crate::console::Console;
use crate::layout::{Page, refused};
use crate::parts::form::{csrf, end_of};
use crate::parts::text::text;
use crate::parts::time::time;
use crate::viewer::{Posted, Viewer, see_other};

fn own(viewer: &Viewer) -> Result<&Person, GateError> {
    viewer.caller.person.as_ref().ok_or(GateError::NotFound("account: keys have none"))
}

/// The account.
pub(crate) async fn account(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    viewer: Viewer,
) -> Response {
    match content(&app, &console, &viewer) {
        Ok(content) => Page { title: "Account", place: "/account", viewer: Some(&viewer), content }.into_response(),
        Err(error) => refused(error),
    }
}

fn content(app: &App, console: &Console, viewer: &Viewer) -> Result<Markup, GateError> {
    let (gate, person) = (app.gate(), own(viewer)?);
    let mut sessions = gate.sessions(&viewer.caller)?;
    sessions.retain(|session| session.person == person.id);
    let roles: Vec<&str> = person.roles.iter().map(|role| role.as_str()).collect();
    Ok(html! {
        h1 { (text(&person.name)) }
        p { "Roles: " (roles.join(", ")) ". Groups: "
            @if person.groups.is_empty() { "none" } @else { (text(&person.groups.join(", "))) } "." }
        section { (credentials(console, viewer, &gate.credentials_of(&viewer.caller, person.id)?)) }
        section { (sessions_of(viewer, &sessions)) }
        section { (delegations(viewer, person, &gate.people(&viewer.caller)?, &gate.delegations(&viewer.caller)?)) }
    })
}

fn credentials(console: &Console, viewer: &Viewer, credentials: &[CredentialView]) -> Markup {
    html! {
        h2 { "How you sign in" }
        ul.plain {
            @for one in credentials {
                li.row {
                    span { strong { (one.kind.as_str()) } " " (text(&one.label)) ", since " (time(one.created_at)) }
                    form method="post" action="/account/credentials/remove" {
                        (csrf(viewer))
                        input type="hidden" name="id" value=(one.credential);
                        button.link { "Remove" }
                    }
                }
            }
        }
        @if console.has_passkeys() { (passkey_button("account", "Add a passkey", "/account")) }
        details {
            summary { "Set a password" }
            form method="post" action="/account/password" {
                (csrf(viewer))
                label { "New password, at least " (passwords::LEAST) " characters"
                    input name="password" type="password" autocomplete="new-password" required
                        minlength=(passwords::LEAST) maxlength=(passwords::MOST); }
                button { "Set it" }
            }
        }
    }
}

fn sessions_of(viewer: &Viewer, sessions: &[SessionView]) -> Markup {
    html! {
        h2 { "Where you are signed in" }
        ul.plain {
            @for one in sessions {
                li.row {
                    span { (one.method.as_str()) ", since " (time(one.created_at)) ", used " (time(one.seen_at))
                        @if one.current { " " strong { "(this one)" } } }
                    form method="post" action="/account/sessions/end" {
                        (csrf(viewer))
                        input type="hidden" name="id" value=(one.session);
                        button.link { "End" }
                    }
                }
            }
        }
    }
}

fn delegations(viewer: &Viewer, own: &Person, people: &[PersonView], delegations: &[DelegationView]) -> Markup {
    let name =
        |id: Uuid| people.iter().find(|one| one.person == id).map_or_else(|| id.to_string(), |one| one.name.clone());
    html! {
        h2 { "While you are away" }
        p.quiet { "Somebody may decide with your groups, under their own name, until the day that you say." }
        ul.plain {
            @for one in delegations {
                li.row {
                    span { (text(&name(one.from))) " → " (text(&name(one.to))) ", " (time(one.since)) " to " (time(one.until)) }
                    form method="post" action="/account/delegations/end" {
                        (csrf(viewer))
                        input type="hidden" name="id" value=(one.delegation);
                        button.link { "End" }
                    }
                }
            }
        }
        form.inline method="post" action="/account/delegations" {
            (csrf(viewer))
            label { "Who decides instead"
                select name="to" required {
                    @for one in people.iter().filter(|one| one.person != own.id) {
                        option value=(one.person) { (countersign_evidence::visible::visible(&one.name)) }
                    }
                }
            }
            label { "Until the end of (UTC)" input type="date" name="until" required; }
            label { "Why" input name="reason" maxlength="1024"; }
            button { "Let them decide" }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Named {
    id: Uuid,
}

fn back(done: Result<(), GateError>) -> Response {
    match done {
        Ok(()) => see_other("/account"),
        Err(error) => refused(error),
    }
}

/// Removes a way to sign in.
pub(crate) async fn remove_credential(State(app): State<App>, posted: Posted<Named>) -> Response {
    let Ok(person) = own(&posted.viewer).map(|person| person.id) else { return see_other("/account") };
    back(app.gate().remove_credential(&posted.viewer.caller, person, posted.form.id).await)
}

/// Ends a session.
pub(crate) async fn end_session(State(app): State<App>, posted: Posted<Named>) -> Response {
    back(app.gate().end_session(&posted.viewer.caller, posted.form.id, "ended_by_person").await)
}

/// Sets a password.
pub(crate) async fn set_password(State(app): State<App>, posted: Posted<NewPassword>) -> Response {
    let set = async {
        let person = own(&posted.viewer)?.id;
        let new = hashed(&app, posted.form.password).await?;
        app.gate().add_credential(person, new, "password").await.map(drop)
    };
    back(set.await)
}

/// Begins the registration of another passkey.
pub(crate) async fn begin_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    posted: Posted<Nothing>,
) -> Response {
    match own(&posted.viewer).and_then(|person| begin_registration(&app, &console, person)) {
        Ok(response) => response,
        Err(error) => refused(error),
    }
}

/// Registers another passkey.
pub(crate) async fn add_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    posted: Posted<Answered>,
) -> Response {
    let add = async {
        let person = own(&posted.viewer)?.id;
        let new = registered(&app, &console, person, &posted.form)?;
        let label = if posted.form.label.is_empty() { "passkey" } else { &posted.form.label };
        app.gate().add_credential(person, new, label).await.map(drop)
    };
    back(add.await)
}

#[derive(Deserialize)]
pub(crate) struct Away {
    to: Uuid,
    until: String,
    #[serde(default)]
    reason: String,
}

/// Lets somebody decide.
pub(crate) async fn delegate(State(app): State<App>, posted: Posted<Away>) -> Response {
    let Away { to, until, reason } = posted.form;
    let delegate = async {
        let until = end_of(&until)?;
        let reason = Some(reason).filter(|reason| !reason.trim().is_empty());
        let request = DelegationRequest { from: None, to, since: None, until, reason };
        app.gate().delegate(&posted.viewer.caller, request).await.map(drop)
    };
    back(delegate.await)
}

/// Ends a delegation.
pub(crate) async fn end_delegation(State(app): State<App>, posted: Posted<Named>) -> Response {
    back(app.gate().end_delegation(&posted.viewer.caller, posted.form.id).await)
}
