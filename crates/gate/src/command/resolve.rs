use std::sync::Arc;

use countersign_evidence::action::{End, Stage};
use countersign_evidence::record::Outcome;
use uuid::Uuid;

use super::Answer;
use crate::draft::Draft;
use crate::error::GateError;
use crate::open_action::OpenAction;
use crate::turn::Turn;

/// What an operator found out.
pub(crate) struct Resolution {
    pub(crate) action: Uuid,
    pub(crate) draft: Draft,
    pub(crate) loaded: Arc<OpenAction>,
}

impl Turn<'_> {
    /// An unknown outcome is settled, once.
    pub(super) fn resolve(&mut self, resolution: &Resolution) -> Result<Answer, GateError> {
        let mut open = self.take(resolution.action, Some(&resolution.loaded))?;
        if !matches!(&open.action.stage, Stage::Finished(End { outcome: Outcome::Unknown, .. })) {
            let state = open.action.stage.name().to_owned();
            let what = "only an outcome that nobody knows is settled";
            return Err(GateError::WrongState { action: open.id(), state, what });
        }
        self.add(&mut open, resolution.draft.clone())?;
        self.answer(open)
    }
}
