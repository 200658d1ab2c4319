//! Places in a value (JSON Pointer, RFC 6901).

use countersign_evidence::json::Value;

/// The pointer to a member of the object that `at` points to.
pub fn member(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What `pointer` points to, where every step of it names a member of an object.
pub fn find<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    let names = pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"));
    names.into_iter().try_fold(value, |value, name| value.as_object()?.get(&name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_evidence::json::{Limits, parse};

    use super::*;

    #[test]
    fn a_pointer_finds_what_it_was_made_for() {
        let value = parse(br#"{"a/b":{"~1":{"":7}}}"#, Limits::default()).unwrap();
        let pointer = ["a/b", "~1", ""].iter().fold(String::new(), |at, name| member(&at, name));
        assert_eq!(pointer, "/a~1b/~01/");
        assert_eq!(find(&value, &pointer).unwrap().to_canonical(), "7");
        assert_eq!(find(&value, ""), Some(&value));
        assert_eq!(find(&value, "/a~1b/b"), None);
    }
}
