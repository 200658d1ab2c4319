//! Signing in: by passkey, by password, or by an account elsewhere. Nothing here tells which names exist.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use countersign_evidence::record::{CredentialKind, Strength};
use countersign_gate::{Account, GateError, NewSession};
use countersign_http::{App, Params, session_cookie};
use countersign_identity::passwords;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::assets;
use crate::console::{Ceremony, Console};
use crate::layout::{Page, refused};
use crate::parts::text::text;
use crate::viewer::{Anonymous, InUrl, Posted, own_place, see_other};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    #[serde(default)]
    pub(crate) next: String,
}

/// Where one signs in.
pub(crate) async fn sign_in(
    Extension(console): Extension<Console>,
    InUrl(Params(wish)): InUrl<Params<Wish>>,
) -> Response {
    page(&console, own_place(&wish.next), None)
}

fn page(console: &Console, next: &str, problem: Option<&str>) -> Response {
    let content = html! {
        div.narrow {
            h1 { "Sign in" }
            @if let Some(problem) = problem { p.notice role="alert" { (problem) } }
            @if console.has_passkeys() { (passkey_button("sign-in", "Sign in with a passkey", next)) }
            @if let Some(provider) = console.provider() {
                p { a.button href={ "/sign-in/account?next=" (utf8_percent_encode(next, NON_ALPHANUMERIC)) } {
                    "Sign in with " (text(provider.oidc.name())) } }
            }
            form method="post" action="/sign-in" {
                h2 { "With a password" }
                input type="hidden" name="next" value=(next);
                label { "Name or user identity" input name="name" autocomplete="username" required maxlength="256"; }
                label { "Password"
                    input name="password" type="password" autocomplete="current-password" required maxlength="256"; }
                button { "Sign in" }
            }
            p.quiet { "No account? Somebody who administers this gate can send you an invitation." }
        }
    };
    Page { title: "Sign in", place: "", viewer: None, content }.into_response()
}

/// A button that only works with the script behind it, which also shows it.
pub(crate) fn passkey_button(ceremony: &str, label: &str, next: &str) -> Markup {
    html! {
        div.passkey data-passkey=(ceremony) data-next=(next) hidden {
            button.main type="button" { (label) }
            p.notice role="alert" hidden {}
        }
        noscript { p.quiet { "Passkeys need JavaScript; a password works without." } }
        script type="module" src=(assets::PASSKEY.path()) {}
    }
}

