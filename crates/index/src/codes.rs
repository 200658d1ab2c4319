//! Enumerations as the small integers that rows hold.

use countersign_evidence::action::{End, Stage};
use countersign_evidence::record::{Category, Decision, Match, Outcome};
use countersign_wire::State;

/// Where an action stands, as readers are told.
pub fn state_of(stage: &Stage) -> State {
    match stage {
        Stage::Proposed | Stage::Reviewing(_) | Stage::Edited(_) => State::Waiting,
        Stage::Allowed(_) | Stage::Authorized(_) => State::Authorized,
        Stage::Executing(_) => State::Executing,
        Stage::Finished(End { outcome: Outcome::Succeeded, .. }) => State::Succeeded,
        Stage::Finished(End { outcome: Outcome::Failed, .. }) => State::Failed,
        Stage::Finished(End { outcome: Outcome::Unknown, .. }) => State::Unknown,
        Stage::Denied(_) => State::Denied,
        Stage::Closed(_) => State::Closed,
    }
}

pub(crate) const OUTCOMES: [Outcome; 3] = [Outcome::Succeeded, Outcome::Failed, Outcome::Unknown];
pub(crate) const MATCHES: [Match; 2] = [Match::Exact, Match::Edited];
pub(crate) const DECISIONS: [Decision; 3] = [Decision::Allow, Decision::Deny, Decision::Review];

/// The place of `value` in `all`.
pub(crate) fn code<T: PartialEq>(all: &[T], value: &T) -> Option<i64> {
    all.iter().position(|one| one == value).and_then(|place| i64::try_from(place).ok())
}

/// The value at that place.
pub(crate) fn value<T: Copy>(all: &[T], code: Option<i64>) -> Option<T> {
    all.get(usize::try_from(code?).ok()?).copied()
}

pub(crate) fn state_code(state: State) -> i64 {
    code(&State::ALL, &state).unwrap_or_default()
}

pub(crate) fn category_code(category: Category) -> i64 {
    code(&Category::ALL, &category).unwrap_or_default()
}

/// The name of a decision in the API and the search box.
pub fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Review => "review",
    }
}
