//! Deciding: a pure function of request, facts and policy set.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use cedar_policy::{self as cedar, AuthorizationError, Authorizer, Context, EvaluationError, RestrictedExpression};

use crate::context::{self, Fault, Source};
use crate::decision::{Decision, ErrorCode, RuleError};
use crate::entities::Cast;
use crate::found::Found;
use crate::message;
use crate::request::{Facts, Request};
use crate::rule::Rule;
use crate::set::PolicySet;
use crate::slice::Slice;

/// What stands for the rule in an error of the request itself.
const REQUEST: &str = "request";

static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

/// A rule's error with what Cedar says about it.
pub(crate) struct Failure {
    pub(crate) error: RuleError,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(rule: &str, code: ErrorCode, text: impl Into<String>) -> Self {
        Failure { error: RuleError { rule: rule.to_owned(), code }, text: text.into() }
    }
}

/// A request made ready for Cedar.
pub(crate) struct Prepared {
    cast: Arc<Cast>,
    members: Vec<(String, RestrictedExpression)>,
    failures: Vec<Failure>,
}

/// What Cedar answers about one set of rules.
pub(crate) struct Answer<'a> {
    pub(crate) allowed: bool,
    /// The determining rules, in order of the folder.
    pub(crate) fired: Vec<&'a Rule>,
    pub(crate) failures: Vec<Failure>,
}

impl PolicySet {
    /// Decides. Never panics; whatever cannot be evaluated denies.
    pub fn decide(&self, request: &Request<'_>, facts: &Facts) -> Decision {
        let tool = request.full_tool_name();
        self.decide_with(self.slice(request.category, request.server, &tool), request, &tool, facts)
    }

    /// Decides with the rules of this slice.
    pub(crate) fn decide_with(&self, slice: &Slice, request: &Request<'_>, tool: &str, facts: &Facts) -> Decision {
        let facts_read =
            slice.facts.iter().filter(|(at, _)| self.rule(*at).is_some_and(|rule| self.applies(rule, request, tool)));
        let facts_read: BTreeSet<_> = facts_read.flat_map(|(_, facts)| facts.iter().cloned()).collect();
        let found = self.prepare(slice, request, tool, facts).and_then(|prepared| self.evaluate(slice, prepared));
        found.unwrap_or_else(|failure| Found::with(vec![failure])).into_decision(self.is_empty(), facts_read)
    }

    /// Entities and context of the request, and the values in it that have no place in Cedar.
    pub(crate) fn prepare(
        &self,
        slice: &Slice,
        request: &Request<'_>,
        tool: &str,
        facts: &Facts,
    ) -> Result<Prepared, Failure> {
        if request.server.is_empty() || request.server.contains('/') || request.tool.is_empty() {
            let text = format!("{tool:?} does not name a server without '/' and its tool");
            return Err(Failure::new(REQUEST, ErrorCode::BadToolName, text));
        }
        let groups = self.groups_of(request);
        // What the gate established about this one request may differ from the next.
        let cast = || self.fixed.cast(request.agent, groups, request.category, request.server, tool);
        let cast = match request.agent_groups {
            [] => self.fixed.kept(request.agent, request.category, tool, cast),
            _ => cast().map(Arc::new),
        };
        let cast = cast.map_err(|text| Failure::new(REQUEST, ErrorCode::Evaluation, text))?;
        let built = context::build(&slice.reads, &Source { catalogue: self.catalogue(), request, tool, facts });
        let failures = built.faults.iter().flat_map(|fault| self.failures_of(fault, slice, request, tool)).collect();
        Ok(Prepared { cast, members: built.members, failures })
    }

