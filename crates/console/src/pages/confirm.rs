//! Who is signed in proves again who it is; the session goes on under another token.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use countersign_evidence::record::{CredentialKind, Strength};
use countersign_gate::{GateError, NewSession};
use countersign_http::{App, Params};
use maud::html;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::sign_in::{
    Answered, Nothing, Wish, begun_sign_in, passkey_button, proved_by_passkey, proved_by_password, welcome,
};
use crate::console::Console;
use crate::layout::{Page, refused, shown};
use crate::parts::form::csrf;
use crate::parts::text::text;
use crate::viewer::{InUrl, Posted, Viewer, own_place};

/// Where one proves it.
pub(crate) async fn confirm(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    viewer: Viewer,
    InUrl(Params(wish)): InUrl<Params<Wish>>,
) -> Response {
    page(&app, &console, &viewer, own_place(&wish.next), None)
}

fn page(app: &App, console: &Console, viewer: &Viewer, next: &str, problem: Option<&str>) -> Response {
    let passkeys = viewer.caller.person.as_ref().is_some_and(|person| !person.passkeys.is_empty());
    let password = app.gate().own_account(&viewer.caller).is_ok_and(|account| account.password.is_some());
    let content = html! {
        div.narrow {
            h1 { "Is it still you?" }
            p { "What you are about to approve has a high risk, and you signed in a while ago. Nothing is decided yet." }
            @if let Some(problem) = problem { p.notice role="alert" { (text(problem)) } }
            @if passkeys && console.has_passkeys() {
                form.hidden { (csrf(viewer)) }
                (passkey_button("confirm", "Confirm with your passkey", next))
            }
            @if let Some(provider) = console.provider() {
                p { a.button href={ "/sign-in/account?next=" (utf8_percent_encode(next, NON_ALPHANUMERIC)) } {
                    "Confirm with " (text(provider.oidc.name())) } }
            }
            @if password {
                form method="post" action="/confirm" {
                    (csrf(viewer))
                    input type="hidden" name="next" value=(next);
                    label { "Your password"
                        input name="password" type="password" autocomplete="current-password" required maxlength="256"; }
                    button { "Confirm" }
                }
            }
            p { a href=(next) { "Back" } }
        }
    };
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    shown(status, &Page { title: "Confirm", place: "", viewer: Some(viewer), content })
}

#[derive(Deserialize)]
pub(crate) struct Password {
    password: String,
    #[serde(default)]
    next: String,
}

/// By password.
pub(crate) async fn by_password(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    Posted { viewer, form }: Posted<Password>,
) -> Response {
    let next = own_place(&form.next).to_owned();
    match check_password(&app, &viewer, form.password).await {
        Ok(session) => welcome(&app, &session, &next),
        Err(GateError::Unauthenticated) => page(&app, &console, &viewer, &next, Some("That is not your password.")),
        Err(GateError::TooMany(why)) => page(&app, &console, &viewer, &next, Some(&why)),
        Err(error) => refused(error),
    }
}

async fn check_password(app: &App, viewer: &Viewer, password: String) -> Result<NewSession, GateError> {
    let (gate, caller) = (app.gate(), &viewer.caller);
    let account = gate.own_account(caller)?;
    // Who holds a stolen session must not guess on: attempts count as at the door.
    let (name, from) = (account.person.to_string(), caller.key.to_string());
    proved_by_password(app, &name, &from, password, || Ok(Some(account))).await?;
    gate.step_up(caller, CredentialKind::Password, Strength::SingleFactor).await
}

/// Begins to prove it by passkey.
pub(crate) async fn begin_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    _: Posted<Nothing>,
) -> Response {
    begun_sign_in(&app, &console)
}

/// By passkey: one of who is signed in.
pub(crate) async fn by_passkey(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    Posted { viewer, form }: Posted<Answered>,
) -> Response {
    let own = viewer.caller.person.as_ref().map(|person| person.id);
    let stepped_up = async {
        let person = proved_by_passkey(&app, &console, &form)?;
        match Some(person) == own {
            true => app.gate().step_up(&viewer.caller, CredentialKind::Passkey, Strength::MultiFactor).await,
            false => Err(GateError::Forbidden("that passkey is somebody else's: sign out first".to_owned())),
        }
    };
    match stepped_up.await {
        Ok(session) => welcome(&app, &session, own_place(&form.next)),
        Err(error) => refused(error),
    }
}
