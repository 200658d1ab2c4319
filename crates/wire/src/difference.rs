//! How two values differ, element by element.

use std::collections::BTreeSet;

use countersign_evidence::json::Value;

use crate::Change;

/// Differences listed at most; what lies beyond is told as one change of the whole.
const MOST: usize = 1_000;

/// What is there, gone or other in `after`. Empty exactly where both are equal.
pub fn difference(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    if changes.len() > MOST {
        return vec![Change { path: String::new(), before: Some(before.clone()), after: Some(after.clone()) }];
    }
    changes
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after || changes.len() > MOST {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&str> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
            for name in names {
                let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                element(path, old.get(name), new.get(name), changes);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for at in 0..old.len().max(new.len()) {
                element(format!("{path}/{at}"), old.get(at), new.get(at), changes);
            }
        }
        _ => changes.push(Change { path: path.to_owned(), before: Some(before.clone()), after: Some(after.clone()) }),
    }
}

fn element(path: String, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(before), Some(after)) => compare(&path, before, after, changes),
        (None, None) => {}
        (before, after) => changes.push(Change { path, before: before.cloned(), after: after.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_evidence::json::{Limits, parse};

    use super::*;

    fn value(text: &str) -> Value {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    #[test]
    fn only_what_changed_is_told() {
        let before = value(r#"{"amount":900,"to":{"iban":"CH1","na/me":"x"},"tags":["a","b"],"note":null}"#);
        let after = value(r#"{"amount":90,"to":{"iban":"CH1","na/me":"y"},"tags":["a"],"memo":""}"#);
        let told: Vec<(String, Option<String>, Option<String>)> = difference(&before, &after)
            .into_iter()
            .map(|one| (one.path, one.before.map(|old| old.to_canonical()), one.after.map(|new| new.to_canonical())))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("/amount".to_owned(), some("900"), some("90")),
                ("/memo".to_owned(), None, some("\"\"")),
                ("/note".to_owned(), some("null"), None),
                ("/tags/1".to_owned(), some("\"b\""), None),
                ("/to/na~1me".to_owned(), some("\"x\""), some("\"y\"")),
            ]
        );
        assert_eq!(difference(&before, &before), []);
    }

    #[test]
    fn what_differs_everywhere_is_told_as_a_whole() {
        let many = |digit: u8| Value::from(vec![Value::from(i64::from(digit)); 2_000]);
        let told = difference(&many(1), &many(2));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].path, "");
    }
}
