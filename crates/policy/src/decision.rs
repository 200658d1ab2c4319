//! What a decision says.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::request::FactName;

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It may run.
    Allow,
    /// It must not run.
    Deny,
    /// It may run once every requirement is satisfied.
    Review,
}

/// What a rule does when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Allows, unless something forbids.
    Permit,
    /// Forbids; nothing lifts it.
    Forbid,
    /// Forbids until reviewers approve.
    Review,
    /// Adds risk points, decides nothing.
    Risk,
}

/// The outcome of deciding, and why. The same request, facts and policy set give the same decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What is to happen.
    pub outcome: Outcome,
    /// The rules that determined it, in the order of the policy folder. Empty where nothing permits, or on errors alone.
    pub reasons: Vec<Reason>,
    /// How risky it looks.
    pub risk: Risk,
    /// What must be satisfied, all of it. Empty unless the outcome is [`Outcome::Review`].
    pub review: Vec<Requirement>,
    /// Rules that could not be evaluated. Not empty means [`Outcome::Deny`].
    pub errors: Vec<RuleError>,
    /// What Cedar said about each of the errors, in the same order. It may quote the payload: it belongs in a sealed field.
    pub error_text: Vec<String>,
    /// For the agent's model: short, what to do next, no policy internals. Empty for [`Outcome::Allow`].
    pub message: String,
    /// The facts that rules which apply to this agent and tool read, whether they fired or not: where one of them has
    /// changed, the decision may be another.
    pub facts_read: BTreeSet<FactName>,
}

/// A rule that determined the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's id.
    pub rule: String,
    /// What the rule does.
    pub effect: Effect,
}

/// How risky an action looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Sum of the factors' points, at most 100.
    pub score: u32,
    /// The risk rules that fired.
    pub factors: Vec<Factor>,
}

/// A risk rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// The rule's id.
    pub rule: String,
    /// Its points.
    pub points: u32,
}

/// Approvals that a fired review rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The rule's id.
    pub rule: String,
    /// Members of any of these groups may approve.
    pub groups: Vec<String>,
    /// How many distinct members must.
    pub quorum: u32,
    /// How long the review stays open, in seconds.
    pub expires_s: u64,
    /// Who may decide too, if it waits long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Whether approvals are signed by a passkey.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signature: bool,
    /// How many seconds an approval given in advance may last; none is taken where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_s: Option<u64>,
    /// The rule's `@message`: what reviewers and the agent are told.
    pub message: Option<String>,
}

/// From a time on, more groups may decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Seconds from the decision on.
    pub after_s: u64,
    /// Those groups.
    pub groups: Vec<String>,
}

impl Requirement {
    /// Bytes that it takes in an `action.decided`, at most. Names of the policy need no escapes.
    pub(crate) fn recorded_bytes(&self) -> usize {
        let later = self.escalation.iter().flat_map(|escalation| &escalation.groups);
        let groups: usize = self.groups.iter().chain(later).map(|group| group.len() + r#""","#.len()).sum();
        let escalation =
            r#""escalation":{"at":"2026-01-02T03:04:05.000006Z","groups":[]},"signature":"passkey","#.len();
        let escalation = if self.escalation.is_some() || self.signature { escalation } else { 0 };
        let standing = self.standing_s.map_or(0, |_| r#""standing_s":7776000,"#.len());
        let more = escalation + standing;
        self.rule.len() + groups + more + r#"{"groups":[],"quorum":20,"rule":""},"#.len()
    }
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleError {
    /// The rule's id; `request` where the request itself is at fault.
    pub rule: String,
    /// A stable name for what went wrong.
    pub code: ErrorCode,
}

/// Stable names for what goes wrong while deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// `null` where a rule reads a value.
    NullValue,
    /// An attribute that a rule reads is missing.
    MissingAttribute,
    /// A value has another type than the rule's operator takes.
    TypeMismatch,
    /// A number is no integer, or none that 64 bits hold, where the rules read integers.
    NotAnInteger,
    /// A number has more than four places, or is too large, where the rules read decimals.
    NotADecimal,
    /// Integer arithmetic overflowed.
    Overflow,
    /// An extension function refused its text, as in `ip("300.1.1.1")`.
    BadLiteral,
    /// Too deeply nested to evaluate.
    TooDeep,
    /// The server's name is empty or holds a `/`, or the tool's name is empty.
    BadToolName,
    /// The review rules that fire ask for more than one record can hold.
    ReviewTooLarge,
    /// Anything else that Cedar reports.
    Evaluation,
}
