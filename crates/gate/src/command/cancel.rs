use countersign_evidence::action::Stage;
use countersign_evidence::record::{ActionClosed, ActorKind, Closing, ReviewCancelled};
use countersign_wire::ActionView;
use uuid::Uuid;

use super::Answer;
use crate::draft::{Draft, actor};
use crate::error::GateError;
use crate::open_action::OpenAction;
use crate::turn::Turn;

/// What giving up comes to where nothing is left to be given up.
pub(crate) fn given_up(open: &OpenAction) -> Result<ActionView, GateError> {
    match &open.action.stage {
        Stage::Closed(_) | Stage::Denied(_) => Ok(open.view()),
        stage => {
            let (action, state) = (open.id(), stage.name().to_owned());
            Err(GateError::WrongState { action, state, what: "it was started, so report its outcome" })
        }
    }
}

impl Turn<'_> {
    /// The caller gave up: what was not started never will be.
    pub(super) fn cancel(&mut self, action: Uuid, why: &str, by: Uuid) -> Result<Answer, GateError> {
        let mut open = self.take(action, None)?;
        let id = self.shared.new_id();
        let by = actor(ActorKind::Agent, by);
        let draft = match &open.action.stage {
            Stage::Reviewing(_) => Draft::plain(id, by, ReviewCancelled { why: why.to_owned() }),
            Stage::Authorized(_) => Draft::plain(id, by, ActionClosed { how: Closing::Cancelled }),
            _ => return given_up(&open).map(|view| Answer::View(Box::new(view))),
        };
        self.add(&mut open, draft)?;
        self.answer(open)
    }
}
