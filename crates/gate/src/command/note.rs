use countersign_evidence::action::Stage;
use countersign_wire::NoteView;
use uuid::Uuid;

use super::Answer;
use crate::draft::Draft;
use crate::error::GateError;
use crate::turn::Turn;

/// What is said about one review at most.
const MOST_NOTES: usize = 64;

/// Something is said about a review, sealed.
pub(crate) struct Note {
    pub(crate) action: Uuid,
    pub(crate) draft: Draft,
    /// As people read it; its time is the turn's.
    pub(crate) note: NoteView,
}

impl Turn<'_> {
    /// A question, an answer, or a hand-over: the review goes on.
    pub(super) fn note(&mut self, said: &Note) -> Result<Answer, GateError> {
        let mut open = self.take(said.action, None)?;
        let wrong =
            |state: &str, what| Err(GateError::WrongState { action: said.action, state: state.to_owned(), what });
        let Stage::Reviewing(review) = &open.action.stage else {
            return wrong(open.action.stage.name(), "nobody reviews it");
        };
        if self.time >= review.demand.expires_at {
            return wrong("expired", "the review has expired");
        }
        if said.draft.actor.id.parse().is_ok_and(|person| self.is_closing(person)) {
            return Err(GateError::NotAReviewer("this person was erased".to_owned()));
        }
        let answers = said.note.question.filter(|_| said.note.kind == "answer");
        if answers.is_some_and(|question| !review.questions.contains(&question)) {
            return Err(GateError::NotFound("open question"));
        }
        if open.notes.len() >= MOST_NOTES {
            return Err(GateError::TooMany(format!("{MOST_NOTES} things were said about this already: decide it")));
        }
        self.add(&mut open, said.draft.clone())?;
        open.notes.push(NoteView { at: self.time, ..said.note.clone() });
        self.answer(open)
    }
}
