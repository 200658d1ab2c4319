//! What is said about a review while it is open: questions to the agent's side, answers, and to whom it is handed over.

use countersign_evidence::key::Key;
use countersign_evidence::record::{
    ActorKind, Body, ReviewAnswered, ReviewAsked, ReviewHandedOver, Role, Verdict as Say,
};
use countersign_evidence::time::Timestamp;
use countersign_journal::KeyKind as OwnerKind;
use countersign_wire::{ActionView, AnswerRequest, AskRequest, HandOverRequest, NoteView};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Command, Note};
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::gate::{Gate, may_see};
use crate::open_action::OpenAction;

/// Longest text in bytes.
const MOST_TEXT: usize = 4_096;

impl Gate {
    /// A reviewer asks the agent's side something before it decides. The review goes on, and so does its time.
    ///
    /// # Errors
    /// [`GateError::NotAReviewer`], [`GateError::NotFound`], [`GateError::Invalid`], [`GateError::WrongState`].
    pub async fn ask(&self, caller: &Caller, action: Uuid, request: AskRequest) -> Result<ActionView, GateError> {
        let text = text(&request.question, "a question")?;
        let question = self.shared.new_id();
        self.note_by_reviewer(caller, action, ReviewAsked { question }.into(), text).await
    }

    /// A reviewer asks another one, who may decide it as well, to do so. Nobody gains a right by it.
    ///
    /// # Errors
    /// As [`Gate::ask`]; [`GateError::Invalid`] where that person may not decide it.
    pub async fn hand_over(
        &self,
        caller: &Caller,
        action: Uuid,
        request: HandOverRequest,
    ) -> Result<ActionView, GateError> {
        let note = request.note.unwrap_or_default();
        let text = if note.trim().is_empty() { String::new() } else { text(&note, "a note")? };
        let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
        let review = open.action.review().ok_or(GateError::NotFound("review"))?;
        let (person, _) = self.person(request.to)?.ok_or(GateError::NotFound("person"))?;
        let may = person.roles.contains(&Role::Reviewer) && !review.open_to(&person.groups, Say::Deny, None).is_empty();
        if !may {
            return Err(GateError::Invalid(
                "that person may not decide this: choose a reviewer of its groups".to_owned(),
            ));
        }
        self.note_by_reviewer(caller, action, ReviewHandedOver { to: request.to }.into(), text).await
    }

    /// The agent's side answers a question.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where no such question is open; as [`Gate::cancel`].
    pub async fn answer_question(
        &self,
        caller: &Caller,
        action: Uuid,
        request: AnswerRequest,
    ) -> Result<ActionView, GateError> {
        caller.must_act()?;
        let text = text(&request.answer, "an answer")?;
        let open = self.own(caller, action).await?;
        let oldest = open.action.review().and_then(|review| review.questions.first().copied());
        let question = request.question.or(oldest).ok_or(GateError::NotFound("open question"))?;
        let kind = if self.shared.is_wire(caller) { ActorKind::Gateway } else { ActorKind::Agent };
        let sections =
            vec![Fields { key: &open.key, wrapped_by: None, fields: vec![Field::new("text", text.as_str())] }];
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        let body = ReviewAnswered { question };
        let draft = Draft::sealed(id, actor(kind, caller.key), body, origin, sections, self.shared.random());
        self.say(&open, draft, text).await
    }

    async fn note_by_reviewer(
        &self,
        caller: &Caller,
        action: Uuid,
        body: Body,
        text: String,
    ) -> Result<ActionView, GateError> {
        let reviewer = self.reviewer(caller, None)?;
        let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
        may_see(caller, &open)?;
        let review = open.action.review().ok_or(GateError::NotFound("review"))?;
        if review.open_to(&reviewer.groups, Say::Deny, None).is_empty() {
            return Err(GateError::NotAReviewer("only who may decide this takes part in its review".to_owned()));
        }
        // What a reviewer writes lies under its own key, and goes with it.
        let (person_key_id, person_key) = self.shared.owner_key(OwnerKind::Person, &reviewer.id)?;
        let own = Key::generate(self.shared.random());
        let mut fields = Vec::new();
        if !text.is_empty() {
            fields.push(Field::new("text", text.as_str()));
        }
        let sections = vec![Fields { key: &own, wrapped_by: Some((person_key_id, &person_key)), fields }];
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        let by = actor(ActorKind::Reviewer, &reviewer.id);
        let draft = Draft::sealed(id, by, body, origin, sections, self.shared.random());
        self.say(&open, draft, text).await
    }

    async fn say(&self, open: &OpenAction, draft: Draft, text: String) -> Result<ActionView, GateError> {
        let note = note_of(&draft.body, &draft.actor.id, text, self.shared.now());
        let note = note.ok_or_else(|| GateError::Broken("a note of unknown kind".to_owned()))?;
        let said = Note { action: open.id(), draft, note };
        self.view_of(Command::Note(Box::new(said))).await?.ok_or(GateError::Busy)
    }
}

/// What a record says of what was said, as people read it.
pub(crate) fn note_of(body: &Body, by: &str, text: String, at: Timestamp) -> Option<NoteView> {
    let (kind, question, to) = match body {
        Body::ReviewAsked(asked) => ("question", Some(asked.question), None),
        Body::ReviewAnswered(answered) => ("answer", Some(answered.question), None),
        Body::ReviewHandedOver(handed_over) => ("hand_over", None, Some(handed_over.to)),
        _ => return None,
    };
    Some(NoteView { kind: kind.to_owned(), question, by: by.to_owned(), to, text, at })
}

fn text(text: &str, what: &str) -> Result<String, GateError> {
    match text.trim() {
        "" => Err(GateError::Invalid(format!("{what} says something"))),
        long if long.len() > MOST_TEXT => Err(GateError::Invalid(format!("{what} has at most {MOST_TEXT} bytes"))),
        text => Ok(text.to_owned()),
    }
}
