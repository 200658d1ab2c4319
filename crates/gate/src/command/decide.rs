use std::sync::Arc;

use countersign_evidence::action::{Approval, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::{Body, ReviewDecided, Verdict as Say};
use uuid::Uuid;

use super::Answer;
use crate::draft::Draft;
use crate::error::GateError;
use crate::judge::Judged;
use crate::open_action::Shown;
use crate::turn::Turn;

/// Different presentations of one payload that are recorded at most.
pub(crate) const MOST_SHOWN: usize = 128;

/// A reviewer's answer, sealed.
pub(crate) struct Verdict {
    pub(crate) action: Uuid,
    pub(crate) draft: Draft,
    pub(crate) decided: ReviewDecided,
    /// Why, in the reviewer's words.
    pub(crate) reason: Option<String>,
    /// The payload in question when it was shown.
    pub(crate) shown: Digest,
    /// Where the reviewer edited the payload.
    pub(crate) edit: Option<Edit>,
}

/// An edited payload, and what policy says of it.
pub(crate) struct Edit {
    pub(crate) payload: Arc<Value>,
    pub(crate) plain: Digest,
    pub(crate) judged: Arc<Judged>,
}

impl Turn<'_> {
    /// A reviewer was shown the action.
    pub(super) fn present(
        &mut self,
        action: Uuid,
        draft: &Draft,
        version: u32,
        shown: &Shown,
    ) -> Result<Answer, GateError> {
        let mut open = self.take(action, None)?;
        if open.action.review().is_none() || open.action.payload_version() != version {
            return Err(GateError::StaleReview(action));
        }
        // Whoever looks at the same again adds nothing to the record.
        if open.shown_to(&shown.person, shown.content).is_some() {
            return Ok(Answer::View(Box::new(open.view())));
        }
        if open.shown.len() >= MOST_SHOWN {
            return Err(GateError::TooMany(format!("this review was shown in {MOST_SHOWN} ways already: decide it")));
        }
        self.add(&mut open, draft.clone())?;
        open.shown.push(shown.clone());
        self.answer(open)
    }

    /// decide → \[decided by a reviewer, decided again by policy?, authorized?\], one commit.
    pub(super) fn decide(&mut self, verdict: &Verdict) -> Result<Answer, GateError> {
        let mut open = self.take(verdict.action, None)?;
        let Stage::Reviewing(review) = &open.action.stage else {
            let state = open.action.stage.name().to_owned();
            return Err(GateError::WrongState { action: verdict.action, state, what: "nothing is left to decide" });
        };
        if self.time >= review.demand.expires_at {
            let state = "expired".to_owned();
            return Err(GateError::WrongState { action: verdict.action, state, what: "the review has expired" });
        }
        if open.action.payload() != verdict.shown {
            return Err(GateError::StaleReview(verdict.action));
        }
        let person = &verdict.draft.actor.id;
        // Nothing more is sealed about somebody who was erased, under whatever key.
        if person.parse().is_ok_and(|person| self.is_closing(person)) {
            return Err(GateError::NotAReviewer("this person was erased and decides nothing any more".to_owned()));
        }
        if let Some(digest) = verdict.decided.presentation
            && !open.shown.iter().any(|shown| shown.person == *person && shown.digest == digest)
        {
            return Err(GateError::Invalid(
                "you were not shown that presentation of this payload: look at it first".to_owned(),
            ));
        }
        let has_approved = |approval: &Approval| approval.person == *person && approval.standing.is_none();
        if review.approvals.iter().any(has_approved) && verdict.edit.is_none() {
            return Err(GateError::NotAReviewer(
                "you have approved this already: one person fills one seat".to_owned(),
            ));
        }
        let decided = &verdict.decided;
        let requirements = review.open_to(&decided.groups, decided.verdict, decided.signature);
        if requirements.is_empty() && !review.open_to(&decided.groups, Say::Deny, None).is_empty() {
            return Err(GateError::SignatureRequired(verdict.action));
        }
        let decided = ReviewDecided { requirements, ..decided.clone() };
        if decided.requirements.is_empty() {
            let groups = crate::view::groups(review.demand.requirements.iter().flat_map(|one| &one.groups)).join(", ");
            return Err(GateError::NotAReviewer(format!("only members of {groups} may decide this")));
        }
        if verdict.edit.as_ref().is_some_and(|edit| !self.policy_version_is(&edit.judged.draft.body)) {
            return Ok(Answer::Stale);
        }
        open.denied_because = verdict.reason.clone().filter(|_| decided.verdict == Say::Deny);
        let draft = Draft { body: Body::ReviewDecided(decided), ..verdict.draft.clone() };
        self.add(&mut open, draft)?;
        if let Some(edit) = &verdict.edit {
            open.shown.clear();
            open.notes.clear();
            open.edited = Some(Arc::clone(&edit.payload));
            open.plain = edit.plain;
            self.redecide(&mut open, &edit.judged)?;
        } else {
            self.authorize_if_satisfied(&mut open)?;
        }
        self.answer(open)
    }
}
