//! What is not wrong, but probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::Case;
use crate::decision::Effect;
use crate::error::Problem;
use crate::rule::Rule;
use crate::scope::Resource;
use crate::set::PolicySet;

impl PolicySet {
    /// Warnings for `policy check`: rules that another one shadows, known tools that no permit covers, rules that name
    /// agents or tools that nothing else here knows, a folder without tests.
    pub fn lint(&self) -> Vec<Problem> {
        let mut warnings = self.shadowed();
        warnings.extend(self.uncovered());
        warnings.extend(self.unknown_agents());
        warnings.extend(self.unknown_tools());
        if !self.is_empty() && self.cases().is_empty() {
            warnings.push(Problem::new("tests", None, "there are no tests: add tests/*.yaml"));
        }
        if self.is_empty() {
            warnings.push(Problem::new("", None, "there are no rules: everything is denied"));
        }
        warnings
    }

    /// A permit or final forbid that says what an earlier one says adds nothing. Two reviews do: both must be satisfied.
    fn shadowed(&self) -> Vec<Problem> {
        let mut seen: BTreeMap<(&str, bool), &Rule> = BTreeMap::new();
        let mut warnings = Vec::new();
        for rule in self.rules() {
            if let Some(first) = seen.get(&(rule.body.as_str(), rule.effect == Effect::Risk)) {
                let message = match (first.effect, rule.effect) {
                    (Effect::Forbid, Effect::Review) | (Effect::Review, Effect::Forbid) => {
                        format!("{:?} and {:?} catch the same, and no review lifts a final forbid", first.id, rule.id)
                    }
                    (Effect::Review, Effect::Review) => continue,
                    _ => format!("{:?} says the same as {:?} at {}:{}", rule.id, first.id, first.file, first.line),
                };
                warnings.push(Problem::new(&rule.file, Some(rule.line), message));
            } else {
                seen.insert((&rule.body, rule.effect == Effect::Risk), rule);
            }
        }
        warnings
    }

    fn uncovered(&self) -> Vec<Problem> {
        let covered = |name: &str, category| {
            let server = name.split_once('/').map_or(name, |(server, _)| server);
            self.rules().iter().any(|rule| {
                rule.effect == Effect::Permit
                    && rule.scope.categories.contains(&category)
                    && rule.scope.admits_tool(server, name)
            })
        };
        let tools = self.catalogue().tools.iter().filter(|(name, tool)| !covered(name, tool.category));
        let message = |name: &str| format!("no permit covers the tool {name:?}: it is always denied");
        tools.map(|(name, _)| Problem::new(crate::catalogue::FILE, None, message(name))).collect()
    }

    fn unknown_agents(&self) -> Vec<Problem> {
        let known = &self.catalogue().agents;
        let mut warnings = Vec::new();
        for rule in self.rules() {
            if let crate::scope::Principal::Agent(id) = &rule.scope.principal
                && !known.contains_key(id)
            {
                let near = crate::spelling::suggestion(id, known.keys().map(String::as_str));
                let message = format!("entities.json does not list the agent {id:?}{near}");
                warnings.push(Problem::new(&rule.file, Some(rule.line), message));
            }
        }
        warnings
    }

    /// A rule over a tool or server that is misspelt never fires, and a forbid that never fires lets everything through.
    fn unknown_tools(&self) -> Vec<Problem> {
        let listed = self.catalogue().tools.keys().map(String::as_str);
        let tools: BTreeSet<&str> = listed.chain(self.cases().iter().map(Case::tool)).collect();
        let servers: BTreeSet<&str> =
            tools.iter().filter_map(|tool| tool.split_once('/')).map(|(server, _)| server).collect();
        let mut warnings = Vec::new();
        for rule in self.rules() {
            let (kind, name, known) = match &rule.scope.resource {
                Resource::Tool(name) => ("the tool", name, &tools),
                Resource::Server(name) => ("a tool of the server", name, &servers),
                _ => continue,
            };
            if !known.contains(name.as_str()) {
                let near = crate::spelling::suggestion(name, known.iter().copied());
                let message = format!("neither entities.json nor a test names {kind} {name:?}{near}");
                warnings.push(Problem::new(&rule.file, Some(rule.line), message));
            }
        }
        warnings
    }
}
