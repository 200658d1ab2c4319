//! Whether a payload is of the form that the tool says it takes. The tool's words are another party's: what does not fit is
//! told, and nothing is refused for it.

use countersign_evidence::json::Value;
use jsonschema::PatternOptions;

/// Misfits that are told at most.
const MOST: usize = 20;

/// Where the payload does not fit, in words. Nothing where the tool says nothing, or what it says is no JSON Schema.
pub(crate) fn misfits(definition: Option<&Value>, payload: &Value) -> Vec<String> {
    let Some(schema) = definition.and_then(|definition| definition.get("inputSchema")) else { return Vec::new() };
    // What MCP calls arguments lies in the payload beside the tool's name.
    let (at, arguments) = match payload.get("arguments") {
        Some(arguments) => ("/arguments", arguments),
        None => ("", payload),
    };
    let read = |value: &Value| serde_json::from_str::<serde_json::Value>(&value.to_canonical()).ok();
    let (Some(schema), Some(arguments)) = (read(schema), read(arguments)) else { return Vec::new() };
    // An engine that takes no longer than its text: patterns come from elsewhere.
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    let Ok(validator) = options.build(&schema) else { return Vec::new() };
    let told = |error: jsonschema::ValidationError<'_>| format!("{at}{}: {error}", error.instance_path());
    validator.iter_errors(&arguments).take(MOST).map(told).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_evidence::json::{Limits, Value, parse};

    use super::misfits;

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let tool = json(
            r#"{"name":"t","inputSchema":{"type":"object","required":["to"],"properties":{"amount":{"type":"number","maximum":10},"to":{"type":"string"}}}}"#,
        );
        let told = |payload: &str| misfits(Some(&tool), &json(payload));
        assert!(told(r#"{"arguments":{"amount":3,"to":"a"}}"#).is_empty());
        let wrong = told(r#"{"arguments":{"amount":"3"},"name":"t"}"#);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong.iter().any(|one| one.starts_with("/arguments/amount: ")), "{wrong:?}");
        assert_eq!(told(r#"{"amount":11,"to":"a"}"#).len(), 1, "a payload without arguments is the arguments");
    }

    #[test]
    fn a_tool_that_says_nothing_or_nonsense_is_told_nothing_of() {
        let payload = json(r#"{"arguments":{}}"#);
        assert!(misfits(None, &payload).is_empty());
        for tool in [
            r#"{"name":"t"}"#,
            r#"{"inputSchema":7}"#,
            r#"{"inputSchema":{"type":"nonsense"}}"#,
            r#"{"inputSchema":{"$ref":"https://example.org/x"}}"#,
        ] {
            assert!(misfits(Some(&json(tool)), &payload).is_empty(), "{tool}");
        }
    }
}
