use std::sync::Arc;

use countersign_policy::PolicySet;

use super::Answer;
use crate::draft::Draft;
use crate::error::GateError;
use crate::turn::Turn;

impl Turn<'_> {
    /// Records about the system; the position of the last one.
    pub(super) fn record_all(&mut self, drafts: &[Draft]) -> Result<Answer, GateError> {
        let mut last = 0;
        for draft in drafts {
            last = self.system(draft.clone())?;
        }
        Ok(Answer::Position(last))
    }

    /// The set is in force for every command behind this one.
    pub(super) fn activate(&mut self, draft: &Draft, policy: &Arc<PolicySet>) -> Result<Answer, GateError> {
        let position = self.system(draft.clone())?;
        self.changes.policy = Some(Arc::clone(policy));
        Ok(Answer::Position(position))
    }
}
