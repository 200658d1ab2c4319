//! Callers, values and requests as tests make them.

use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::record::{Agent, Correlation, Isolation, KeyKind, Role, Strength, ToolRef};
use countersign_wire::{ProposeRequest, StartRequest, UserRef};
use uuid::Uuid;

use crate::{Caller, Person};

fn caller(number: u128, kind: KeyKind, person: Option<Person>) -> Caller {
    Caller {
        key: Uuid::from_u128(number),
        kind,
        environments: Vec::new(),
        agents: Vec::new(),
        person,
        isolation: Isolation::SeparateUser,
        method: "key",
        strength: Strength::SingleFactor,
        proved: None,
        on_the_wire: false,
    }
}

/// The n-th agent's key.
pub fn agent(n: u128) -> Caller {
    caller(0xa000 + n, KeyKind::Agent, None)
}

/// The n-th enforcement point's key.
pub fn gateway(n: u128) -> Caller {
    caller(0xb000 + n, KeyKind::Gateway, None)
}

/// The n-th reviewer, in these groups; `user` is the identity under which agents act for this person.
pub fn reviewer(n: u128, groups: &[&str], user: Option<&str>) -> Caller {
    let person = Person {
        id: Uuid::from_u128(0xd000 + n),
        name: format!("Reviewer {n}"),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        user: user.map(str::to_owned),
        roles: vec![Role::Reviewer],
        until: None,
        passkeys: Vec::new(),
        stands_in_for: Vec::new(),
    };
    caller(0xc000 + n, KeyKind::Reviewer, Some(person))
}

/// A value from its JSON text.
///
/// # Panics
/// Where the text is no JSON.
pub fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), Limits::default()).unwrap()
}

/// A proposal to call `server/tool`.
///
/// # Panics
/// Where `tool` has no server.
pub fn proposal(request_id: &str, agent: &str, tool: &str, payload: Value) -> ProposeRequest {
    let (server, name) = tool.split_once('/').unwrap();
    ProposeRequest {
        request_id: request_id.to_owned(),
        agent: Agent { id: agent.to_owned(), version: None },
        model: None,
        user: None,
        environment: None,
        tool: ToolRef { name: name.to_owned(), server: server.to_owned(), definition: None },
        category: None,
        resource: None,
        payload,
        intent: None,
        context: None,
        correlation: Correlation::default(),
        source: None,
        start_if_allowed: None,
        redeem: false,
        wait_s: 0,
    }
}

/// A proposal to pay so much, as [`RULES`] judge it.
pub fn pay(request_id: &str, agent: &str, amount: i64) -> ProposeRequest {
    proposal(request_id, agent, "shop/pay", amount_of(amount))
}

/// The payload of [`pay`].
pub fn amount_of(amount: i64) -> Value {
    value(&format!(r#"{{"amount":{amount}}}"#))
}

/// The same proposal on behalf of a user.
pub fn on_behalf(request: ProposeRequest, user: &str) -> ProposeRequest {
    ProposeRequest { user: Some(UserRef { id: user.to_owned(), groups: Vec::new() }), ..request }
}

/// A start with the whole payload.
pub fn start(attempt: &str, payload: Value) -> StartRequest {
    StartRequest {
        attempt: attempt.to_owned(),
        request_id: None,
        context: None,
        executor: None,
        payload: Some(payload),
        payload_sha256: None,
        deadline_s: None,
    }
}
