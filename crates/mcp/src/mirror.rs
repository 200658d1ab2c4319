//! Arguments that a modern server wants repeated in HTTP headers (MCP 2026-07-28, "Streamable HTTP": `x-mcp-header`).
//!
//! The headers only say again what the body says, for whatever stands between and routes by them. Nothing is decided by them:
//! a gateway checks that they say the same, and writes them anew for what it sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_evidence::json::{Object, Value};

/// Most mirrored arguments of one tool.
const MOST: usize = 64;
/// Most schemas of one definition that are looked at.
const MOST_SCHEMAS: usize = 10_000;
/// Keywords that hold schemas by name.
const NAMED: [&str; 4] = ["patternProperties", "dependentSchemas", "$defs", "definitions"];
/// Keywords that hold a schema, or a list of them. A declaration below one, or below [`NAMED`], makes the definition invalid: it
/// would not always apply.
const CONDITIONAL: [&str; 14] = [
    "items",
    "prefixItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
];
/// Around the base64 of a value that no header can hold as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// One argument that is repeated in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The header's name, `Mcp-Param-` and what the tool says.
    pub header: String,
    path: Vec<String>,
}

impl Mirror {
    /// What the header must hold for these arguments; `None` where it must not be there.
    pub fn value(&self, arguments: Option<&Value>) -> Option<String> {
        let found = self.path.iter().try_fold(arguments?, |value, name| value.get(name))?;
        let text = match found {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.as_str().to_owned(),
            _ => return None,
        };
        Some(encoded(&text))
    }
}

/// A text as a header's value: as it is where it is plain ASCII without space around it, else as base64 of its UTF-8.
pub fn encoded(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    let sentinel = text.starts_with(ENCODED.0) && text.ends_with(ENCODED.1);
    match plain && !sentinel && !text.is_empty() && text.trim() == text {
        true => text.to_owned(),
        false => format!("{}{}{}", ENCODED.0, STANDARD.encode(text), ENCODED.1),
    }
}

/// What a header's value says; `None` where it is no encoding of a text.
pub fn decoded(value: &str) -> Option<String> {
    let value = value.trim_matches([' ', '\t']);
    match value.strip_prefix(ENCODED.0).and_then(|rest| rest.strip_suffix(ENCODED.1)) {
        None => Some(value.to_owned()),
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok(),
    }
}

/// The arguments that a tool's definition wants mirrored. A definition that declares it where it may not has none: clients leave
/// such a tool out.
pub(crate) fn mirrors(tool: &Value) -> Vec<Mirror> {
    let mut scan = Scan::default();
    match tool.get("inputSchema").is_none_or(|schema| scan.visit(schema, true)) {
        true => scan.found,
        false => Vec::new(),
    }
}

/// A walk over a schema, each part of it once.
#[derive(Default)]
struct Scan {
    path: Vec<String>,
    found: Vec<Mirror>,
    seen: usize,
}

impl Scan {
    /// Whether all declarations at and below `schema` are where they may be. `always`: it applies to every call.
    fn visit(&mut self, schema: &Value, always: bool) -> bool {
        let Some(schema) = schema.as_object() else { return true };
        self.seen += 1;
        if self.seen > MOST_SCHEMAS || !self.declared(schema, always) {
            return false;
        }
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
            self.path.push(name.to_owned());
            let fits = self.visit(inner, always);
            self.path.pop();
            if !fits {
                return false;
            }
        }
        let named = NAMED.iter().filter_map(|keyword| schema.get(keyword)?.as_object());
        let named = named.flat_map(Object::iter).all(|(_, inner)| self.visit(inner, false));
        named
            && CONDITIONAL.iter().filter_map(|keyword| schema.get(keyword)).all(|inner| match inner.as_array() {
                Some(all) => all.iter().all(|one| self.visit(one, false)),
                None => self.visit(inner, false),
            })
    }

    fn declared(&mut self, schema: &Object, always: bool) -> bool {
        let Some(name) = schema.get("x-mcp-header") else { return true };
        let allowed = always && !self.path.is_empty() && self.found.len() < MOST;
        let typed = matches!(schema.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean"));
        let Some(name) = name.as_str().filter(|name| is_token(name) && allowed && typed) else { return false };
        let header = format!("Mcp-Param-{name}");
        let twice = self.found.iter().any(|other| other.header.eq_ignore_ascii_case(&header));
        if !twice {
            self.found.push(Mirror { header, path: self.path.clone() });
        }
        !twice
    }
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    fn headers(schema: &str) -> Vec<String> {
        let tool = json(&format!(r#"{{"name":"t","inputSchema":{schema}}}"#));
        mirrors(&tool).into_iter().map(|mirror| mirror.header).collect()
    }

    #[test]
    fn declarations_are_found_where_they_always_apply() {
        let nested = r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},
            "b":{"properties":{"c":{"type":"integer","x-mcp-header":"C"}}}}}"#;
        assert_eq!(headers(nested), ["Mcp-Param-A", "Mcp-Param-C"]);
        for invalid in [
            r#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A b"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
            r#"{"properties":{"a":{"items":{"type":"string","x-mcp-header":"A"}}}}"#,
            r#"{"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#,
            r#"{"$defs":{"d":{"type":"string","x-mcp-header":"A"}}}"#,
            r#"{"type":"string","x-mcp-header":"A"}"#,
        ] {
            assert!(headers(invalid).is_empty(), "{invalid}");
        }
    }

    #[test]
    fn a_deep_or_wide_definition_takes_no_time() {
        let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(60), "}".repeat(60));
        assert!(headers(&deep).is_empty());
        let many: Vec<String> = (0..MOST_SCHEMAS).map(|n| format!(r#""p{n}":{{}}"#)).collect();
        let wide = format!(r#"{{"properties":{{"a":{{"type":"string","x-mcp-header":"A"}},{}}}}}"#, many.join(","));
        let tool =
            parse(format!(r#"{{"name":"t","inputSchema":{wide}}}"#).as_bytes(), Limits { bytes: 1 << 20, depth: 64 });
        assert!(mirrors(&tool.unwrap()).is_empty(), "past the limit nothing is mirrored");
    }

    #[test]
    fn values_are_written_as_headers_hold_them() {
        let mirror = Mirror { header: "Mcp-Param-A".into(), path: vec!["a".into(), "b".into()] };
        let value = |arguments: &str| mirror.value(Some(&json(arguments)));
        assert_eq!(value(r#"{"a":{"b":"x y"}}"#).as_deref(), Some("x y"));
        assert_eq!(value(r#"{"a":{"b":42}}"#).as_deref(), Some("42"));
        assert_eq!(value(r#"{"a":{"b":false}}"#).as_deref(), Some("false"));
        assert_eq!(value(r#"{"a":{"b":" x"}}"#).as_deref(), Some("=?base64?IHg=?="));
        assert_eq!((value(r#"{"a":{"b":null}}"#), value("{}")), (None, None));
        for text in ["", "plain", "é", " x", "=?base64?eA==?=", "a\r\nb: c"] {
            assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
        }
        assert_eq!(decoded("=?base64?%%%?="), None);
    }
}
