//! The tools that the server listed: their definitions' hashes, and what kind of side effect they announce.

use std::collections::HashMap;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::Category;

use crate::mirror::{Mirror, mirrors};

/// Most tools that are remembered; a server that lists more has the rest proposed without a definition.
const MOST_TOOLS: usize = 10_000;

/// What is known of one tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Definition {
    /// SHA-256 of the canonical form of the tool object.
    pub(crate) digest: Digest,
    /// The kind of side effect that its annotations announce.
    pub(crate) category: Category,
    /// The first digest seen in this run, where it was another.
    pub(crate) before: Option<Digest>,
}

/// Definitions as last listed.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    tools: HashMap<String, Known>,
    listing: Listing,
    failures: u64,
    /// Definitions that the gate has not been told of.
    untold: Vec<Value>,
}

/// How the latest listing stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// The server must be asked.
    #[default]
    Due,
    /// What is not known is not there.
    Whole,
    /// The server gave none, or not all of it: nobody can say what is not known.
    Failed,
}

#[derive(Debug)]
struct Known {
    first: Digest,
    now: Digest,
    category: Category,
    mirrors: Vec<Mirror>,
    fresh: bool,
}

impl Known {
    fn new(digest: Digest, tool: &Value) -> Self {
        Known { first: digest, now: digest, category: category_of(tool), mirrors: mirrors(tool), fresh: true }
    }
}

/// The category that a tool's annotations announce. They are hints of an untrusted server: the policy's catalogue wins.
///
/// `readOnlyHint: true` is `read`; else `destructiveHint: false` is `write` (it only adds); else `destructiveHint: true`
/// is `delete` (what was there may be gone). A tool that says neither could do anything, as if it ran code: `execute`.
pub fn category_of(tool: &Value) -> Category {
    let hint = |name: &str| tool.get("annotations").and_then(|hints| hints.get(name)).and_then(Value::as_bool);
    match (hint("readOnlyHint"), hint("destructiveHint")) {
        (Some(true), _) => Category::Read,
        (_, Some(false)) => Category::Write,
        (_, Some(true)) => Category::Delete,
        (_, None) => Category::Execute,
    }
}

impl Catalogue {
    /// Reads one page of a `tools/list` result. The last one completes the listing, where it was read `from_start`.
    pub(crate) fn observe(&mut self, result: &Value, from_start: bool) {
        let tools = result.get("tools").and_then(Value::as_array).unwrap_or_default();
        for tool in tools {
            if let Some(name) = tool.get("name").and_then(Value::as_str) {
                self.learn(name, tool);
            }
        }
        if from_start && result.get("nextCursor").is_none_or(Value::is_null) {
            self.listing = Listing::Whole;
        }
    }

