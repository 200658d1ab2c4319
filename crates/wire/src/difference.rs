//! How two values differ, element by element.

use std::collections::BTreeSet;

use countersign_evidence::json::Value;

use crate::{Change, pointer};

/// Differences listed at most; what lies beyond is told as one change of the whole.
const MOST: usize = 1_000;

/// One step down into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a member of an object.
    Member(&'a str),
    /// Into an element of a list.
    Element(usize),
}

/// Is told where two values differ, and what stands there before and after.
pub type Visit<'v, 'a> = dyn FnMut(&[Step<'a>], Option<&'a Value>, Option<&'a Value>) + 'v;

/// Calls with each place where `after` is other than `before`, and what stands there in both. Never where both are equal.
pub fn each_difference<'a>(before: &'a Value, after: &'a Value, each: &mut Visit<'_, 'a>) {
    walk(&mut Vec::new(), Some(before), Some(after), each);
}

fn walk<'a>(path: &mut Vec<Step<'a>>, before: Option<&'a Value>, after: Option<&'a Value>, each: &mut Visit<'_, 'a>) {
    match (before, after) {
        _ if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names: BTreeSet<&str> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
            for name in names {
                path.push(Step::Member(name));
                walk(path, old.get(name), new.get(name), each);
                path.pop();
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for at in 0..old.len().max(new.len()) {
                path.push(Step::Element(at));
                walk(path, old.get(at), new.get(at), each);
                path.pop();
            }
        }
        _ => each(path, before, after),
    }
}

/// What is there, gone or other in `after`. Empty exactly where both are equal.
pub fn difference(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    each_difference(before, after, &mut |path, before, after| {
        if changes.len() <= MOST {
            changes.push(Change { path: pointer_to(path), before: before.cloned(), after: after.cloned() });
        }
    });
    if changes.len() > MOST {
        return vec![Change { path: String::new(), before: Some(before.clone()), after: Some(after.clone()) }];
    }
    changes
}

fn pointer_to(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |at, step| match step {
        Step::Member(name) => pointer::member(&at, name),
        Step::Element(place) => format!("{at}/{place}"),
    })
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
