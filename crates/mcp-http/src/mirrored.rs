//! Headers that repeat what the body says (MCP 2026-07-28 "Streamable HTTP"): checked where they come in, and written anew for
//! what is sent. Nothing is decided by them.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use countersign_evidence::json::Value;
use countersign_mcp::jsonrpc::{Kind, Message};
use countersign_mcp::{Mirror, decoded, encoded};

use crate::era::version_of;

pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The error of a header that does not say what the body says.
pub(crate) const HEADER_MISMATCH: i64 = -32020;

/// The member of params that `Mcp-Name` repeats.
fn name_member(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

fn name_of<'a>(method: &str, params: Option<&'a Value>) -> Option<&'a str> {
    params?.get(name_member(method)?)?.as_str()
}

/// Checks that the headers of a modern request say what its body says.
///
/// # Errors
/// Which one does not.
pub(crate) fn check(headers: &HeaderMap, message: &Message, mirrors: &[Mirror]) -> Result<(), String> {
    let Kind::Request { method, .. } = &message.kind else { return Ok(()) };
    must_say(headers, &PROTOCOL_VERSION, version_of(message))?;
    must_say(headers, &METHOD, Some(method))?;
    if let Some(name) = name_of(method, message.params()) {
        must_say(headers, &NAME, Some(name))?;
    }
    let arguments = message.params().and_then(|params| params.get("arguments"));
    for mirror in mirrors {
        let name = HeaderName::from_bytes(mirror.header.as_bytes()).map_err(|error| error.to_string())?;
        let expected = mirror.value(arguments).and_then(|value| decoded(&value));
        must_say(headers, &name, expected.as_deref())?;
    }
    Ok(())
}

fn must_say(headers: &HeaderMap, name: &HeaderName, expected: Option<&str>) -> Result<(), String> {
    let mut values = headers.get_all(name).iter();
    let said = match values.next() {
        None => None,
        Some(value) => {
            let text = std::str::from_utf8(value.as_bytes()).ok().and_then(decoded);
            Some(text.ok_or_else(|| format!("the header {name} cannot be read"))?)
        }
    };
    if values.next().is_some() {
        return Err(format!("the header {name} is there more than once"));
    }
    match said.as_deref() == expected {
        true => Ok(()),
        false if said.is_none() => Err(format!("the header {name} is missing: it repeats what the body says")),
        false => Err(format!("the header {name} does not say what the body says")),
    }
}

/// The headers of a modern request that is sent.
pub(crate) fn write(headers: &mut HeaderMap, message: &Message, mirrors: &[Mirror]) {
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(&encoded(text)) {
            headers.insert(name, value);
        }
    };
    if let Some(version) = version_of(message) {
        put(PROTOCOL_VERSION, version);
    }
    let Kind::Request { method, .. } = &message.kind else { return };
    put(METHOD, method);
    if let Some(name) = name_of(method, message.params()) {
        put(NAME, name);
    }
    let arguments = message.params().and_then(|params| params.get("arguments"));
    for mirror in mirrors {
        let value = mirror.value(arguments).and_then(|value| HeaderValue::from_str(&value).ok());
        if let (Some(value), Ok(name)) = (value, HeaderName::from_bytes(mirror.header.as_bytes())) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn call(arguments: &str) -> Message {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t\u00e9","arguments":{arguments},
            "_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}}}"#
        );
        countersign_mcp::read(text.as_bytes(), 4096).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_accepted_and_nothing_else() {
        let mut headers = HeaderMap::new();
        let message = call("{}");
        write(&mut headers, &message, &[]);
        assert_eq!(headers.get(NAME).unwrap(), "=?base64?dMOp?=");
        check(&headers, &message, &[]).unwrap();
        for name in [&PROTOCOL_VERSION, &METHOD, &NAME] {
            let mut without = headers.clone();
            without.remove(name);
            assert!(check(&without, &message, &[]).unwrap_err().contains("missing"));
            let mut another = headers.clone();
            another.insert(name, "TOOLS/CALL".parse().unwrap());
            assert!(check(&another, &message, &[]).unwrap_err().contains("does not say"));
            let mut twice = headers.clone();
            twice.append(name, headers.get(name).unwrap().clone());
            assert!(check(&twice, &message, &[]).unwrap_err().contains("more than once"));
        }
        let mut broken = headers.clone();
        broken.insert(NAME, "=?base64?%%?=".parse().unwrap());
        assert!(check(&broken, &message, &[]).is_err());
    }
}
