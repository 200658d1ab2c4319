//! The life of an action: the only state machine there is (`docs/evidence-format.md` §6).
//!
//! [`Action::open`] and [`Action::apply`] are the only things that change an action's state. The gate folds records as it
//! makes them, the index as it reads them, a verifier as it checks them; all three see the same state.

mod review;
mod stage;

pub use review::{Approval, InAdvance, Review};
pub use stage::{Authorization, Denial, End, Ending, Execution, Stage};

use uuid::Uuid;

use crate::digest::Digest;
use crate::record::*;
use crate::time::Timestamp;

/// An action as the records so far tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its id.
    pub id: Uuid,
    /// Its workspace.
    pub workspace: String,
    /// Its environment.
    pub environment: String,
    /// What was proposed.
    pub proposed: ActionProposed,
    /// When.
    pub proposed_at: Timestamp,
    /// Digests of the sealed payload by version: 0 as proposed, one more with each edit.
    pub payloads: Vec<Digest>,
    /// What policy said last.
    pub decided: Option<ActionDecided>,
    /// How many starts were refused.
    pub refusals: u32,
    /// Where it stands.
    pub stage: Stage,
    /// How many records it has: the next one's step.
    pub steps: u32,
    /// Leaf hash of its latest record.
    pub last: Digest,
    /// Time of its latest record.
    pub last_time: Timestamp,
}

/// Why a record does not continue an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The record's place does not follow: another action, a gap, a fork, another workspace, or time runs back.
    #[error("the record does not follow: {0}")]
    Chain(&'static str),
    /// The stage does not allow this type of record.
    #[error("{record} cannot follow while the action is {stage}")]
    Transition {
        /// Where the action stands.
        stage: &'static str,
        /// The record's type.
        record: String,
    },
    /// The type is right, its content breaks a rule of §6.
    #[error("{record}: {rule}")]
    Rule {
        /// The record's type.
        record: String,
        /// The broken rule.
        rule: &'static str,
    },
}

impl Action {
    /// Begins with an `action.proposed`.
    ///
    /// # Errors
    /// [`ApplyError`] where the record does not begin an action.
    pub fn open(envelope: &Envelope, leaf: Digest) -> Result<Self, ApplyError> {
        let Body::ActionProposed(proposed) = &envelope.body else {
            return Err(ApplyError::Chain("an action begins with action.proposed"));
        };
        let link =
            envelope.link.filter(|link| link.step == 0).ok_or(ApplyError::Chain("an action begins at step 0"))?;
        let payload = envelope.sealed.get("payload").ok_or_else(|| broken(envelope, "it seals no payload"))?;
        Ok(Action {
            id: link.action,
            workspace: envelope.workspace.clone(),
            environment: envelope.environment.clone(),
            proposed: proposed.clone(),
            proposed_at: envelope.time,
            payloads: vec![*payload],
            decided: None,
            refusals: 0,
            stage: Stage::Proposed,
            steps: 1,
            last: leaf,
            last_time: envelope.time,
        })
    }

    /// Continues with the next record. On an error nothing has changed.
    ///
    /// # Errors
    /// [`ApplyError`] where the record does not follow.
    pub fn apply(&mut self, envelope: &Envelope, leaf: Digest) -> Result<(), ApplyError> {
        self.check_chain(envelope)?;
        let stage = self.next_stage(envelope)?;
        self.remember(envelope);
        if let Some(stage) = stage {
            self.stage = stage;
        }
        self.steps += 1;
        self.last = leaf;
        self.last_time = envelope.time;
        Ok(())
    }

    fn check_chain(&self, envelope: &Envelope) -> Result<(), ApplyError> {
        let link = envelope.link.ok_or(ApplyError::Chain("it belongs to no action"))?;
        let wrong = if link.action != self.id {
            "it belongs to another action"
        } else if link.step != self.steps {
            "its step is not the next one"
        } else if link.prev != Some(self.last) {
            "its prev is not the leaf hash of the previous record"
        } else if envelope.workspace != self.workspace || envelope.environment != self.environment {
            "its workspace or environment is another"
        } else if envelope.time < self.last_time {
            "its time is before the previous record's"
        } else {
            return Ok(());
        };
        Err(ApplyError::Chain(wrong))
    }

    /// What besides the stage a record leaves behind.
    fn remember(&mut self, envelope: &Envelope) {
        match &envelope.body {
            Body::ActionDecided(decided) => self.decided = Some(decided.clone()),
            Body::ReviewDecided(decided) if decided.payload_version > self.payload_version() => {
                self.payloads.push(decided.payload);
            }
            Body::ExecutionRefused(_) => self.refusals += 1,
            _ => {}
        }
    }

    /// The payload version in question: 0 as proposed.
    pub fn payload_version(&self) -> u32 {
        u32::try_from(self.payloads.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Digest of the payload in question.
    pub fn payload(&self) -> Digest {
        self.payloads.last().copied().unwrap_or(Digest([0; 32]))
    }

    /// The review, where people are being asked.
    pub fn review(&self) -> Option<&Review> {
        match &self.stage {
            Stage::Reviewing(review) => Some(review),
            _ => None,
        }
    }

    /// The authorization, where it can be used now.
    pub fn authorization(&self) -> Option<&Authorization> {
        match &self.stage {
            Stage::Authorized(authorization) => Some(authorization),
            _ => None,
        }
    }

    /// The execution, begun or ended.
    pub fn execution(&self) -> Option<&Execution> {
        match &self.stage {
            Stage::Executing(execution) | Stage::Finished(End { execution, .. }) => Some(execution),
            _ => None,
        }
    }

    /// Request ids that name it: the one that proposed it, and the one that redeemed it.
    pub fn request_ids(&self) -> impl Iterator<Item = &str> {
        let redeemed_by = self.execution().and_then(|execution| execution.started.redeemed_by.as_deref());
        std::iter::once(self.proposed.request_id.as_str()).chain(redeemed_by)
    }

    /// Whether nothing but a late finish or a resolution can follow.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Finished(_) | Stage::Denied(_) | Stage::Closed(_))
    }
}

fn broken(envelope: &Envelope, rule: &'static str) -> ApplyError {
    ApplyError::Rule { record: envelope.body.kind().to_owned(), rule }
}
