//! Deciding: a pure function of request, facts and policy set.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use cedar_policy::{self as cedar, Authorizer, Context, EvaluationError, RestrictedExpression};

use crate::context::{self, Fault, Source};
use crate::decision::{Decision, Effect, ErrorCode, Factor, Outcome, Reason, Requirement, Risk, RuleError};
use crate::entities::Cast;
use crate::message;
use crate::request::{Facts, Request};
use crate::rule::Rule;
use crate::set::PolicySet;
use crate::slice::Slice;

/// Where risk stops counting.
const MOST_RISK: u32 = 100;
/// What stands for the rule in an error of the request itself.
const REQUEST: &str = "request";

pub(crate) static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

/// An error with what Cedar says about it.
pub(crate) type Failure = (RuleError, String);

impl PolicySet {
    /// Decides. Never panics; whatever cannot be evaluated denies.
    pub fn decide(&self, request: &Request<'_>, facts: &Facts) -> Decision {
        let tool = format!("{}/{}", request.server, request.tool);
        self.decide_with(self.slice(request.category, request.server, &tool), request, &tool, facts)
    }

    /// Decides with these rules alone.
    pub(crate) fn decide_with(&self, slice: &Slice, request: &Request<'_>, tool: &str, facts: &Facts) -> Decision {
        let mut found = Found::default();
        match self.prepare(slice, request, tool, facts) {
            Ok(prepared) => self.evaluate(slice, prepared, &mut found),
            Err(failure) => found.failures.push(failure),
        }
        let applies = |position: &usize| self.rule(*position).is_some_and(|rule| self.principal_admitted(rule, request));
        let facts_read = slice.facts.iter().filter(|(position, _)| applies(position));
        let facts_read = facts_read.flat_map(|(_, facts)| facts.iter().cloned()).collect();
        found.into_decision(self.is_empty(), facts_read)
    }

    /// Entities and context of the request, and the values in it that have no place in Cedar.
    pub(crate) fn prepare(&self, slice: &Slice, request: &Request<'_>, tool: &str, facts: &Facts) -> Result<Prepared, Failure> {
        if request.server.is_empty() || request.server.contains('/') || request.tool.is_empty() {
            return Err(failure(REQUEST, ErrorCode::BadToolName, format!("{tool:?} does not name a server and its tool")));
        }
        let groups = self.groups_of(request).into_iter();
        let cast = self.actions.cast(request.agent, groups, request.category, request.server, tool);
        let cast = cast.map_err(|text| failure(REQUEST, ErrorCode::Evaluation, text))?;
        let built = context::build(&slice.reads, &Source { catalogue: self.catalogue(), request, tool, facts });
        let failures = built.faults.iter().flat_map(|fault| self.failures_of(fault, slice, request)).collect();
        Ok(Prepared { cast, members: built.members, failures })
    }

    /// A fault concerns the rules that read the value and that this agent is subject to.
    fn failures_of(&self, fault: &Fault<'_>, slice: &Slice, request: &Request<'_>) -> Vec<Failure> {
        let text = format!("context.{}: {}", fault.path.join("."), message::of_fault(fault.code));
        let readers = slice.reads.readers_of(&fault.path);
        let rules = readers.into_iter().filter_map(|position| self.rule(position));
        rules.filter(|rule| self.principal_admitted(rule, request)).map(|rule| failure(&rule.id, fault.code, text.clone())).collect()
    }

    /// Risk first, then what may use it.
    fn evaluate<'a>(&'a self, slice: &'a Slice, prepared: Prepared, found: &mut Found<'a>) {
        let Prepared { cast, mut members, failures } = prepared;
        found.failures.extend(failures);
        if !slice.risk.is_empty() {
            found.risk = self.fired(&slice.risk, &cast, members.clone(), found);
        }
        if slice.reads_risk {
            members.push(("risk".to_owned(), RestrictedExpression::new_long(i64::from(found.score()))));
        }
        if !slice.review.is_empty() {
            found.review = self.fired(&slice.review, &cast, members.clone(), found);
        }
        let (permitted, deciding) = self.ask(&slice.deciding, &cast, members, found);
        found.permitted = permitted;
        found.deciding = deciding;
    }

    fn fired(
        &self,
        set: &cedar::PolicySet,
        cast: &Cast,
        members: Vec<(String, RestrictedExpression)>,
        found: &mut Found<'_>,
    ) -> Vec<&Rule> {
        self.ask(set, cast, members, found).1
    }

    /// Whether Cedar allows, and the rules that determined it.
    fn ask(
        &self,
        set: &cedar::PolicySet,
        cast: &Cast,
        members: Vec<(String, RestrictedExpression)>,
        found: &mut Found<'_>,
    ) -> (bool, Vec<&Rule>) {
        let _ = (set, cast, members, found);
        todo!()
    }
}
