//! Who asks: a bearer key, somebody who is signed in, or the data folder's owner on its socket.

use axum::RequestPartsExt;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use countersign_gate::{Caller, GateError, csrf_of};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::in_process::LetIn;
use crate::kinds;
use crate::peer::Peer;
use crate::problem::Failure;

/// Longest bearer key that is looked at, in bytes.
const MOST_KEY: usize = 256;
/// Where a script says the token that only our pages know.
const CSRF_HEADER: &str = "x-csrf-token";

/// The caller behind a request. A handler that takes it needs authentication.
pub struct Asker(pub Caller);

impl FromRequestParts<App> for Asker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if let Some(LetIn(caller)) = parts.extensions.get() {
            return Ok(Asker(caller.clone()));
        }
        let peer = peer_of(parts);
        let caller = match bearer(parts)? {
            Some(key) => app.gate().authenticate(key, peer.isolation())?,
            None if peer == Peer::Owner => Caller::owner(),
            None => {
                let signed_in = SignedIn::of(parts, app)?;
                if !parts.method.is_safe() {
                    signed_in.check_header(parts, app)?;
                }
                signed_in.caller
            }
        };
        note_view(&caller, parts, app).await?;
        Ok(Asker(caller))
    }
}

/// Where nothing stands that is about anybody, so that whatever scrapes it leaves no trail of its own.
const UNNOTED: [&str; 1] = ["/metrics"];

/// Records what is asked for by somebody whose looking is recorded, before it is answered.
///
/// # Errors
/// It cannot be recorded: nothing is to be shown.
pub async fn note_view(caller: &Caller, parts: &mut Parts, app: &App) -> Result<(), Failure> {
    let route = parts.extensions.get::<MatchedPath>().map_or("/", MatchedPath::as_str).to_owned();
    if UNNOTED.contains(&route.as_str()) {
        return Ok(());
    }
    // As the handler will read it: decoded.
    let action = match parts.extract::<RawPathParams>().await {
        Ok(named) => named.iter().find(|(name, _)| *name == "action").and_then(|(_, id)| id.parse().ok()),
        Err(_) => None,
    };
    let asked = parts.uri.path_and_query().map_or("/", |asked| asked.as_str());
    Ok(app.gate().viewed(caller, &route, asked, action).await?)
}

/// Somebody who is signed in, and the token that proves it.
pub struct SignedIn {
    /// Who.
    pub caller: Caller,
    /// The session's token; it stays here.
    pub token: String,
}

impl SignedIn {
    /// Whose session cookie the request brings. A browser sends it along whoever wrote the request: what changes something
    /// needs the token that only our own pages hold too: see [`SignedIn::check_token`].
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn of(parts: &Parts, app: &App) -> Result<Self, Failure> {
        let token = cookie(&parts.headers, session_cookie(app)).ok_or(GateError::Unauthenticated)?;
        let caller = app.gate().session(token, peer_of(parts).isolation())?;
        Ok(SignedIn { caller, token: token.to_owned() })
    }

    /// What a form of ours holds beside the session.
    pub fn csrf(&self) -> String {
        csrf_of(&self.token)
    }

    /// Refuses a request that another site wrote.
    ///
    /// # Errors
    /// 403.
    pub fn check_token(&self, parts: &Parts, app: &App, given: &str) -> Result<(), Failure> {
        same_origin(parts, app)?;
        match bool::from(self.csrf().as_bytes().ct_eq(given.as_bytes())) {
            true => Ok(()),
            false => Err(foreign("the form is of another session: load the page again")),
        }
    }

    fn check_header(&self, parts: &Parts, app: &App) -> Result<(), Failure> {
        let given = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.check_token(parts, app, given)
    }
}

/// Name of the session's cookie. With `__Host-` a browser keeps it to this very host and to https.
pub fn session_cookie(app: &App) -> &'static str {
    if app.gate().public_url().starts_with("https://") { "__Host-countersign" } else { "countersign" }
}

/// Refuses what a page of another site sent: browsers say where a request comes from.
///
/// # Errors
/// 403.
pub fn same_origin(parts: &Parts, app: &App) -> Result<(), Failure> {
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let own = match (header("origin"), header("sec-fetch-site")) {
        (Some(origin), _) => origin == app.gate().public_url(),
        (None, Some(site)) => site == "same-origin",
        // Every browser of today says one of both when it posts.
        (None, None) => false,
    };
    match own {
        true => Ok(()),
        false => {
            Err(foreign("the request does not come from this site's own pages; is `public_url` what people type?"))
        }
    }
}

fn foreign(detail: &str) -> Failure {
    Failure::new(kinds::FOREIGN_REQUEST, detail)
}

/// The one cookie of that name.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    found.next().filter(|value| value.len() <= MOST_KEY && found.next().is_none())
}

/// Where the request comes from.
pub fn peer_of(parts: &Parts) -> Peer {
    parts.extensions.get::<Peer>().copied().unwrap_or(Peer::Remote)
}

/// The bearer key (RFC 6750 §2.1). A header that is there but holds none is refused, so that a broken client on the
/// owner's socket does not act as the owner.
fn bearer(parts: &Parts) -> Result<Option<&str>, GateError> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else { return Ok(None) };
    let text = header.to_str().map_err(|_| GateError::Unauthenticated)?;
    let (scheme, key) = text.split_once(' ').ok_or(GateError::Unauthenticated)?;
    let well_formed = scheme.eq_ignore_ascii_case("bearer")
        && (1..=MOST_KEY).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic())
        && headers.next().is_none();
    well_formed.then_some(Some(key)).ok_or(GateError::Unauthenticated)
}
