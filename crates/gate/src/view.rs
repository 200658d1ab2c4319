use countersign_evidence::action::Stage;
use countersign_evidence::record::{Decision, Effect, Enforcement, Factor, Match, Requirement};
use countersign_index::state_of;
use countersign_wire::{
    ActionView, AuthorizationView, ExecutionView, QuestionView, ReasonView, RequirementView, ReviewView, SeatView,
};
use uuid::Uuid;

use crate::open_action::OpenAction;

pub(crate) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
        Effect::Review => "review",
    }
}

pub(crate) fn match_name(matches: Match) -> &'static str {
    match matches {
        Match::Exact => "exact",
        Match::Edited => "edited",
    }
}

fn enforcement(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Wire => "wire",
        Enforcement::Attested => "attested",
    }
}

impl OpenAction {
    /// The action as its caller sees it.
    pub(crate) fn view(&self) -> ActionView {
        let action = &self.action;
        let decided = action.decided.as_ref();
        ActionView {
            action: action.id,
            state: state_of(&action.stage),
            decision: decided.map_or(Decision::Deny, |decided| decided.decision),
            reasons: decided.map(|decided| decided.reasons.as_slice()).unwrap_or_default().iter().map(reason).collect(),
            risk: decided.map_or(0, |decided| decided.risk.score),
            message: self.message_now(),
            review: action.review().map(|review| ReviewView {
                groups: groups(review.demand.requirements.iter().flat_map(|requirement| &requirement.groups)),
                expires_at: review.demand.expires_at,
                questions: self.questions(&review.questions),
            }),
            authorization: action.authorization().map(|authorization| AuthorizationView {
                payload_version: authorization.payload_version,
                expires_at: authorization.expires_at,
                payload: self.edited.as_deref().cloned(),
            }),
            execution: action.execution().map(|execution| ExecutionView {
                attempt: execution.started.attempt.clone(),
                matches: match_name(execution.started.matches).to_owned(),
                enforcement: enforcement(execution.started.enforcement).to_owned(),
                deadline: execution.started.deadline,
                outcome: match &action.stage {
                    Stage::Finished(end) => Some(end.outcome),
                    _ => None,
                },
            }),
            policy: decided.map(|decided| decided.policy_set.version.clone()).unwrap_or_default(),
            position: self.position(),
        }
    }

    fn was_reviewed(&self) -> bool {
        self.action.decided.as_ref().is_some_and(|decided| decided.decision == Decision::Review)
    }

    fn questions(&self, open: &[Uuid]) -> Vec<QuestionView> {
        let asked = self.notes.iter().filter(|note| note.kind == "question");
        let asked = asked.filter_map(|note| Some((note.question.filter(|one| open.contains(one))?, note)));
        asked.map(|(question, note)| QuestionView { question, text: note.text.clone() }).collect()
    }

    /// For the model: what to do next.
    fn message_now(&self) -> String {
        use countersign_evidence::action::{Denial, Ending};
        match &self.action.stage {
            Stage::Denied(Denial::Reviewer) => match self.denied_because.as_deref().map(str::trim) {
                None | Some("") => "A reviewer denied this. Do not try it again.".to_owned(),
                Some(why) => format!("A reviewer denied this: {why}\nDo not try it again."),
            },
            Stage::Denied(Denial::Expired) => {
                "Nobody approved this in time. Ask the user before you try again.".to_owned()
            }
            Stage::Closed(Ending::ReviewCancelled | Ending::Closed(_)) => {
                "This was given up. Nothing was executed.".to_owned()
            }
            Stage::Authorized(_) if self.edited.is_some() => {
                "Approved with changes: execute the payload as it was edited.".to_owned()
            }
            // What policy said of a review is over.
            Stage::Authorized(_) if self.was_reviewed() => "Approved: execute exactly this, once.".to_owned(),
            Stage::Executing(_) if self.was_reviewed() => "Approved, and being executed.".to_owned(),
            Stage::Finished(_) if self.was_reviewed() => {
                format!("Approved; its outcome: {}.", state_of(&self.action.stage).as_str())
            }
            Stage::Reviewing(review) if !review.questions.is_empty() => {
                let asked: Vec<String> = self.questions(&review.questions).into_iter().map(|one| one.text).collect();
                format!("{} A reviewer asks: {}", self.message, asked.join(" / "))
            }
            _ => self.message.clone(),
        }
    }
}

/// A requirement as people see it, with the approvals that fill its seats.
pub(crate) fn requirement(one: &Requirement, message: String, approvals: Vec<SeatView>) -> RequirementView {
    RequirementView {
        rule: one.rule.clone(),
        message,
        groups: one.groups.clone(),
        quorum: one.quorum,
        approvals,
        signature: one.signature,
        standing_s: one.standing_s,
        escalates_at: one.escalation.as_ref().map(|escalation| escalation.at),
    }
}

/// The risk rules that fired.
pub(crate) fn risk_factors(factors: &[Factor]) -> Vec<String> {
    factors.iter().map(|factor| format!("{} (+{})", factor.rule, factor.points)).collect()
}

pub(crate) fn reason(reason: &countersign_evidence::record::Reason) -> ReasonView {
    ReasonView { rule: reason.rule.clone(), effect: effect(reason.effect).to_owned() }
}

/// Each once, in order.
pub(crate) fn groups<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = names.collect();
    names.into_iter().cloned().collect()
}
