//! Members of a call's `_meta` that carry it and do not change what it does.
//!
//! They differ from call to call, so they are no part of the payload: an approval could not be redeemed by the identical
//! call otherwise. Nobody judges them, so they are bounded, and whatever of them goes along to the server is recorded, as
//! the sealed `context` of the proposal or of the start.

use countersign_evidence::json::{Number, Object, Value};

use crate::modern::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION};

/// Members of `_meta` that are not part of the payload, and reach the server as the client sent them.
pub const TRANSPORT_KEYS: [&str; 15] = [
    "progressToken",
    PROTOCOL_VERSION,
    CLIENT_INFO,
    CLIENT_CAPABILITIES,
    LOG_LEVEL,
    "claudecode/toolUseId",
    "callId",
    "threadId",
    "sessionId",
    "itemId",
    "windowId",
    "x-codex-turn-metadata",
    "traceparent",
    "tracestate",
    "baggage",
];

/// Most bytes of all of them together, in canonical form.
pub const MOST_TRANSPORT: usize = 16 << 10;

/// Why transport keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("the member {name:?} of _meta must be {form}")]
    Form { name: &'static str, form: &'static str },
    #[error("the transport members of _meta have {0} bytes, over the limit of {MOST_TRANSPORT}: send less")]
    TooLong(usize),
}

/// The transport keys of one call, as received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transport(Object);

impl Transport {
    /// Takes them out of a call's `_meta`.
    pub(crate) fn take(meta: &mut Object) -> Result<Self, TransportError> {
        let mut taken = Object::new();
        for name in TRANSPORT_KEYS {
            let Some(value) = meta.remove(name) else { continue };
            if let Some(form) = form_of(name).filter(|form| !form.fits(&value)) {
                return Err(TransportError::Form { name, form: form.in_words() });
            }
            taken.insert(name, value);
        }
        let bytes = Value::Object(taken.clone()).to_canonical().len();
        if bytes > MOST_TRANSPORT { Err(TransportError::TooLong(bytes)) } else { Ok(Transport(taken)) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter()
    }

    /// Adds them to what is sealed beside a payload.
    pub(crate) fn add_to(&self, context: &mut Object) {
        if !self.0.is_empty() {
            context.insert("transport", self.0.clone());
        }
    }
}

/// The form of a member that the protocol (MCP, W3C Trace Context, W3C Baggage) gives one.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A string or an integer.
    Token,
    Text,
    Object,
}

fn form_of(name: &str) -> Option<Form> {
    match name {
        "progressToken" => Some(Form::Token),
        "traceparent" | "tracestate" | "baggage" => Some(Form::Text),
        PROTOCOL_VERSION | LOG_LEVEL => Some(Form::Text),
        CLIENT_INFO | CLIENT_CAPABILITIES => Some(Form::Object),
        // Clients' own.
        _ => None,
    }
}

impl Form {
    fn fits(self, value: &Value) -> bool {
        match self {
            Form::Token => value.as_str().is_some() || value.as_number().is_some_and(is_integer),
            Form::Text => value.as_str().is_some(),
            Form::Object => value.as_object().is_some(),
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Form::Token => "a string or an integer",
            Form::Text => "a string",
            Form::Object => "an object",
        }
    }
}

fn is_integer(number: &Number) -> bool {
    let decimal = number.decimal();
    i64::try_from(decimal.digits.len()).is_ok_and(|length| length <= decimal.point) || decimal.digits.is_empty()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::{Limits, parse};

    fn take(meta: &str) -> Result<Transport, TransportError> {
        Transport::take(parse(meta.as_bytes(), Limits::default()).unwrap().as_object().cloned().as_mut().unwrap())
    }

    #[test]
    fn forms_are_checked_where_they_are_known() {
        for (meta, name) in [
            (r#"{"progressToken":1.5}"#, "progressToken"),
            (r#"{"progressToken":null}"#, "progressToken"),
            (r#"{"progressToken":{"do":"this"}}"#, "progressToken"),
            (r#"{"traceparent":1}"#, "traceparent"),
            (r#"{"tracestate":["a"]}"#, "tracestate"),
            (r#"{"baggage":{}}"#, "baggage"),
            (r#"{"io.modelcontextprotocol/protocolVersion":1}"#, "io.modelcontextprotocol/protocolVersion"),
            (r#"{"io.modelcontextprotocol/logLevel":{}}"#, "io.modelcontextprotocol/logLevel"),
            (r#"{"io.modelcontextprotocol/clientInfo":"x"}"#, "io.modelcontextprotocol/clientInfo"),
            (r#"{"io.modelcontextprotocol/clientCapabilities":[]}"#, "io.modelcontextprotocol/clientCapabilities"),
        ] {
            assert!(matches!(take(meta), Err(TransportError::Form { name: found, .. }) if found == name), "{meta}");
        }
        for meta in
            [r#"{"progressToken":0}"#, r#"{"progressToken":-1e3}"#, r#"{"progressToken":""}"#, r#"{"itemId":{}}"#]
        {
            assert!(take(meta).is_ok(), "{meta}");
        }
    }

    #[test]
    fn together_they_are_bounded() {
        let of =
            |bytes: usize| format!(r#"{{"baggage":"{}","other":"{}"}}"#, "x".repeat(bytes), "y".repeat(MOST_TRANSPORT));
        let around = r#"{"baggage":""}"#.len();
        assert!(take(&of(MOST_TRANSPORT - around)).is_ok());
        let long = take(&of(MOST_TRANSPORT - around + 1));
        assert_eq!(long.unwrap_err(), TransportError::TooLong(MOST_TRANSPORT + 1));
    }
}
