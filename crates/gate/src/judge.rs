//! Asking policy: a pure decision, and the `action.decided` that says what it was and what it read.

use countersign_evidence::json::{self, Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::record::{
    ActionDecided, ActorKind, Body, Category, Decision, Effect, Escalation, Factor, PolicyRef, Reason, Requirement,
    ReviewDemand, Risk, RuleError, Signing, ToolRef,
};
use countersign_evidence::time::Timestamp;
use countersign_policy::{Facts, Outcome, PolicySet, Request, Resource, User};
use countersign_wire::UserRef;

use crate::draft::{Draft, Field, Fields, actor};
use crate::prepare::{Checked, via_of};
use crate::shared::Shared;

/// Reasons listed in the clear at most; all of them are sealed where there are more.
const MOST_REASONS: usize = 32;

/// What policy is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) agent: &'a str,
    pub(crate) tool: &'a ToolRef,
    pub(crate) category: Category,
    pub(crate) environment: &'a str,
    pub(crate) user: Option<&'a UserRef>,
    pub(crate) model: Option<&'a str>,
    pub(crate) payload: &'a Value,
    pub(crate) resource: Option<&'a (String, Option<String>)>,
    pub(crate) intent: Option<&'a str>,
    pub(crate) source: &'a str,
    pub(crate) time: Timestamp,
}

/// What policy answered, as a record.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) draft: Draft,
    pub(crate) decision: Decision,
    /// For the agent's model.
    pub(crate) message: String,
    /// What each fired review rule says to people.
    pub(crate) rule_messages: Vec<(String, String)>,
    /// What the clock said when policy was asked; the record's own time is the writer's.
    pub(crate) asked_at: Timestamp,
}

impl Judged {
    /// Risk, 0 to 100.
    pub(crate) fn risk(&self) -> u32 {
        match &self.draft.body {
            Body::ActionDecided(decided) => decided.risk.score,
            _ => 0,
        }
    }
}

impl<'a> Question<'a> {
    pub(crate) fn proposed(checked: &'a Checked, time: Timestamp) -> Self {
        let request = &checked.request;
        Question {
            agent: &request.agent.id,
            tool: &request.tool,
            category: checked.category,
            environment: &checked.environment,
            user: request.user.as_ref(),
            model: request.model.as_deref(),
            payload: &request.payload,
            resource: checked.resource.as_ref(),
            intent: request.intent.as_deref(),
            source: via_of(request),
            time,
        }
    }
}

pub(crate) fn policy_ref(policy: &PolicySet) -> PolicyRef {
    let digest = policy.digest().parse().unwrap_or(countersign_evidence::digest::Digest([0; 32]));
    PolicyRef { version: policy.version().to_owned(), digest }
}

impl Shared {
    /// Decides, and makes the record. Pure but for the record's random nonce and id.
    pub(crate) fn judge(
        &self,
        policy: &PolicySet,
        question: &Question<'_>,
        facts: Facts,
        key: &Key,
        payload_version: u32,
    ) -> Judged {
        let answer = self.ask(policy, question, &facts);
        let decision = match answer.outcome {
            Outcome::Allow => Decision::Allow,
            Outcome::Deny => Decision::Deny,
            Outcome::Review => Decision::Review,
        };
        let reasons: Vec<Reason> = answer.reasons.iter().filter_map(reason).collect();
        let total = reasons.len();
        let body = ActionDecided {
            decision,
            policy_set: policy_ref(policy),
            reasons: reasons.iter().take(MOST_REASONS).cloned().collect(),
            reasons_total: (total > MOST_REASONS).then_some(total as u64),
            risk: risk(&answer.risk),
            review: (decision == Decision::Review).then(|| demand(&answer.review, question.time)),
            errors: answer.errors.iter().take(MOST_REASONS).map(rule_error).collect(),
            payload_version,
        };
        let mut fields = vec![Field::new("facts", self.facts_value(&facts, question.time))];
        if !answer.error_text.is_empty() {
            fields.push(Field::new("errors", answer.error_text.into_iter().map(Value::from).collect::<Vec<_>>()));
        }
        if total > MOST_REASONS {
            fields.push(Field::new("reasons", json::to_value(&reasons).unwrap_or_default()));
        }
        let by = actor(ActorKind::Policy, &body.policy_set.version);
        let sections = vec![Fields { key, wrapped_by: None, fields }];
        let draft = Draft::sealed(self.new_id(), by, body, &self.settings().origin, sections, self.random());
        let told = |one: &countersign_policy::Requirement| (one.rule.clone(), one.message.clone().unwrap_or_default());
        let rule_messages = answer.review.iter().map(told).collect();
        Judged { draft, decision, message: answer.message, rule_messages, asked_at: question.time }
    }