#[derive(Deserialize)]
pub(crate) struct Password {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// By password.
pub(crate) async fn by_password(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    posted: Anonymous<Password>,
) -> Response {
    let Anonymous { form: Password { name, password, next }, address } = posted;
    let next = own_place(&next);
    match check_password(&app, &name, password, &address).await {
        Ok(session) => welcome(&app, &session, next),
        Err(GateError::Unauthenticated) => page(&console, next, Some("That name and password do not belong together.")),
        Err(GateError::TooMany(why)) => page(&console, next, Some(&why)),
        Err(error) => refused(error),
    }
}

async fn check_password(app: &App, name: &str, password: String, address: &str) -> Result<NewSession, GateError> {
    let person = proved_by_password(app, name, address, password, || app.gate().account(name)).await?;
    app.gate().sign_in(person, CredentialKind::Password, Strength::SingleFactor).await
}

/// Whose password it is. Attempts count by `name` and by where they come from; beyond a limit none is looked at.
pub(super) async fn proved_by_password(
    app: &App,
    name: &str,
    from: &str,
    password: String,
    account: impl FnOnce() -> Result<Option<Account>, GateError>,
) -> Result<Uuid, GateError> {
    let gate = app.gate();
    gate.may_try(name, from)?;
    let account = account()?;
    let hash = account.as_ref().and_then(|account| account.password.clone());
    let right = hashing(move || passwords::verify(&password, hash.as_deref())).await?;
    let person = account.map(|account| account.person);
    gate.tried(name, from, person, right).await?;
    person.filter(|_| right).ok_or(GateError::Unauthenticated)
}

/// Hashing takes 19 MiB and a while each time: only so much of it at once.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Runs what hashes a password.
pub(crate) async fn hashing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, GateError> {
    // The semaphore is never closed.
    let _turn = HASHING.acquire().await;
    tokio::task::spawn_blocking(work).await.map_err(|error| GateError::Broken(error.to_string()))
}

/// What a script sends when a ceremony ends, and what it gets when one begins. Both are forms, so that there is one reader.
#[derive(Deserialize)]
pub(crate) struct Answered {
    pub(crate) ceremony: String,
    pub(crate) answer: String,
    #[serde(default)]
    pub(crate) next: String,
    #[serde(default)]
    pub(crate) label: String,
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

/// Begins a sign-in by passkey.
pub(crate) async fn begin_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    _: Anonymous<Nothing>,
) -> Response {
    begun_sign_in(&app, &console)
}

/// What the browser is to do to prove a passkey.
pub(super) fn begun_sign_in(app: &App, console: &Console) -> Response {
    match console.passkeys().and_then(|passkeys| passkeys.begin_sign_in()) {
        Ok((challenge, begun)) => begun_as(&console.begin(app, Ceremony::SignIn(begun)), &challenge),
        Err(error) => refused(GateError::Invalid(error.to_string())),
    }
}

/// What a script needs to go on: the ceremony's name, and what the browser is to do.
pub(crate) fn begun_as(ceremony: &str, challenge: &str) -> Response {
    let body = format!(r#"{{"ceremony":"{ceremony}","challenge":{challenge}}}"#);
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// By passkey.
pub(crate) async fn by_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    posted: Anonymous<Answered>,
) -> Response {
    match check_passkey(&app, &console, &posted.form).await {
        Ok(session) => welcome(&app, &session, own_place(&posted.form.next)),
        Err(error) => refused(error),
    }
}

async fn check_passkey(app: &App, console: &Console, answered: &Answered) -> Result<NewSession, GateError> {
    let person = proved_by_passkey(app, console, answered)?;
    app.gate().sign_in(person, CredentialKind::Passkey, Strength::MultiFactor).await
}

/// Whose passkey has answered.
pub(super) fn proved_by_passkey(app: &App, console: &Console, answered: &Answered) -> Result<Uuid, GateError> {
    let invalid = |error: countersign_identity::passkeys::PasskeyError| GateError::Invalid(error.to_string());
    let Some(Ceremony::SignIn(begun)) = console.take(app, &answered.ceremony) else {
        return Err(GateError::Invalid("this sign-in took too long: begin it again".to_owned()));
    };
    let passkeys = console.passkeys().map_err(invalid)?;
    let (answer, credential, claimed) = passkeys.read_answer(&answered.answer).map_err(invalid)?;
    let gate = app.gate();
    let (person, stored) = gate.passkey_account(&credential)?.ok_or(GateError::Unauthenticated)?;
    if person != claimed {
        return Err(GateError::Unauthenticated);
    }
    let signed_in = passkeys.sign_in(&answer, begun, &stored).map_err(invalid)?;
    if let Some(state) = signed_in.state {
        gate.passkey_used(&credential, state)?;
    }
    Ok(person)
}

/// Lets somebody in.
pub(crate) fn welcome(app: &App, session: &NewSession, next: &str) -> Response {
    with_cookie(app, see_other(next), (session_cookie(app), "/"), &session.token, None)
}

/// Sets a cookie by its name and path, or takes it away.
pub(super) fn with_cookie(
    app: &App,
    mut response: Response,
    (name, path): (&str, &str),
    value: &str,
    most_age: Option<u32>,
) -> Response {
    let secure = if app.gate().public_url().starts_with("https://") { "; Secure" } else { "" };
    let age = most_age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Ends one's own session.
pub(crate) async fn sign_out(State(app): State<App>, posted: Posted<Nothing>) -> Response {
    let caller = &posted.viewer.caller;
    match app.gate().end_session(caller, caller.key, "signed_out").await {
        Ok(()) | Err(GateError::NotFound(_)) => {
            with_cookie(&app, see_other("/sign-in"), (session_cookie(&app), "/"), "", Some(0))
        }
        Err(error) => refused(error),
    }
}
