//! JSON-RPC 2.0 messages, as far as a gateway must tell them apart (MCP "Messages").

use countersign_evidence::json::{Object, Value};

use crate::lookalike::{self, folded};

/// Not JSON (JSON-RPC 2.0 §5.1).
pub const PARSE_ERROR: i64 = -32700;
/// JSON, but no message that can be passed on.
pub const INVALID_REQUEST: i64 = -32600;
/// A method that is not known (JSON-RPC 2.0 §5.1).
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters are not what the method takes.
pub const INVALID_PARAMS: i64 = -32602;
/// The gateway or the server behind it failed.
pub const INTERNAL_ERROR: i64 = -32603;

/// The members that JSON-RPC 2.0 gives a meaning.
const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// The method that is decided.
const CALL: &str = "tools/call";

/// A request id: a string or an integer (MCP allows no null).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(Value);

impl Id {
    /// The id in `value`, where it is one.
    pub fn new(value: &Value) -> Option<Self> {
        let is_id = match value {
            Value::String(_) => true,
            Value::Number(number) => {
                let decimal = number.decimal();
                i64::try_from(decimal.digits.len()).is_ok_and(|length| decimal.point >= length)
            }
            _ => false,
        };
        is_id.then(|| Id(value.clone()))
    }

    /// The id that counts as this number.
    pub fn number(number: u64) -> Self {
        Id(Value::from(number))
    }

    /// Its canonical text: equal exactly for equal ids, and `"1"` is not `1`.
    pub fn key(&self) -> String {
        self.0.to_canonical()
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// What kind of message an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Wants an answer.
    Request {
        /// Its id.
        id: Id,
        /// Its method.
        method: String,
    },
    /// Wants none.
    Notification {
        /// Its method.
        method: String,
    },
    /// Answers a request.
    Response {
        /// Which one; absent where the peer could not read it.
        id: Option<Id>,
    },
}

/// One message with all its members.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// All of it.
    pub body: Object,
}

/// Why a JSON value is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Several in one array.
    #[error("batches are not supported: send each message on a line of its own (nothing of the batch was executed)")]
    Batch,
    /// No object.
    #[error("a message is a JSON object")]
    NotAnObject,
    /// Another protocol, or none.
    #[error("the member \"jsonrpc\" must be \"2.0\"")]
    Version,
    /// A method that is no text.
    #[error("the member \"method\" must be a string")]
    Method,
    /// An id that is none.
    #[error("the member \"id\" must be a string or an integer")]
    Id,
    /// A member that some readers take for another one.
    #[error("the member {0:?} could be taken for another one: leave it out")]
    Lookalike(String),
    /// A method that some readers take for `tools/call`.
    #[error("the method {0:?} could be taken for \"tools/call\"")]
    OddCall(String),
    /// Two kinds at once, or none.
    #[error("a message is a request (with \"method\") or a response (with either \"result\" or \"error\"), not both")]
    Ambiguous,
}

impl Message {
    /// Tells what `value` is. What two readers could take for two kinds is refused.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn read(value: Value) -> Result<Self, Invalid> {
        let body = match value {
            Value::Object(body) => body,
            Value::Array(_) => return Err(Invalid::Batch),
            _ => return Err(Invalid::NotAnObject),
        };
        if body.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(Invalid::Version);
        }
        if let Some(name) = lookalike::among(&body, &MEMBERS) {
            return Err(Invalid::Lookalike(name.to_owned()));
        }
        let method = body.get("method").and_then(Value::as_str).unwrap_or_default();
        if method != CALL && folded(method.trim()) == CALL {
            return Err(Invalid::OddCall(method.to_owned()));
        }
        let answers = usize::from(body.contains("result")) + usize::from(body.contains("error"));
        let kind = match (body.get("method"), answers) {
            (Some(Value::String(method)), 0) => match body.get("id") {
                Some(id) => Kind::Request { id: Id::new(id).ok_or(Invalid::Id)?, method: method.clone() },
                None => Kind::Notification { method: method.clone() },
            },
            (Some(_), 0) => return Err(Invalid::Method),
            (None, 1) => match body.get("id") {
                Some(Value::Null) if body.contains("error") => Kind::Response { id: None },
                Some(id) => Kind::Response { id: Some(Id::new(id).ok_or(Invalid::Id)?) },
                None => Kind::Response { id: None },
            },
            _ => return Err(Invalid::Ambiguous),
        };
        Ok(Message { kind, body })
    }

    /// The params, where there are some.
    pub fn params(&self) -> Option<&Value> {
        self.body.get("params")
    }
}

/// A request.
pub fn request(id: &Id, method: &str, params: Value) -> Object {
    object([("id", id.to_value()), ("method", Value::from(method)), ("params", params)])
}

/// A notification.
pub fn notification(method: &str, params: Value) -> Object {
    object([("method", Value::from(method)), ("params", params)])
}

/// A successful answer.
pub fn result(id: &Id, result: Value) -> Object {
    object([("id", id.to_value()), ("result", result)])
}

/// An error answer; the id is null where it could not be read, or where it is another request's.
pub fn error(id: Option<&Id>, code: i64, message: &str, data: Option<Value>) -> Object {
    let mut error = Object::new();
    error.insert("code", code);
    error.insert("message", message);
    if let Some(data) = data {
        error.insert("data", data);
    }
    object([("id", id.map(Id::to_value).unwrap_or_default()), ("error", Value::from(error))])
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    let mut message: Object = members.into_iter().collect();
    message.insert("jsonrpc", "2.0");
    message
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::{Limits, parse};

    fn read(text: &str) -> Result<Kind, Invalid> {
        Message::read(parse(text.as_bytes(), Limits::default()).unwrap()).map(|message| message.kind)
    }

    #[test]
    fn messages_are_told_apart() {
        let id = |value: Value| Id::new(&value).unwrap();
        let request = |value| Kind::Request { id: id(value), method: "m".into() };
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#), Ok(request(Value::from(1))));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":"1","method":"m"}"#), Ok(request(Value::from("1"))));
        assert_ne!(id(Value::from(1)).key(), id(Value::from("1")).key());
        assert_eq!(read(r#"{"jsonrpc":"2.0","method":"m"}"#), Ok(Kind::Notification { method: "m".into() }));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":0,"result":null}"#), Ok(Kind::Response { id: Some(id(0.into())) }));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":null,"error":{}}"#), Ok(Kind::Response { id: None }));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, invalid) in [
            ("[]", Invalid::Batch),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call"}]"#, Invalid::Batch),
            ("1", Invalid::NotAnObject),
            (r#"{"id":1,"method":"m"}"#, Invalid::Version),
            (r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, Invalid::Version),
            (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, Invalid::Id),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, Invalid::Id),
            (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, Invalid::Id),
            (r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"]}"#, Invalid::Method),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#, Invalid::Ambiguous),
            (r#"{"jsonrpc":"2.0","id":1,"error":{},"result":{}}"#, Invalid::Ambiguous),
            (r#"{"jsonrpc":"2.0","id":1}"#, Invalid::Ambiguous),
            (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Invalid::Id),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":null,"Method":"tools/call","params":{}}"#,
                Invalid::Lookalike("Method".into()),
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","Param\u017f":{}}"#, Invalid::Lookalike("Param\u{17f}".into())),
            (r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call "}"#, Invalid::OddCall("Tools/Call ".into())),
        ] {
            assert_eq!(read(text), Err(invalid), "{text}");
        }
    }
}
