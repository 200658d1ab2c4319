use std::sync::Arc;

use countersign_evidence::action::{End, Stage};
use countersign_evidence::record::{Body, Enforcement, ExecutionFinished, Outcome};
use uuid::Uuid;

use super::Answer;
use crate::draft::Draft;
use crate::error::GateError;
use crate::open_action::OpenAction;
use crate::turn::Turn;

/// What came of an execution.
pub(crate) struct Finish {
    pub(crate) action: Uuid,
    pub(crate) draft: Draft,
    pub(crate) finished: ExecutionFinished,
    /// Whether it is an enforcement point's word.
    pub(crate) wire: bool,
    pub(crate) loaded: Option<Arc<OpenAction>>,
}

impl Turn<'_> {
    /// finish → \[finished\]. If the process dies before the commit, the outcome is unknown from the deadline on.
    pub(super) fn finish_execution(&mut self, finish: &Finish) -> Result<Answer, GateError> {
        let mut open = self.take(finish.action, finish.loaded.as_ref())?;
        let wrong = |open: &OpenAction, what| {
            let state = open.action.stage.name().to_owned();
            Err(GateError::WrongState { action: open.id(), state, what })
        };
        let attempt = open.action.execution().map(|execution| execution.started.attempt.as_str());
        if attempt != Some(finish.finished.attempt.as_str()) {
            return wrong(&open, "this attempt was never started");
        }
        // What was seen on the wire nobody else says: an agent does not write what came of its own call.
        let on_wire = open.action.execution().is_some_and(|one| one.started.enforcement == Enforcement::Wire);
        if on_wire && !finish.wire {
            return wrong(&open, "it was executed on the wire: its gateway says what came of it");
        }
        let mut finished = finish.finished.clone();
        match &open.action.stage {
            Stage::Executing(_) => {}
            Stage::Finished(End { outcome: Outcome::Unknown, resolved: false, .. })
                if finished.outcome != Outcome::Unknown =>
            {
                finished.late = true;
            }
            // The same answer to the same message.
            Stage::Finished(end) if end.outcome == finished.outcome => {
                return Ok(Answer::View(Box::new(open.view())));
            }
            _ => return wrong(&open, "another outcome is recorded already"),
        }
        let draft = Draft { body: Body::ExecutionFinished(finished), ..finish.draft.clone() };
        self.add(&mut open, draft)?;
        self.answer(open)
    }
}
