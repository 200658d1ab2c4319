//! What policy would say: nothing is recorded, nothing counts, nothing may be executed.

use countersign_evidence::json::Value;
use countersign_evidence::key::Key;
use countersign_evidence::record::Body;
use countersign_wire::{ProposeRequest, TriedView};

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;
use crate::judge::Question;
use crate::view::{reason, requirement, risk_factors};

impl Gate {
    /// What the policy in force would decide about a proposal, with the facts as they are now.
    ///
    /// # Errors
    /// [`GateError::Forbidden`]; as [`Gate::propose`] for a request that breaks its rules.
    pub fn try_out(&self, caller: &Caller, request: ProposeRequest) -> Result<TriedView, GateError> {
        caller.must_look()?;
        let shared = &self.shared;
        let checked = shared.check(caller, request)?;
        let (policy, now) = (shared.policy(), shared.now());
        let facts = shared.facts_beforehand(&checked, &policy, now);
        let facts_read = countersign_evidence::json::to_value(&facts).unwrap_or(Value::Null);
        let question = Question::proposed(&checked, now);
        let judged = shared.judge(&policy, &question, facts, &Key::generate(shared.random()), 0);
        let Body::ActionDecided(decided) = &judged.draft.body else {
            return Err(GateError::Broken("a decision is no action.decided".to_owned()));
        };
        let message = |rule: &str| {
            let found = judged.rule_messages.iter().find(|(known, _)| known == rule);
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        let asked = decided.review.iter().flat_map(|demand| &demand.requirements);
        Ok(TriedView {
            policy: decided.policy_set.version.clone(),
            category: checked.category.as_str().to_owned(),
            decision: decided.decision,
            reasons: decided.reasons.iter().map(reason).collect(),
            errors: decided.errors.iter().map(|error| format!("{}: {}", error.rule, error.code)).collect(),
            risk: decided.risk.score,
            risk_factors: risk_factors(&decided.risk.factors),
            message: judged.message.clone(),
            requirements: asked.map(|one| requirement(one, message(&one.rule), Vec::new())).collect(),
            facts: facts_read,
        })
    }
}
