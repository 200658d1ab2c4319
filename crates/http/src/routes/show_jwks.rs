use axum::extract::State;
use countersign_evidence::json::{Object, Value};

use crate::answer::{Answer, ok};
use crate::app::App;

/// AuthZEN: the key that signs binding tokens and approvals
#[utoipa::path(get, path = "/access/v1/jwks", tag = "authzen",
    responses((status = 200, body = Object, description = "A JWK Set (RFC 7517)")))]
pub(crate) async fn show_jwks(State(app): State<App>) -> Answer {
    let keys = vec![Value::Object(app.authzen()?.signer.jwk())];
    ok(&Object::from_iter([("keys", keys)]))
}
