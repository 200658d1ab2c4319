//! From what the three sets answer to one decision.

use std::collections::BTreeSet;

use crate::decide::{Answer, Failure};
use crate::decision::{Decision, ErrorCode, Factor, Outcome, Reason, Risk};
use crate::message;
use crate::request::FactName;
use crate::rule::Rule;

/// Bytes that one review's demand takes in a record at most: an envelope holds 16 KiB, and reasons, risk and the reviewers'
/// groups take the rest.
const MOST_REVIEW: usize = 8 << 10;
/// Where risk stops counting.
const MOST_RISK: u32 = 100;

/// What the three sets answered.
#[derive(Default)]
pub(crate) struct Found<'a> {
    failures: Vec<Failure>,
    risk: Vec<&'a Rule>,
    review: Vec<&'a Rule>,
    permitted: bool,
    /// Permits where permitted, final forbids where not.
    deciding: Vec<&'a Rule>,
}

impl<'a> Found<'a> {
    pub(crate) fn with(failures: Vec<Failure>) -> Self {
        Found { failures, ..Found::default() }
    }

    pub(crate) fn take_risk(&mut self, answer: Answer<'a>) {
        self.failures.extend(answer.failures);
        self.risk = self.sound(answer.fired);
    }

    pub(crate) fn take_review(&mut self, answer: Answer<'a>) {
        self.failures.extend(answer.failures);
        self.review = self.sound(answer.fired);
    }

    pub(crate) fn take_deciding(&mut self, answer: Answer<'a>) {
        self.failures.extend(answer.failures);
        self.permitted = answer.allowed;
        self.deciding = self.sound(answer.fired);
    }

    /// A rule that could not be evaluated has not fired, whatever Cedar made of the rest of the request.
    fn sound(&self, mut fired: Vec<&'a Rule>) -> Vec<&'a Rule> {
        fired.retain(|rule| self.failures.iter().all(|failure| failure.error.rule != rule.id));
        fired
    }

    pub(crate) fn score(&self) -> u32 {
        self.risk.iter().map(|rule| rule.points).sum::<u32>().min(MOST_RISK)
    }

    fn is_oversized(&self) -> bool {
        self.failures.iter().any(|failure| failure.error.code == ErrorCode::ReviewTooLarge)
    }

    fn outcome(&self) -> Outcome {
        if !self.failures.is_empty() || !self.permitted {
            Outcome::Deny
        } else if self.review.is_empty() {
            Outcome::Allow
        } else {
            Outcome::Review
        }
    }

    /// A review that could not be recorded must not begin: the rule that is one too many denies.
    fn limit_review(&mut self) {
        let mut bytes = 0;
        let too_many = self.review.iter().find(|rule| {
            bytes += rule.requirement().recorded_bytes();
            bytes > MOST_REVIEW
        });
        if let Some(rule) = too_many.filter(|_| self.outcome() == Outcome::Review) {
            let text = message::review_too_large(self.review.len(), MOST_REVIEW);
            self.failures.push(Failure::new(&rule.id, ErrorCode::ReviewTooLarge, text));
        }
    }

    pub(crate) fn into_decision(mut self, empty: bool, facts_read: BTreeSet<FactName>) -> Decision {
        self.limit_review();
        let outcome = self.outcome();
        // On an error nothing permits; what forbids is still worth saying.
        let deciding = if outcome == Outcome::Deny && self.permitted { &[] } else { self.deciding.as_slice() };
        let review = if outcome == Outcome::Review { self.review.as_slice() } else { &[] };
        let reason = |rule: &&Rule| Reason { rule: rule.id.clone(), effect: rule.effect };
        let factors = self.risk.iter().map(|rule| Factor { rule: rule.id.clone(), points: rule.points });
        let message = match outcome {
            Outcome::Allow => String::new(),
            Outcome::Review => message::review(review),
            Outcome::Deny if empty => message::no_policy(),
            Outcome::Deny if self.is_oversized() => message::oversized(),
            Outcome::Deny => message::deny(deciding, !self.failures.is_empty()),
        };
        let mut decision = Decision {
            outcome,
            reasons: deciding.iter().chain(review).map(reason).collect(),
            risk: Risk { score: self.score(), factors: factors.collect() },
            review: review.iter().map(|rule| rule.requirement()).collect(),
            errors: Vec::new(),
            error_text: Vec::new(),
            message,
            facts_read,
        };
        // One error for each rule: what comes after the first follows from it.
        let mut seen = BTreeSet::new();
        let mut failures = self.failures;
        failures.sort_by(|a, b| a.error.rule.cmp(&b.error.rule));
        for failure in failures {
            if seen.insert(failure.error.rule.clone()) {
                decision.errors.push(failure.error);
                decision.error_text.push(failure.text);
            }
        }
        decision
    }
}
