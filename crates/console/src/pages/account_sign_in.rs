//! Signing in by an account elsewhere: to the provider, and back.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use countersign_evidence::record::Strength;
use countersign_gate::{GateError, Managed, NewSession, ProvedAccount};
use countersign_http::{App, Params, cookie};
use countersign_identity::oidc::{OidcError, Proved};
use serde::Deserialize;

use super::sign_in::{Wish, welcome, with_cookie};
use crate::console::{Ceremony, Console, Provider};
use crate::layout::refused;
use crate::viewer::{InUrl, own_place, see_other};

/// Ties the way back to the browser that went away: without it anybody could sign somebody else in as themselves.
const COOKIE: &str = "countersign-sign-in";
const PATH: &str = "/sign-in";

/// To the provider.
pub(crate) async fn begin(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    InUrl(Params(wish)): InUrl<Params<Wish>>,
) -> Response {
    let Some(provider) = console.provider() else { return refused(GateError::NotFound("sign-in provider")) };
    let state = console.fresh_name(&app);
    match provider.oidc.begin(&state, app.gate().random()).await {
        Ok((address, begun)) => {
            console.keep(&app, state.clone(), Ceremony::Account(begun, own_place(&wish.next).to_owned()));
            with_cookie(&app, see_other(&address), (COOKIE, PATH), &state, Some(300))
        }
        Err(error) => refused(told(&error)),
    }
}

/// What the provider sends the browser back with; it may add more.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    error: Option<String>,
}

/// Back from the provider.
pub(crate) async fn back(
    State(app): State<App>,
    Extension(console): Extension<Console>,
    headers: HeaderMap,
    InUrl(Params(back)): InUrl<Params<Back>>,
) -> Response {
    let ours = cookie(&headers, COOKIE).is_some_and(|state| !state.is_empty() && state == back.state);
    let begun = if ours { console.take(&app, &back.state) } else { None };
    let (Some(provider), Some(Ceremony::Account(begun, next))) = (console.provider(), begun) else {
        return refused(GateError::Invalid(
            "this sign-in did not begin in this browser, or took too long: begin it again".to_owned(),
        ));
    };
    if let Some(error) = back.error {
        return refused(GateError::Forbidden(format!("the sign-in provider says: {error}")));
    }
    let proved = match provider.oidc.finish(back.code, begun).await {
        Ok(proved) => proved,
        Err(error) => return refused(told(&error)),
    };
    match let_in(&app, provider, proved).await {
        Ok(session) => with_cookie(&app, welcome(&app, &session, &next), (COOKIE, PATH), "", Some(0)),
        Err(error) => refused(error),
    }
}

fn told(error: &OidcError) -> GateError {
    tracing::warn!(%error, "a sign-in by account failed");
    match error {
        OidcError::Refused(_) => GateError::Forbidden(error.to_string()),
        OidcError::Provider { .. } | OidcError::Settings(_) => GateError::Broken(error.to_string()),
    }
}

async fn let_in(app: &App, provider: &Provider, proved: Proved) -> Result<NewSession, GateError> {
    let managed = !provider.groups.is_empty();
    let held = |listed: Vec<String>| {
        provider.groups.iter().filter(|(theirs, _)| listed.contains(theirs)).map(|(_, ours)| ours.clone()).collect()
    };
    let account = ProvedAccount {
        issuer: proved.issuer,
        subject: proved.subject,
        name: proved.name,
        email: proved.email,
        strength: if proved.multi_factor { Strength::MultiFactor } else { Strength::Federated },
        groups: Managed {
            all: provider.groups.iter().map(|(_, ours)| ours.clone()).collect(),
            held: proved.groups.filter(|_| managed).map(held),
        },
        adds_people: provider.adds_people,
    };
    app.gate().sign_in_by_account(account).await
}
