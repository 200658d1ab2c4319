//! Why each rule did or did not fire, as data.

use countersign_evidence::json::Value;
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Effect, ErrorCode};
use crate::request::{Facts, Request};
use crate::rule::Rule;
use crate::set::PolicySet;

/// A decision with every rule's part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The decision, as [`PolicySet::decide`] makes it.
    pub decision: Decision,
    /// Every rule of the set, in order.
    pub rules: Vec<RuleExplanation>,
}

/// One rule's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule's id.
    pub rule: String,
    /// What it does when it fires.
    pub effect: Effect,
    /// The file that it stands in.
    pub file: String,
    /// Its first line, counted from 1.
    pub line: u32,
    /// Whether it fired, and why not.
    pub verdict: Verdict,
    /// What it read of the payload, where its scope applied: `None` for what is not there.
    pub read: Vec<(String, Option<Value>)>,
}

/// Whether a rule fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Verdict {
    /// Scope and conditions hold.
    Fired,
    /// It is about other agents, actions or tools.
    OutOfScope {
        /// Which part of the scope: `principal`, `action`, `resource`.
        because: Vec<String>,
    },
    /// Its scope applies, its conditions do not hold.
    ConditionFalse,
    /// It could not be evaluated, which denies.
    Error {
        /// A stable name for what went wrong.
        code: ErrorCode,
        /// What Cedar says; may quote the payload.
        text: String,
    },
}

impl PolicySet {
    /// Decides, and says of every rule whether it fired and why. Slower than [`PolicySet::decide`]: each rule is put to
    /// the request on its own.
    pub fn explain(&self, request: &Request<'_>, facts: &Facts) -> Explanation {
        let decision = self.decide(request, facts);
        let rules =
            self.rules().iter().map(|rule| self.explain_rule(rule, request, facts, decision.risk.score)).collect();
        Explanation { decision, rules }
    }

    fn explain_rule(&self, rule: &Rule, request: &Request<'_>, facts: &Facts, score: u32) -> RuleExplanation {
        let applies = self.applies(rule, request, &request.full_tool_name());
        RuleExplanation {
            rule: rule.id.clone(),
            effect: rule.effect,
            file: rule.file.clone(),
            line: rule.line,
            verdict: if applies { self.verdict(rule, request, facts, score) } else { self.out_of_scope(rule, request) },
            read: if applies { read(rule, request.payload) } else { Vec::new() },
        }
    }

    fn verdict(&self, rule: &Rule, request: &Request<'_>, facts: &Facts, score: u32) -> Verdict {
        let tool = request.full_tool_name();
        let slice = self.slice(request.category, request.server, &tool);
        let prepared = self.prepare(slice, request, &tool, facts);
        match prepared.and_then(|prepared| self.try_rule(rule, prepared, score)) {
            Ok(true) => Verdict::Fired,
            Ok(false) => Verdict::ConditionFalse,
            Err(failure) => Verdict::Error { code: failure.error.code, text: failure.text },
        }
    }

    fn out_of_scope(&self, rule: &Rule, request: &Request<'_>) -> Verdict {
        let parts = [
            ("principal", self.admits_agent(rule, request)),
            ("action", rule.scope.categories.contains(&request.category)),
            ("resource", rule.scope.admits_tool(request.server, &request.full_tool_name())),
        ];
        let because = parts.into_iter().filter(|(_, admitted)| !admitted).map(|(part, _)| part.to_owned()).collect();
        Verdict::OutOfScope { because }
    }
}

fn read(rule: &Rule, payload: &Value) -> Vec<(String, Option<Value>)> {
    let paths =
        rule.reads.values.union(&rule.reads.presence).filter(|path| path.first().is_some_and(|name| name == "payload"));
    paths
        .map(|path| {
            let value = path.iter().skip(1).try_fold(payload, |value, name| value.get(name));
            (path.join("."), value.cloned())
        })
        .collect()
}