    fn ask(&self, policy: &PolicySet, question: &Question<'_>, facts: &Facts) -> countersign_policy::Decision {
        // The two lists of categories are the same (a test compares them).
        let category = question.category.as_str().parse().unwrap_or(countersign_policy::Category::Execute);
        let request = Request {
            agent: question.agent,
            agent_groups: &[],
            server: &question.tool.server,
            tool: &question.tool.name,
            category,
            environment: question.environment,
            user: question.user.map(|user| User { id: &user.id, groups: &user.groups }),
            model: question.model,
            payload: question.payload,
            resource: question.resource.map(|(kind, id)| Resource { kind, id: id.as_deref() }),
            intent: question.intent,
            source: question.source,
            time: question.time.to_jiff().unwrap_or_default(),
            zone: &self.settings().zone,
        };
        policy.decide(&request, facts)
    }

    /// All that the decision read besides the request: with it, deciding again gives the same.
    fn facts_value(&self, facts: &Facts, time: Timestamp) -> Value {
        let zone = self.settings().zone.iana_name().unwrap_or("UTC");
        Value::Object(Object::from_iter([
            ("history", json::to_value(facts).unwrap_or_default()),
            ("time", Value::from(time.to_string())),
            ("zone", Value::from(zone)),
        ]))
    }
}

fn reason(reason: &countersign_policy::Reason) -> Option<Reason> {
    let effect = match reason.effect {
        countersign_policy::Effect::Permit => Effect::Permit,
        countersign_policy::Effect::Forbid => Effect::Forbid,
        countersign_policy::Effect::Review => Effect::Review,
        countersign_policy::Effect::Risk => return None,
    };
    Some(Reason { rule: reason.rule.clone(), effect })
}

fn risk(risk: &countersign_policy::Risk) -> Risk {
    let factor = |factor: &countersign_policy::Factor| Factor { rule: factor.rule.clone(), points: factor.points };
    Risk { score: risk.score, factors: risk.factors.iter().take(MOST_REASONS).map(factor).collect() }
}

fn rule_error(error: &countersign_policy::RuleError) -> RuleError {
    let code = json::to_value(&error.code).ok().and_then(|code| code.as_str().map(str::to_owned));
    RuleError { rule: error.rule.clone(), code: code.unwrap_or_else(|| "evaluation".to_owned()) }
}

/// The review ends when the first of its rules says so.
fn demand(requirements: &[countersign_policy::Requirement], time: Timestamp) -> ReviewDemand {
    let shortest = requirements.iter().map(|one| one.expires_s).min().unwrap_or_default();
    let requirement = |one: &countersign_policy::Requirement| Requirement {
        rule: one.rule.clone(),
        groups: one.groups.clone(),
        quorum: one.quorum,
        signature: one.signature.then_some(Signing::Passkey),
        standing_s: one.standing_s,
        escalation: one.escalation.as_ref().map(|escalation| Escalation {
            at: time.plus_seconds(i64::try_from(escalation.after_s).unwrap_or(i64::MAX)),
            groups: escalation.groups.clone(),
        }),
    };
    ReviewDemand {
        requirements: requirements.iter().map(requirement).collect(),
        expires_at: time.plus_seconds(i64::try_from(shortest).unwrap_or(i64::MAX)),
    }
}
