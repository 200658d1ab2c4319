//! The paths that a group of rules reads, as a tree: what of a request is worth converting, and who reads it.

use std::collections::{BTreeMap, BTreeSet};

use crate::reads::{NumberKind, Path, Reads};

/// An attribute that rules read, or that leads to one.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) children: BTreeMap<String, Node>,
    /// Whether the value itself is used, all of it; else only what `children` name, or its mere presence.
    pub(crate) whole: bool,
    /// The type of the numbers here.
    pub(crate) kind: Option<NumberKind>,
    /// Positions of the rules that use the value.
    readers: BTreeSet<usize>,
    /// Positions of the rules that ask for its presence.
    askers: BTreeSet<usize>,
}

impl Node {
    /// The tree of what the rules at these positions read.
    pub(crate) fn of<'a>(rules: impl Iterator<Item = (usize, &'a Reads)>, kinds: &BTreeMap<Path, NumberKind>) -> Self {
        let mut root = Node::default();
        for (position, reads) in rules {
            for path in &reads.values {
                let node = root.reach(path);
                node.whole = true;
                node.readers.insert(position);
            }
            for path in &reads.presence {
                root.reach(path).askers.insert(position);
            }
        }
        for (path, kind) in kinds {
            root.set_kind(path, *kind);
        }
        root
    }

    fn reach(&mut self, path: &[String]) -> &mut Node {
        path.iter().fold(self, |node, name| node.children.entry(name.clone()).or_default())
    }

    /// Types the numbers at `path` where they are read, be it as part of a whole.
    fn set_kind(&mut self, path: &[String], kind: NumberKind) {
        let Some((name, rest)) = path.split_first() else {
            self.kind = Some(kind);
            return;
        };
        if self.whole && !self.children.contains_key(name) {
            self.children.insert(name.clone(), Node { whole: true, ..Node::default() });
        }
        if let Some(child) = self.children.get_mut(name) {
            child.set_kind(rest, kind);
        }
    }

    /// For tests: has everything below `name` converted, as if a rule used it whole.
    #[cfg(test)]
    pub(crate) fn see_all(&mut self, name: &str) {
        self.children.entry(name.to_owned()).or_default().whole = true;
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Node> {
        self.children.get(name)
    }

    /// The rules that a fault at `path` concerns: those that use the value there, or one above it as a whole. A `null`
    /// also concerns those that ask for it or for something below.
    pub(crate) fn concerned(&self, path: &[&str], null: bool) -> BTreeSet<usize> {
        let mut rules = self.readers.clone();
        let mut node = self;
        for name in path {
            match node.children.get(*name) {
                Some(child) => node = child,
                None => return rules,
            }
            rules.extend(&node.readers);
        }
        if null {
            node.collect(&mut rules);
        }
        rules
    }

    fn collect(&self, rules: &mut BTreeSet<usize>) {
        rules.extend(self.readers.iter().chain(&self.askers));
        self.children.values().for_each(|child| child.collect(rules));
    }
}
