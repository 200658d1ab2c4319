//! From one era of the protocol to the other, where the gateway asks a server in its own name.

use countersign_evidence::json::{Object, Value};
use countersign_mcp::jsonrpc::Message;
use countersign_mcp::modern::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION};

/// What a modern request says of itself.
const MODERN_META: [&str; 4] = [PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL];
/// The version that the gateway speaks with modern servers.
pub(crate) const MODERN: &str = "2026-07-28";
/// The version that it speaks with the others.
pub(crate) const LEGACY: &str = "2025-11-25";

/// A request as a server of that era wants it. The gateway's own name and version stand for a client that said nothing of itself.
pub(crate) fn request(message: &mut Message, modern: bool) {
    let params = message.body.get("params").and_then(Value::as_object).cloned();
    let mut params = params.unwrap_or_default();
    let mut meta = params.get("_meta").and_then(Value::as_object).cloned().unwrap_or_default();
    match modern {
        true => {
            meta.insert(PROTOCOL_VERSION, MODERN);
            if !meta.contains(CLIENT_INFO) {
                meta.insert(CLIENT_INFO, own_name());
            }
            // What the client could do for a server it cannot do through us.
            meta.insert(CLIENT_CAPABILITIES, Object::new());
        }
        false => MODERN_META.iter().for_each(|name| drop(meta.remove(name))),
    }
    match meta.is_empty() {
        true => drop(params.remove("_meta")),
        false => drop(params.insert("_meta", meta)),
    }
    message.body.insert("params", params);
}

/// A server's answer as a client of that era knows it.
pub(crate) fn answer(mut answer: Object, modern: bool) -> Object {
    let Some(Value::Object(result)) = answer.get_mut("result") else { return answer };
    match (modern, result.get("resultType").and_then(Value::as_str)) {
        (true, None) => drop(result.insert("resultType", "complete")),
        (false, Some("input_required")) => {
            let text = "The tool asks for input, which cannot be given through this gateway. It did nothing yet.";
            let content: Object = [("type", "text"), ("text", text)].into_iter().collect();
            let mut refusal = Object::new();
            refusal.insert("content", vec![Value::Object(content)]);
            refusal.insert("isError", true);
            answer.insert("result", refusal);
        }
        _ => {}
    }
    answer
}

/// The gateway as a client.
pub(crate) fn own_name() -> Object {
    [("name", "countersign"), ("version", env!("CARGO_PKG_VERSION"))].into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn there_and_back() {
        let text = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"vendor/x":1}}}"#;
        let mut message = countersign_mcp::read(text, 4096).unwrap();
        let before = message.body.clone();
        request(&mut message, true);
        let meta = message.params().unwrap().get("_meta").unwrap().as_object().unwrap().clone();
        assert_eq!((meta.len(), meta.get(PROTOCOL_VERSION).unwrap().as_str()), (4, Some(MODERN)));
        request(&mut message, false);
        assert_eq!(message.body, before);
    }

    #[test]
    fn answers_say_what_their_client_understands() {
        let of = |text: &str| countersign_mcp::read(text.as_bytes(), 4096).unwrap().body;
        let plain = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
        let typed = answer(of(plain), true);
        assert_eq!(typed.get("result").unwrap().get("resultType").unwrap().as_str(), Some("complete"));
        assert_eq!(answer(of(plain), false), of(plain));
        let asks = answer(of(r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}"#), false);
        assert_eq!(asks.get("result").unwrap().get("isError").unwrap().as_bool(), Some(true));
    }
}
