//! Reviews: who may decide what, what they are shown, and their answers as records.

mod again;
mod notes;
mod presentation;
mod reviewer;
mod signing;

use std::sync::Arc;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::key::Key;
use countersign_evidence::record::{
    ActorKind, Assertion, Authentication, Decision, Meaning, ReviewDecided, Signing, Verdict as Say,
};
use countersign_evidence::visible::is_long;
use countersign_journal::KeyKind as OwnerKind;
use countersign_wire::{ActionView, DecideRequest};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Command, Edit, Verdict};
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::gate::{Gate, MOST_TRIES, may_see, value_of};
use crate::open_action::OpenAction;
use crate::prepare::check_paths;
pub(crate) use notes::note_of;
pub(crate) use reviewer::Reviewer;

/// Rises with what presentations hold.
const RENDERER: &str = "countersign/4";
const MOST_REASON: usize = 4_096;
/// From this risk on an approval asks for more: the value that matters typed, and a proof of who approves.
pub const HIGH_RISK: u32 = 70;

impl Gate {
    /// Decides a review.
    ///
    /// # Errors
    /// [`GateError::NotAReviewer`], [`GateError::StaleReview`], [`GateError::WrongState`]; [`GateError::NotExpanded`],
    /// [`GateError::SignatureRequired`], [`GateError::StepUpRequired`] and [`GateError::BadSignature`] where an approval lacks
    /// what it needs.
    pub async fn decide(&self, caller: &Caller, action: Uuid, request: DecideRequest) -> Result<ActionView, GateError> {
        let reviewer = self.reviewer(caller, request.on_behalf_of)?;
        check(&request)?;
        for _ in 0..MOST_TRIES {
            let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
            may_see(caller, &open)?;
            self.shared.not_own(&open, &reviewer)?;
            self.identical(&open, &request)?;
            if request.verdict == Say::Approve && caller.is_session() {
                self.seen_whole(&open, &request).await?;
            }
            let verdict = self.verdict(caller, &reviewer, &open, &request).await?;
            self.proved_lately(caller, &open, &verdict)?;
            if let Some(view) = self.view_of(Command::Decide(Box::new(verdict))).await? {
                return Ok(view);
            }
        }
        Err(GateError::Busy)
    }

    /// A session that was left open approves nothing of high risk.
    fn proved_lately(&self, caller: &Caller, open: &OpenAction, verdict: &Verdict) -> Result<(), GateError> {
        // An edit that policy denies approves nothing.
        let edited = verdict.edit.as_ref().filter(|edit| edit.judged.decision != Decision::Deny);
        let edited = edited.map_or(0, |edit| edit.judged.risk());
        let risk = open.action.decided.as_ref().map_or(0, |decided| decided.risk.score).max(edited);
        let asked = caller.is_session() && verdict.decided.verdict == Say::Approve;
        match !asked || risk < HIGH_RISK || self.has_proved_lately(caller) || verdict.decided.signature.is_some() {
            true => Ok(()),
            false => Err(GateError::StepUpRequired(open.id())),
        }
    }

    /// Whether the person of a session has proved who it is a short while ago.
    pub(crate) fn has_proved_lately(&self, caller: &Caller) -> bool {
        let most = i64::from(self.shared.settings().step_up_s) * 1_000_000;
        caller.proved.is_some_and(|proved| self.shared.now().since(proved) <= most)
    }

    /// Only what is identical to an action that waits too is approved together with it, as it is.
    fn identical(&self, open: &OpenAction, request: &DecideRequest) -> Result<(), GateError> {
        let Some(first) = request.together_with else { return Ok(()) };
        let other = self.shared.board.get(first).filter(|other| other.action.review().is_some());
        let other = other.ok_or(GateError::NotFound("review"))?;
        let same = other.id() != open.id() && self.shared.likeness(&other) == self.shared.likeness(open);
        match same && request.verdict == Say::Approve && request.payload.is_none() {
            true => Ok(()),
            false => Err(GateError::Invalid("only identical reviews are approved together, as they are".to_owned())),
        }
    }

    /// Nobody approves on a page what that page has not shown.
    async fn seen_whole(&self, open: &OpenAction, request: &DecideRequest) -> Result<(), GateError> {
        if request.presentation_digest.is_none() {
            return Err(GateError::Invalid("presentation_digest: say what was seen".to_owned()));
        }
        if request.expanded_all == Some(true) {
            return Ok(());
        }
        let in_question = self.shared.question_of(open, None).await?;
        match is_long(in_question.payload()) {
            true => Err(GateError::NotExpanded(open.id())),
            false => Ok(()),
        }
    }