    /// Definitions that were not seen before, once.
    pub(crate) fn take_untold(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.untold)
    }

    /// What was listed may no longer hold (`notifications/tools/list_changed`).
    pub(crate) fn stale(&mut self) {
        self.listing = Listing::Due;
        self.tools.values_mut().for_each(|known| known.fresh = false);
    }

    /// The server does not list its tools, or not in time.
    pub(crate) fn give_up(&mut self) {
        self.listing = Listing::Failed;
        self.failures += 1;
    }

    /// Listings that failed: who waited for one does not try again at once.
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether the server must be asked before the next call of this tool. After it has failed to list, it is asked again only
    /// for a tool that it did list before: one that never does is left alone until something changes.
    pub(crate) fn needs_listing(&self, name: &str) -> bool {
        match self.listing {
            Listing::Due => true,
            Listing::Whole => false,
            Listing::Failed => self.tools.get(name).is_some_and(|known| !known.fresh),
        }
    }

    /// Whether anybody can say what this tool is, or that it is not there.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.listing == Listing::Whole || self.find(name).is_some()
    }

    /// The tool's definition, where the server's latest listing has it.
    pub(crate) fn find(&self, name: &str) -> Option<Definition> {
        let known = self.tools.get(name).filter(|known| known.fresh)?;
        let before = (known.first != known.now).then_some(known.first);
        Some(Definition { digest: known.now, category: known.category, before })
    }

    /// How the tool wants its arguments mirrored.
    pub(crate) fn mirrors(&self, name: &str) -> Vec<Mirror> {
        self.tools.get(name).filter(|known| known.fresh).map(|known| known.mirrors.clone()).unwrap_or_default()
    }

    fn learn(&mut self, name: &str, tool: &Value) {
        let digest = Digest::of(tool.to_canonical().as_bytes());
        if self.tools.get(name).is_none_or(|known| known.now != digest) && self.untold.len() < MOST_TOOLS {
            self.untold.push(tool.clone());
        }
        if let Some(known) = self.tools.get_mut(name) {
            if known.now != digest {
                tracing::warn!(tool = name, before = %known.now, now = %digest, "the tool's definition was changed");
            }
            *known = Known { first: known.first, ..Known::new(digest, tool) };
        } else if self.tools.len() < MOST_TOOLS {
            self.tools.insert(name.to_owned(), Known::new(digest, tool));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_evidence::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    #[test]
    fn annotations_become_categories() {
        for (annotations, category) in [
            (r#"{"readOnlyHint":true}"#, Category::Read),
            (r#"{"readOnlyHint":true,"destructiveHint":true}"#, Category::Read),
            (r#"{"readOnlyHint":false,"destructiveHint":false}"#, Category::Write),
            (r#"{"destructiveHint":true}"#, Category::Delete),
            (r#"{"readOnlyHint":false}"#, Category::Execute),
            (r#"{"readOnlyHint":"true"}"#, Category::Execute),
            ("null", Category::Execute),
        ] {
            assert_eq!(category_of(&json(&format!(r#"{{"annotations":{annotations}}}"#))), category, "{annotations}");
        }
        assert_eq!(category_of(&json("{}")), Category::Execute);
    }

    #[test]
    fn a_changed_definition_is_told_apart_until_it_is_changed_back() {
        let mut catalogue = Catalogue::default();
        assert!(catalogue.needs_listing("t"));
        catalogue.observe(&json(r#"{"tools":[{"name":"t","v":1}],"nextCursor":"2"}"#), true);
        assert!(catalogue.needs_listing("t"));
        catalogue.observe(&json(r#"{"tools":[{"name":"u"}]}"#), true);
        assert!(!catalogue.needs_listing("t"));
        let first = catalogue.find("t").unwrap();
        assert_eq!((first.digest, first.before), (Digest::of(br#"{"name":"t","v":1}"#), None));
        catalogue.stale();
        assert_eq!((catalogue.find("t"), catalogue.needs_listing("t")), (None, true));
        catalogue.observe(&json(r#"{"tools":[{"v":2,"name":"t"}]}"#), true);
        assert_eq!(catalogue.find("t").unwrap().before, Some(first.digest));
        catalogue.observe(&json(r#"{"tools":[{"v":1,"name":"t"}]}"#), true);
        assert_eq!(catalogue.find("t").unwrap(), first);
    }

    #[test]
    fn a_listing_that_failed_says_nothing_of_a_tool() {
        let mut catalogue = Catalogue::default();
        catalogue.give_up();
        assert!(!catalogue.needs_listing("t"), "a server that never listed anything is left alone");
        assert!(!catalogue.knows("t"));
        catalogue.observe(&json(r#"{"tools":[{"name":"t"}]}"#), true);
        assert!(catalogue.knows("t") && catalogue.knows("gone"));
        catalogue.stale();
        catalogue.give_up();
        assert!(catalogue.needs_listing("t") && !catalogue.needs_listing("u"));
        assert!(!catalogue.knows("t"));
        catalogue.observe(&json(r#"{"tools":[{"name":"t"}],"nextCursor":"2"}"#), true);
        catalogue.give_up();
        assert!(catalogue.knows("t") && !catalogue.knows("u") && !catalogue.needs_listing("t"));
    }
}
