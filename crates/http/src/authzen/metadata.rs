//! Where everything is (Authorization API 1.0 §9, ARAP §5).

use countersign_evidence::json::{Object, Value};
use countersign_gate::Gate;

/// Where access is asked for.
pub(crate) fn request_endpoint(gate: &Gate) -> String {
    format!("{}/access/v1/requests", gate.public_url())
}

/// `/.well-known/authzen-configuration`. What is not listed is not offered: nothing is searched here.
pub(crate) fn configuration(gate: &Gate) -> Object {
    let of = |path: &str| Value::from(format!("{}{path}", gate.public_url()));
    Object::from_iter([
        ("policy_decision_point", of("")),
        ("access_evaluation_endpoint", of("/access/v1/evaluation")),
        ("access_evaluations_endpoint", of("/access/v1/evaluations")),
        ("access_request_endpoint", request_endpoint(gate).into()),
        ("jwks_uri", of("/access/v1/jwks")),
        ("capabilities", vec![Value::from("urn:openid:authzen:capability:access-request")].into()),
    ])
}
