//! What an edit changes, element by element.

use std::collections::BTreeSet;

use countersign_evidence::json::Value;

/// One line per changed element: `+ path: new`, `- path: old`, `~ path: old → new`. Empty where the values are equal.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("payload", before, after, &mut lines);
    lines
}

fn compare(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&str> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
            for name in names {
                let path = format!("{path}.{name}");
                element(&path, old.get(name), new.get(name), lines);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for at in 0..old.len().max(new.len()) {
                element(&format!("{path}[{at}]"), old.get(at), new.get(at), lines);
            }
        }
        _ => lines.push(format!("~ {path}: {} → {}", before.to_canonical(), after.to_canonical())),
    }
}

fn element(path: &str, before: Option<&Value>, after: Option<&Value>, lines: &mut Vec<String>) {
    match (before, after) {
        (Some(before), Some(after)) => compare(path, before, after, lines),
        (Some(before), None) => lines.push(format!("- {path}: {}", before.to_canonical())),
        (None, Some(after)) => lines.push(format!("+ {path}: {}", after.to_canonical())),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_evidence::json::{Limits, parse};

    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let value = |text: &str| parse(text.as_bytes(), Limits::default()).unwrap();
        let before = value(r#"{"amount":900,"to":{"iban":"CH1","name":"x"},"tags":["a","b"],"note":null}"#);
        let after = value(r#"{"amount":90,"to":{"iban":"CH2","name":"x"},"tags":["a"],"memo":""}"#);
        assert_eq!(
            differences(&before, &after),
            [
                "~ payload.amount: 900 → 90",
                "+ payload.memo: \"\"",
                "- payload.note: null",
                "- payload.tags[1]: \"b\"",
                "~ payload.to.iban: \"CH1\" → \"CH2\"",
            ]
        );
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        assert_eq!(differences(&value("1"), &value("1.50")), ["~ payload: 1 → 1.5"]);
    }
}
