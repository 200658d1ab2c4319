use countersign_evidence::action::Stage;
use countersign_evidence::record::{ActionClosed, Closing};
use uuid::Uuid;

use super::Answer;
use crate::draft::{Draft, system};
use crate::error::GateError;
use crate::turn::Turn;

impl Turn<'_> {
    /// A subject's open actions close before its keys go: \[closed …, requested\], one commit.
    pub(super) fn close_subject(&mut self, subjects: &[Uuid], draft: &Draft) -> Result<Answer, GateError> {
        let mut actions = Vec::new();
        for id in self.open_ids() {
            let mut open = self.take(id, None)?;
            if !subjects.contains(&open.requester.subject) {
                continue;
            }
            if matches!(open.action.stage, Stage::Executing(_)) {
                let state = "executing".to_owned();
                let what = "its subject cannot be erased until its outcome is known or its deadline has passed";
                return Err(GateError::WrongState { action: id, state, what });
            }
            let closed = ActionClosed { how: Closing::SubjectErased };
            self.add(&mut open, Draft::plain(self.shared.new_id(), system(), closed))?;
            open.edited = None;
            self.put(open);
            actions.push(id);
        }
        self.system(draft.clone())?;
        self.forget_in_standing(subjects);
        self.changes.closing.extend_from_slice(subjects);
        Ok(Answer::Closed(actions))
    }
}
