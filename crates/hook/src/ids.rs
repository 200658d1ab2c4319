//! Names that the same call always gets, so that asking again is no second action.

use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::Value;

use crate::client::Client;
use crate::event::Call;

/// The name of a call towards the gate: from the client's own id of it. Where there is none, from the whole event: with the
/// session, the tool, its input and the time that the event carries. Two identical calls within its millisecond are one.
pub(crate) fn name_of(client: Client, call: &Call) -> String {
    let own = match &call.call_id {
        Some(id) => vec![call.session.as_deref(), call.turn.as_deref(), Some(id)],
        None => vec![],
    };
    match own.is_empty() {
        false => format!("hook-{}", digest(client, &own)),
        true => format!("hook-{}", digest(client, &[Some(&call.digest.to_string())])),
    }
}

/// What the event after the call has in common with the one before it: the call's id, else tool and input.
pub(crate) fn place_of(client: Client, call: &Call, input: &Value) -> String {
    match &call.call_id {
        Some(id) => digest(client, &[Some(id)]),
        None => digest(client, &[Some(&call.tool.server), Some(&call.tool.name), Some(&input.to_canonical())]),
    }
}

/// The folder of a session.
pub(crate) fn session_of(client: Client, call: &Call) -> String {
    digest(client, &[call.session.as_deref()])
}

/// Only what is an identifier can be a correlation id.
pub(crate) fn identifier(text: Option<&String>) -> Option<String> {
    text.filter(|text| is_identifier(text)).cloned()
}

fn digest(client: Client, parts: &[Option<&str>]) -> String {
    // As JSON: no two lists of texts are written alike.
    let parts: Vec<Value> =
        [Some(client.as_str())].iter().chain(parts).map(|part| Value::from(part.map(str::to_owned))).collect();
    Digest::of(Value::Array(parts).to_canonical().as_bytes()).to_string()
}
