//! What an edit changes, element by element.

use countersign_client::wire::{Step, each_difference};
use countersign_evidence::json::Value;

/// One line per changed element: `+ path: new`, `- path: old`, `~ path: old → new`. Empty where the values are equal.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    each_difference(before, after, &mut |path, before, after| {
        let text = |value: Option<&Value>| value.map(Value::to_canonical).unwrap_or_default();
        let (path, old, new) = (written(path), text(before), text(after));
        lines.push(match (before, after) {
            (Some(_), None) => format!("- {path}: {old}"),
            (None, _) => format!("+ {path}: {new}"),
            (Some(_), Some(_)) => format!("~ {path}: {old} → {new}"),
        });
    });
    lines
}

fn written(path: &[Step<'_>]) -> String {
    path.iter().fold("payload".to_owned(), |path, step| match step {
        Step::Member(name) => format!("{path}.{name}"),
        Step::Element(at) => format!("{path}[{at}]"),
    })
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