    async fn verdict(
        &self,
        caller: &Caller,
        reviewer: &Reviewer,
        open: &OpenAction,
        request: &DecideRequest,
    ) -> Result<Verdict, GateError> {
        let assertion = self.signed(caller, open, request)?;
        let edit = match &request.payload {
            Some(payload) => Some(self.edit(open, payload).await?),
            None => None,
        };
        let payload_version = open.action.payload_version() + u32::from(edit.is_some());
        let strength = caller.is_session().then_some(caller.strength);
        let body = ReviewDecided {
            verdict: request.verdict,
            requirements: Vec::new(),
            groups: reviewer.groups.clone(),
            authentication: Authentication { method: caller.method.to_owned(), session: Some(caller.key), strength },
            separation: reviewer.separation(caller),
            payload_version,
            payload: open.action.payload(),
            presentation: request.presentation_digest,
            active_ms: request.active_ms,
            expanded_all: request.expanded_all,
            meaning: Some(Meaning::of(request.verdict, edit.is_some())),
            on_behalf_of: reviewer.on_behalf_of,
            policy: Some(signing::policy_of(open)),
            together_with: request.together_with,
            signature: assertion.is_some().then_some(Signing::Passkey),
        };
        let draft = self.answer_draft(reviewer, open, request, &body, edit.as_ref(), assertion.as_ref())?;
        let payload = draft.sealed.get("payload").copied().unwrap_or(body.payload);
        let decided = ReviewDecided { payload, ..body };
        let (reason, shown) = (request.reason.clone(), request.payload_digest);
        Ok(Verdict { action: open.id(), draft, decided, reason, shown, edit })
    }

    /// The answer as a record. What is about the reviewer lies under the reviewer's own key, an edit under the action's.
    fn answer_draft(
        &self,
        reviewer: &Reviewer,
        open: &OpenAction,
        request: &DecideRequest,
        body: &ReviewDecided,
        edit: Option<&Edit>,
        assertion: Option<&Assertion>,
    ) -> Result<Draft, GateError> {
        let (person_key_id, person_key) = self.shared.owner_key(OwnerKind::Person, &reviewer.id)?;
        let own = Key::generate(self.shared.random());
        let mut about_reviewer = vec![Field::new("name", reviewer.name.as_str())];
        about_reviewer.extend(request.reason.as_deref().map(|reason| Field::new("reason", reason)));
        about_reviewer.extend(assertion.map(|assertion| Field::new("signature", value_of(assertion))));
        let edited = edit.iter().map(|edit| Field::payload(body.payload_version, (*edit.payload).clone())).collect();
        let sections = vec![
            Fields { key: &own, wrapped_by: Some((person_key_id, &person_key)), fields: about_reviewer },
            Fields { key: &open.key, wrapped_by: None, fields: edited },
        ];
        let by = actor(ActorKind::Reviewer, &reviewer.id);
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        Ok(Draft::sealed(id, by, body.clone(), origin, sections, self.shared.random()))
    }

    /// Policy decides on the edited payload before it counts.
    async fn edit(&self, open: &OpenAction, payload: &Value) -> Result<Edit, GateError> {
        let canonical = payload.to_canonical();
        let limit = self.shared.settings().most_payload;
        if canonical.len() > limit {
            return Err(GateError::PayloadTooLarge { bytes: canonical.len(), limit });
        }
        check_paths(payload)?;
        let plain = Digest::of(canonical.as_bytes());
        if plain == open.plain {
            return Err(GateError::Invalid(
                "the edited payload equals the one in question: approve it as it is".to_owned(),
            ));
        }
        let question = self.shared.question_of(open, Some(payload.clone())).await?;
        let policy = self.shared.policy();
        let judged = self.shared.judge_again(&policy, &question, &open.key, open.action.payload_version() + 1);
        Ok(Edit { payload: Arc::new(payload.clone()), plain, judged: Arc::new(judged) })
    }
}

fn check(request: &DecideRequest) -> Result<(), GateError> {
    let reason = request.reason.as_deref().map_or("", str::trim);
    if reason.len() > MOST_REASON {
        return Err(GateError::Invalid(format!("a reason has at most {MOST_REASON} bytes")));
    }
    match request.verdict {
        Say::Deny if reason.is_empty() => Err(GateError::Invalid("a denial needs a reason".to_owned())),
        Say::Deny if request.payload.is_some() => Err(GateError::Invalid("a denial edits nothing".to_owned())),
        _ => Ok(()),
    }
}