    /// Risk first, then what may use it.
    fn evaluate<'a>(&'a self, slice: &Slice, prepared: Prepared) -> Result<Found<'a>, Failure> {
        let Prepared { cast, mut members, failures } = prepared;
        let mut found = Found::with(failures);
        // Risk rules do not read the score, and it is 0 as a rule: then one context serves all.
        let without_risk = members.len();
        if slice.reads_risk {
            members.push(risk(0));
        }
        let again = (!slice.risk.is_empty() && slice.reads_risk).then(|| members.clone());
        let mut question = question(&cast, members)?;
        if !slice.risk.is_empty() {
            found.take_risk(self.ask(&slice.risk, &question, &cast));
        }
        if let (1.., Some(mut members)) = (found.score(), again) {
            members.truncate(without_risk);
            members.push(risk(found.score()));
            question = self::question(&cast, members)?;
        }
        if !slice.review.is_empty() {
            found.take_review(self.ask(&slice.review, &question, &cast));
        }
        found.take_deciding(self.ask(&slice.deciding, &question, &cast));
        Ok(found)
    }

    /// Puts one rule to the request as if it were alone: whether it fires, or why it cannot be evaluated.
    pub(crate) fn try_rule(&self, rule: &Rule, mut prepared: Prepared, score: u32) -> Result<bool, Failure> {
        if let Some(failure) = prepared.failures.into_iter().find(|failure| failure.error.rule == rule.id) {
            return Err(failure);
        }
        if rule.reads.touches("risk") {
            prepared.members.push(risk(score));
        }
        let alone = cedar::PolicySet::from_policies([rule.as_permit.clone()])
            .map_err(|error| Failure::new(&rule.id, ErrorCode::Evaluation, error.to_string()))?;
        let answer = self.ask(&alone, &question(&prepared.cast, prepared.members)?, &prepared.cast);
        answer.failures.into_iter().next().map_or(Ok(answer.allowed), Err)
    }

    fn ask(&self, set: &cedar::PolicySet, question: &cedar::Request, cast: &Cast) -> Answer<'_> {
        let response = AUTHORIZER.is_authorized(question, set, &cast.entities);
        let mut positions: Vec<usize> =
            response.diagnostics().reason().filter_map(|id| self.position(id.as_ref())).collect();
        positions.sort_unstable();
        Answer {
            allowed: response.decision() == cedar::Decision::Allow,
            fired: positions.into_iter().filter_map(|position| self.rule(position)).collect(),
            // Cedar skips a rule that it cannot evaluate, be it a forbid: so every error counts.
            failures: response.diagnostics().errors().map(failure_of).collect(),
        }
    }

    /// A fault concerns the rules that read the value and that apply to the request.
    fn failures_of(&self, fault: &Fault<'_>, slice: &Slice, request: &Request<'_>, tool: &str) -> Vec<Failure> {
        let text = format!("context.{}: {}", fault.path.join("."), message::of_fault(fault.code));
        let readers =
            slice.reads.concerned(&fault.path, fault.null).into_iter().filter_map(|position| self.rule(position));
        readers
            .filter(|rule| self.applies(rule, request, tool))
            .map(|rule| Failure::new(&rule.id, fault.code, text.clone()))
            .collect()
    }

    /// Whether the rule's scope admits the request.
    pub(crate) fn applies(&self, rule: &Rule, request: &Request<'_>, tool: &str) -> bool {
        rule.scope.categories.contains(&request.category)
            && rule.scope.admits_tool(request.server, tool)
            && self.admits_agent(rule, request)
    }

    /// Whether the rule's scope admits the agent.
    pub(crate) fn admits_agent(&self, rule: &Rule, request: &Request<'_>) -> bool {
        rule.scope.principal.admits(request.agent, self.groups_of(request))
    }

    /// The agent's groups: those of `entities.json` and those that the gate established.
    fn groups_of<'a>(&'a self, request: &Request<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
        let known = self.catalogue().agents.get(request.agent).into_iter().flat_map(|agent| &agent.groups);
        known.chain(request.agent_groups).map(String::as_str)
    }
}

fn question(cast: &Cast, members: Vec<(String, RestrictedExpression)>) -> Result<cedar::Request, Failure> {
    let context = Context::from_pairs(members)
        .map_err(|error| Failure::new(REQUEST, ErrorCode::Evaluation, error.to_string()))?;
    cedar::Request::new(cast.agent.clone(), cast.action.clone(), cast.tool.clone(), context, None)
        .map_err(|error| Failure::new(REQUEST, ErrorCode::Evaluation, error.to_string()))
}

fn risk(score: u32) -> (String, RestrictedExpression) {
    ("risk".to_owned(), RestrictedExpression::new_long(i64::from(score)))
}

fn failure_of(error: &AuthorizationError) -> Failure {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    let code = match error.inner() {
        EvaluationError::RecordAttrDoesNotExist(_) => ErrorCode::MissingAttribute,
        EvaluationError::TypeError(_) => ErrorCode::TypeMismatch,
        EvaluationError::IntegerOverflow(_) => ErrorCode::Overflow,
        EvaluationError::FailedExtensionFunctionExecution(_) => ErrorCode::BadLiteral,
        EvaluationError::RecursionLimit(_) => ErrorCode::TooDeep,
        _ => ErrorCode::Evaluation,
    };
    Failure::new(error.policy_id().as_ref(), code, error.inner().to_string())
}
