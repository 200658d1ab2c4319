use countersign_evidence::action::Stage;
use countersign_evidence::record::{ActionClosed, ActorKind, Closing, ReviewCancelled};
use uuid::Uuid;

use super::Answer;
use crate::draft::{Draft, actor};
use crate::error::GateError;
use crate::turn::Turn;

impl Turn<'_> {
    /// The caller gave up: what was not started never will be.
    pub(super) fn cancel(&mut self, action: Uuid, why: &str, by: Uuid) -> Result<Answer, GateError> {
        let mut open = self.take(action, None)?;
        let id = self.shared.new_id();
        let by = actor(ActorKind::Agent, by);
        let draft = match &open.action.stage {
            Stage::Reviewing(_) => Draft::plain(id, by, ReviewCancelled { why: why.to_owned() }),
            Stage::Authorized(_) => Draft::plain(id, by, ActionClosed { how: Closing::Cancelled }),
            Stage::Closed(_) | Stage::Denied(_) => return Ok(Answer::View(Box::new(open.view()))),
            stage => {
                let state = stage.name().to_owned();
                return Err(GateError::WrongState { action, state, what: "it was started, so report its outcome" });
            }
        };
        self.add(&mut open, draft)?;
        self.answer(open)
    }
}
