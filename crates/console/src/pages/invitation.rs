//! A link that lets one person in once, to set how it signs in.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::{CredentialKind, Strength};
use countersign_gate::{GateError, NewCredential, NewSession, Person};
use countersign_http::{App, Segment};
use countersign_identity::passwords;
use maud::html;
use serde::Deserialize;
use uuid::Uuid;

use super::sign_in::{Answered, Nothing, begun_as, hashing, passkey_button, welcome};
use crate::console::{Ceremony, Console};
use crate::layout::{Page, refused};
use crate::parts::text::text;
use crate::viewer::{Anonymous, InUrl};

/// What the invited person sees. Looking uses nothing up.
pub(crate) async fn invitation(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    InUrl(Segment(token)): InUrl<Segment>,
) -> Response {
    match app.gate().invited(&token) {
        Ok(person) => page(&console, &token, &person, None),
        Err(error) => refused(error),
    }
}

fn page(console: &Console, token: &str, person: &Person, problem: Option<&str>) -> Response {
    let content = html! {
        div.narrow {
            h1 { "Welcome, " (text(&person.name)) }
            @if let Some(problem) = problem { p.notice role="alert" { (problem) } }
            p { "Choose how you sign in. A passkey is quickest, cannot be phished, and can sign approvals." }
            @if console.has_passkeys() {
                (passkey_button(&format!("invitation/{token}"), "Make a passkey", "/"))
            }
            form method="post" action={ "/invitation/" (token) } {
                h2 { "Or set a password" }
                input type="hidden" autocomplete="username" value=(person.user.as_deref().unwrap_or(&person.name));
                label { "Password, at least " (passwords::LEAST) " characters"
                    input name="password" type="password" autocomplete="new-password" required
                        minlength=(passwords::LEAST) maxlength=(passwords::MOST); }
                button { "Set the password and sign in" }
            }
        }
    };
    Page { title: "Welcome", place: "", viewer: None, content }.into_response()
}

#[derive(Deserialize)]
pub(crate) struct NewPassword {
    pub(crate) password: String,
}

/// Sets a password.
pub(crate) async fn by_password(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    InUrl(Segment(token)): InUrl<Segment>,
    posted: Anonymous<NewPassword>,
) -> Response {
    let person = match app.gate().invited(&token) {
        Ok(person) => person,
        Err(error) => return refused(error),
    };
    match hashed(&app, posted.form.password).await {
        Ok(new) => enter(&app, &token, person.id, new, "password").await,
        Err(GateError::Invalid(why)) => page(&console, &token, &person, Some(&why)),
        Err(error) => refused(error),
    }
}

/// A new password's hash; that takes the processor a while.
pub(crate) async fn hashed(app: &App, password: String) -> Result<NewCredential, GateError> {
    let app = app.clone();
    let hashed = hashing(move || passwords::hash(&password, app.gate().random())).await?;
    hashed.map(NewCredential::Password).map_err(|error| GateError::Invalid(error.to_string()))
}

async fn enter(app: &App, token: &str, person: Uuid, new: NewCredential, label: &str) -> Response {
    match let_in(app, token, person, new, label).await {
        Ok(session) => welcome(app, &session, "/"),
        Err(error) => refused(error),
    }
}

async fn let_in(
    app: &App,
    token: &str,
    person: Uuid,
    new: NewCredential,
    label: &str,
) -> Result<NewSession, GateError> {
    let (method, strength) = match &new {
        NewCredential::Passkey { .. } => (CredentialKind::Passkey, Strength::MultiFactor),
        _ => (CredentialKind::Invitation, Strength::SingleFactor),
    };
    // Used up first: of two who have the link, one gets in.
    if !app.gate().use_invitation(token)? {
        return Err(GateError::NotFound("invitation that still holds"));
    }
    app.gate().add_credential(person, new, label).await?;
    app.gate().sign_in(person, method, strength).await
}

/// Begins the registration of a passkey.
pub(crate) async fn begin_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    InUrl(Segment(token)): InUrl<Segment>,
    _: Anonymous<Nothing>,
) -> Response {
    match app.gate().invited(&token).and_then(|person| begin_registration(&app, &console, &person)) {
        Ok(response) => response,
        Err(error) => refused(error),
    }
}

/// Begins the registration of a passkey for a person.
pub(crate) fn begin_registration(app: &App, console: &Console, person: &Person) -> Result<Response, GateError> {
    let known: Vec<Vec<u8>> = person.passkeys.iter().map(|passkey| passkey.credential.clone()).collect();
    let begun = console.passkeys().and_then(|passkeys| passkeys.begin_registration(person.id, &person.name, &known));
    let (challenge, begun) = begun.map_err(|error| GateError::Invalid(error.to_string()))?;
    Ok(begun_as(&console.begin(app, Ceremony::Register(person.id, begun)), &challenge))
}

/// Registers a passkey.
pub(crate) async fn by_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    InUrl(Segment(token)): InUrl<Segment>,
    posted: Anonymous<Answered>,
) -> Response {
    let invited = app.gate().invited(&token);
    match invited.and_then(|person| Ok((person.id, registered(&app, &console, person.id, &posted.form)?))) {
        Ok((person, new)) => enter(&app, &token, person, new, "passkey").await,
        Err(error) => refused(error),
    }
}

/// The passkey that a person has made.
pub(crate) fn registered(
    app: &App,
    console: &Console,
    person: Uuid,
    answered: &Answered,
) -> Result<NewCredential, GateError> {
    let begun = match console.take(app, &answered.ceremony) {
        Some(Ceremony::Register(who, begun)) if who == person => begun,
        _ => return Err(GateError::Invalid("this registration took too long: begin it again".to_owned())),
    };
    let made = console.passkeys().and_then(|passkeys| passkeys.register(&answered.answer, &begun));
    let made = made.map_err(|error| GateError::Invalid(error.to_string()))?;
    Ok(NewCredential::Passkey { credential: made.credential, public_key: made.public_key, state: made.state })
}
