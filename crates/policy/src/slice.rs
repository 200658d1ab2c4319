//! The rules that can match a call of one tool: cut once per category and tool that the rules name, then kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use cedar_policy as cedar;

use crate::category::Category;
use crate::decision::Effect;
use crate::request::FactName;
use crate::rule::Rule;
use crate::scope::Resource;
use crate::set::Loaded;
use crate::tree::Node;

/// Rules whose scope admits one category and tool, ready to be evaluated.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    /// Permits and final forbids, as written.
    pub(crate) deciding: cedar::PolicySet,
    /// Review rules as permits, so that every one that fires is listed and none hides a missing permit.
    pub(crate) review: cedar::PolicySet,
    /// Risk rules.
    pub(crate) risk: cedar::PolicySet,
    /// What all of them read.
    pub(crate) reads: Node,
    /// Whether any of them reads `context.risk`.
    pub(crate) reads_risk: bool,
    /// Facts that each rule reads, by position.
    pub(crate) facts: Vec<(usize, BTreeSet<FactName>)>,
}

impl Slice {
    pub(crate) fn of(loaded: &Loaded, admits: impl Fn(&Rule) -> bool) -> Self {
        let chosen: Vec<(usize, &Rule)> = loaded.rules.iter().enumerate().filter(|(_, rule)| admits(rule)).collect();
        let mut slice = Slice {
            reads: Node::of(chosen.iter().map(|(position, rule)| (*position, &rule.reads)), &loaded.kinds),
            reads_risk: chosen.iter().any(|(_, rule)| rule.reads.touches("risk")),
            ..Slice::default()
        };
        for (position, rule) in chosen {
            let facts = rule.reads.facts(&loaded.catalogue);
            if !facts.is_empty() {
                slice.facts.push((position, facts));
            }
            let (set, policy) = match rule.effect {
                Effect::Permit | Effect::Forbid => (&mut slice.deciding, &rule.as_written),
                Effect::Review => (&mut slice.review, &rule.as_permit),
                Effect::Risk => (&mut slice.risk, &rule.as_permit),
            };
            // Ids are unique and policies static: both were checked at load, and Cedar refuses for no other reason.
            let added = set.add(policy.clone());
            debug_assert!(added.is_ok(), "{added:?}");
        }
        slice
    }
}

type PerCategory = [OnceLock<Slice>; Category::ALL.len()];

/// All slices of a policy set. Bounded by what the rules name: calls of other tools share one.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    tools: HashMap<String, PerCategory>,
    servers: HashMap<String, PerCategory>,
    others: PerCategory,
}

impl Slices {
    pub(crate) fn of(rules: &[Rule]) -> Self {
        let mut slices = Slices::default();
        for rule in rules {
            match &rule.scope.resource {
                Resource::Tool(name) => slices.tools.entry(name.clone()).or_default(),
                Resource::Server(name) => slices.servers.entry(name.clone()).or_default(),
                Resource::Any | Resource::Never => continue,
            };
        }
        slices
    }

    /// The rules for a call of `tool` (`<server>/<tool>`) at `server`.
    pub(crate) fn get(&self, loaded: &Loaded, category: Category, server: &str, tool: &str) -> &Slice {
        let named = self.tools.get(tool).or_else(|| self.servers.get(server)).unwrap_or(&self.others);
        let [read, write, delete, message, payment, export, execute, admin] = named;
        let slot = match category {
            Category::Read => read,
            Category::Write => write,
            Category::Delete => delete,
            Category::Message => message,
            Category::Payment => payment,
            Category::Export => export,
            Category::Execute => execute,
            Category::Admin => admin,
        };
        slot.get_or_init(|| {
            Slice::of(loaded, |rule| rule.scope.categories.contains(&category) && rule.scope.admits_tool(server, tool))
        })
    }
}
