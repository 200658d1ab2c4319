//! Names that some readers take for others: Go's `encoding/json` matches members without regard to case, and the last one wins.

use countersign_evidence::json::Object;

/// A name as such a reader compares it: Unicode simple folding, as far as upper and lower case go.
pub(crate) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The first member that is none of `known`, and that could be taken for one of them.
pub(crate) fn among<'a>(object: &'a Object, known: &[&str]) -> Option<&'a str> {
    let taken = |name: &str| known.iter().any(|known| folded(known) == folded(name));
    object.iter().map(|(name, _)| name).find(|name| !known.contains(name) && taken(name))
}

/// The second of two members of which one could be taken for the other.
pub(crate) fn pair(object: &Object) -> Option<&str> {
    let mut seen = std::collections::HashSet::new();
    object.iter().map(|(name, _)| name).find(|name| !seen.insert(folded(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_folds_to_the_same_is_found() {
        let object: Object = [("Method", 1), ("argument\u{17f}", 2), ("vendor", 3)].into_iter().collect();
        assert_eq!(among(&object, &["method"]), Some("Method"));
        assert_eq!(among(&object, &["arguments"]), Some("argument\u{17f}"));
        assert_eq!(among(&object, &["vendor", "params"]), None);
        let kelvin: Object = [("key", 1), ("\u{212a}ey", 2)].into_iter().collect();
        assert_eq!(pair(&kelvin), Some("\u{212a}ey"));
        assert_eq!(pair(&object), None);
    }
}
