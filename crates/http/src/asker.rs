//! Who asks: a bearer key, or the data folder's owner on its socket.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use countersign_gate::{Caller, GateError};

use crate::app::App;
use crate::peer::Peer;
use crate::problem::Failure;

/// Longest bearer key that is looked at, in bytes.
const MOST_KEY: usize = 256;

/// The caller behind a request. A handler that takes it needs authentication.
pub struct Asker(pub Caller);

impl FromRequestParts<App> for Asker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let peer = peer_of(parts);
        match bearer(parts)? {
            Some(key) => Ok(Asker(app.gate().authenticate(key, peer.isolation())?)),
            None if peer == Peer::Owner => Ok(Asker(Caller::owner())),
            None => Err(GateError::Unauthenticated.into()),
        }
    }
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
