//! What of a call's params is its payload, and what only carries it.
//!
//! The payload (`docs/evidence-format.md` §4) is the params less the [`crate::TRANSPORT_KEYS`] of `_meta`, plus two members that
//! say whose tool it is: `server` (the configured name) and `definition` (SHA-256 of the tool's definition, where the
//! server listed it). It is what policy reads, reviewers judge and the gate authorizes. The params that are sent are
//! built from the authorized payload, and the transport keys go along as received.

use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Correlation;
use countersign_evidence::trace::{SpanId, TraceParent};
use uuid::Uuid;

use crate::lookalike;
use crate::transport::{Transport, TransportError};

/// Members of the payload that the gateway adds, and that params must therefore not have.
const OURS: [&str; 2] = ["server", "definition"];

/// Members of params that MCP gives a meaning, and those that the gateway adds.
const MEMBERS: [&str; 8] =
    ["name", "arguments", "_meta", "task", "inputResponses", "requestState", "server", "definition"];

/// The params of one `tools/call`, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    params: Object,
    pub(crate) transport: Transport,
    had_meta: bool,
}

/// Why params are refused, or an edited payload is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("tools/call needs params: an object with the member \"name\"")]
    NoParams,
    #[error("the params' member \"name\" must be a string")]
    NoName,
    #[error("the params' member {0:?} must be an object")]
    NotAnObject(&'static str),
    #[error("the params have a member {0:?}, which the gateway itself adds to what is judged: leave it out")]
    Reserved(&'static str),
    #[error("the member {0:?} could be taken for another one: leave it out")]
    Lookalike(String),
    #[error("the authorized payload names another {0}")]
    Another(&'static str),
    #[error("the authorized payload is not an object")]
    NoPayload,
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Call {
    /// Takes the params of a `tools/call` apart.
    pub(crate) fn read(params: Option<&Value>) -> Result<Self, PayloadError> {
        let mut params = params.and_then(Value::as_object).ok_or(PayloadError::NoParams)?.clone();
        let name = params.get("name").and_then(Value::as_str).ok_or(PayloadError::NoName)?.to_owned();
        if let Some(ours) = OURS.into_iter().find(|name| params.contains(name)) {
            return Err(PayloadError::Reserved(ours));
        }
        let arguments = params.get("arguments").and_then(Value::as_object);
        let alike = lookalike::among(&params, &MEMBERS).or_else(|| lookalike::pair(arguments?));
        if let Some(name) = alike {
            return Err(PayloadError::Lookalike(name.to_owned()));
        }
        if params.get("arguments").is_some_and(|arguments| arguments.as_object().is_none()) {
            return Err(PayloadError::NotAnObject("arguments"));
        }
        let meta = params.remove("_meta");
        let had_meta = meta.is_some();
        let mut rest = match meta {
            None => Object::new(),
            Some(Value::Object(meta)) => meta,
            Some(_) => return Err(PayloadError::NotAnObject("_meta")),
        };
        let transport = Transport::take(&mut rest)?;
        if !rest.is_empty() {
            params.insert("_meta", rest);
        }
        Ok(Call { name, params, transport, had_meta })
    }

    /// The payload: what is judged and authorized.
    pub(crate) fn payload(&self, server: &str, definition: Option<Digest>) -> Value {
        let mut payload = self.params.clone();
        payload.insert("server", server);
        with_definition(&Value::Object(payload), definition)
    }

    /// The params that are sent for an authorized payload. A reviewer may have edited it, but not made it another tool's.
    pub(crate) fn params(&self, proposed: &Value, authorized: &Value) -> Result<Value, PayloadError> {
        let mut params = authorized.as_object().ok_or(PayloadError::NoPayload)?.clone();
        for name in ["name", "server", "definition"] {
            if proposed.get(name) != authorized.get(name) {
                return Err(PayloadError::Another(name));
            }
        }
        OURS.into_iter().for_each(|name| drop(params.remove(name)));
        let mut meta = match params.remove("_meta") {
            None => Object::new(),
            Some(Value::Object(meta)) => meta,
            Some(_) => return Err(PayloadError::NotAnObject("_meta")),
        };
        for (name, value) in self.transport.iter().filter(|(name, _)| !authorized_has(authorized, name)) {
            meta.insert(name, value.clone());
        }
        if self.had_meta || !meta.is_empty() {
            params.insert("_meta", meta);
        }
        Ok(Value::Object(params))
    }

    /// The ids that tie the call to what surrounds it; only those that are identifiers.
    pub(crate) fn correlation(&self) -> Correlation {
        let (trace_id, span_id) = self.trace();
        Correlation {
            trace_id,
            span_id,
            session_id: self.id("sessionId").or_else(|| self.turn("session_id")),
            conversation_id: self.id("threadId").or_else(|| self.turn("thread_id")),
            call_id: self.id("claudecode/toolUseId").or_else(|| self.id("callId")),
            parent_action: None,
            ticket: None,
        }
    }

    /// The model that the client says it asks for.
    pub(crate) fn model(&self) -> Option<String> {
        self.turn("model")
    }

    fn id(&self, name: &str) -> Option<String> {
        identifier(self.transport.get(name))
    }

    fn turn(&self, name: &str) -> Option<String> {
        identifier(self.transport.get("x-codex-turn-metadata").and_then(|turn| turn.get(name)))
    }

    /// The client's place in a trace, where it said one.
    fn trace_parent(&self) -> Option<TraceParent> {
        self.transport.get("traceparent").and_then(Value::as_str).and_then(TraceParent::read)
    }

    fn trace(&self) -> (Option<String>, Option<String>) {
        self.trace_parent().map(|parent| (parent.trace.to_string(), parent.span.to_string())).unzip()
    }

    /// The params as they are sent: a trace that the client began goes on through the action's own span.
    pub(crate) fn traced(&self, mut params: Value, action: Uuid) -> Value {
        let Some(parent) = self.trace_parent() else { return params };
        let own = TraceParent { span: SpanId::of_action(action), ..parent };
        if let Value::Object(params) = &mut params
            && let Some(Value::Object(meta)) = params.get_mut("_meta")
            && meta.contains("traceparent")
        {
            meta.insert("traceparent", own.to_string());
        }
        params
    }
}

/// The same payload for a tool of this definition.
pub(crate) fn with_definition(payload: &Value, definition: Option<Digest>) -> Value {
    let mut payload = payload.as_object().cloned().unwrap_or_default();
    payload.remove("definition");
    if let Some(definition) = definition {
        payload.insert("definition", definition.to_string());
    }
    Value::Object(payload)
}

fn authorized_has(authorized: &Value, name: &str) -> bool {
    authorized.get("_meta").and_then(|meta| meta.get(name)).is_some()
}

fn identifier(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| is_identifier(text)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    const PARAMS: &str = r#"{"_meta":{"callId":"c1","progressToken":1,"traceparent":
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","vendor/x":1e400,"sessionId":"with space"},
        "arguments":{"n":12345678901234567890123},"name":"t","task":{"ttl":5}}"#;

    #[test]
    fn transport_keys_are_left_out_of_the_payload_and_sent_all_the_same() {
        let call = Call::read(Some(&json(PARAMS))).unwrap();
        let payload = call.payload("s", Some(Digest::of(b"x")));
        let expected = r#"{"_meta":{"vendor/x":1e+400},"arguments":{"n":12345678901234567890123},"definition":"LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE","name":"t","server":"s","task":{"ttl":5}}"#;
        assert_eq!(payload.to_canonical(), expected);
        assert_eq!(call.params(&payload, &payload).unwrap(), json(PARAMS));
    }

    #[test]
    fn every_shape_of_params_comes_back_as_it_was() {
        for text in [
            r#"{"name":"t"}"#,
            r#"{"name":"t","_meta":{}}"#,
            r#"{"name":"t","_meta":{"progressToken":"x"}}"#,
            r#"{"name":"t","arguments":{},"inputResponses":{"a":{"action":"accept"}},"requestState":"s"}"#,
        ] {
            let call = Call::read(Some(&json(text))).unwrap();
            let payload = call.payload("s", None);
            assert_eq!(call.params(&payload, &payload).unwrap(), json(text), "{text}");
        }
    }

    #[test]
    fn ids_are_correlated_only_where_they_are_identifiers() {
        let correlation = Call::read(Some(&json(PARAMS))).unwrap().correlation();
        assert_eq!(correlation.call_id.as_deref(), Some("c1"));
        assert_eq!(correlation.session_id, None);
        assert_eq!(correlation.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(correlation.span_id.as_deref(), Some("b7ad6b7169203331"));
    }

    #[test]
    fn a_trace_goes_on_through_the_actions_own_span() {
        let call = Call::read(Some(&json(PARAMS))).unwrap();
        let action = Uuid::from_u128(7);
        let sent = call.traced(json(PARAMS), action);
        let expected = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", SpanId::of_action(action));
        assert_eq!(sent.get("_meta").unwrap().get("traceparent").unwrap().as_str(), Some(expected.as_str()));
        let untraced = Call::read(Some(&json(r#"{"name":"t","_meta":{"traceparent":"00-x"}}"#))).unwrap();
        let params = json(r#"{"name":"t","_meta":{"traceparent":"00-x"}}"#);
        assert_eq!(untraced.traced(params.clone(), action), params, "what is no trace is left as it is");
    }

    #[test]
    fn an_edit_may_not_make_it_another_call() {
        let call = Call::read(Some(&json(r#"{"name":"t","arguments":{"a":1}}"#))).unwrap();
        let proposed = call.payload("s", None);
        let edit = |text: &str| call.params(&proposed, &json(text));
        assert_eq!(
            edit(r#"{"name":"t","server":"s","arguments":{"a":2}}"#).unwrap(),
            json(r#"{"name":"t","arguments":{"a":2}}"#)
        );
        assert_eq!(edit(r#"{"name":"u","server":"s"}"#), Err(PayloadError::Another("name")));
        assert_eq!(edit(r#"{"name":"t","server":"z"}"#), Err(PayloadError::Another("server")));
        assert_eq!(edit(r#"{"name":"t","server":"s","definition":"d"}"#), Err(PayloadError::Another("definition")));
        assert_eq!(edit("[]"), Err(PayloadError::NoPayload));
    }

    #[test]
    fn bad_params_are_refused() {
        for (text, error) in [
            ("{}", PayloadError::NoName),
            ("[]", PayloadError::NoParams),
            (r#"{"name":1}"#, PayloadError::NoName),
            (r#"{"name":"t","arguments":[]}"#, PayloadError::NotAnObject("arguments")),
            (r#"{"name":"t","arguments":null}"#, PayloadError::NotAnObject("arguments")),
            (r#"{"name":"t","_meta":1}"#, PayloadError::NotAnObject("_meta")),
            (r#"{"name":"t","server":"x"}"#, PayloadError::Reserved("server")),
            (r#"{"name":"t","argument\u017f":{"a":1}}"#, PayloadError::Lookalike("argument\u{17f}".into())),
            (r#"{"name":"t","Arguments":{"a":1}}"#, PayloadError::Lookalike("Arguments".into())),
            (r#"{"name":"t","arguments":{"path":"a","Path":"b"}}"#, PayloadError::Lookalike("path".into())),
            (r#"{"name":"t","definition":"x"}"#, PayloadError::Reserved("definition")),
        ] {
            assert_eq!(Call::read(Some(&json(text))).unwrap_err(), error, "{text}");
        }
        assert_eq!(Call::read(None).unwrap_err(), PayloadError::NoParams);
    }
}
