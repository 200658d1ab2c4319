use countersign_evidence::action::Review;
use countersign_evidence::record::{
    ActionAuthorized, ActionDecided, ActorKind, AuthorizedBy, Body, Decision, ReviewCancelled,
};
use countersign_evidence::time::Timestamp;

use super::Answer;
use crate::draft::{Draft, actor, system};
use crate::error::GateError;
use crate::evaluate::NOT_REQUESTED;
use crate::judge::Judged;
use crate::open_action::OpenAction;
use crate::prepare::Prepared;
use crate::turn::Turn;

impl Turn<'_> {
    /// propose → \[proposed, decided, standing used*, authorized?, started?\] or \[proposed, decided, cancelled\], one commit. If the
    /// process dies before it, nothing has happened and nothing was answered; after it, the action stands where the last of
    /// these records says.
    pub(super) fn propose(&mut self, prepared: &Prepared) -> Result<Answer, GateError> {
        let Body::ActionProposed(proposed) = &prepared.proposed.body else {
            return Err(GateError::Broken("a proposal is no action.proposed".to_owned()));
        };
        // The same request id with the same content is the same action, however often it is sent.
        if let Some(held) = self.by_request(prepared.identity.key, &proposed.request_id) {
            return match held.identity == prepared.identity {
                // The caller is refused where starts are.
                true if held.begun_by_another(&proposed.request_id, prepared.start.as_ref()) => Ok(Answer::Stale),
                true => Ok(Answer::View(Box::new(held.view()))),
                false => Err(GateError::RequestReplayed(held.id())),
            };
        }
        // It names an action that ended, and that the index answers for by now: the caller asks there again.
        if self.named(prepared.identity.key, &proposed.request_id).is_some() {
            return Ok(Answer::Stale);
        }
        // Another policy came into force, or the person was erased, while this one was being made ready.
        if !self.policy_version_is(&prepared.judged.draft.body) || self.is_closing(prepared.requester.subject) {
            return Ok(Answer::Stale);
        }
        if prepared.judged.decision != Decision::Deny {
            self.check_room(&proposed.agent.id)?;
        }
        // Intent first, then the decision, though both become durable at once.
        let (action, position) = self.begin(prepared.action, &prepared.environment, prepared.proposed.clone())?;
        let mut open = OpenAction {
            action,
            key: prepared.key.clone(),
            identity: prepared.identity,
            plain: prepared.plain,
            edited: None,
            requester: prepared.requester.clone(),
            message: prepared.judged.message.clone(),
            rule_messages: prepared.judged.rule_messages.clone(),
            shown: Vec::new(),
            denied_because: None,
            notes: Vec::new(),
            positions: vec![position],
            refused_before: 0,
        };
        self.add(&mut open, self.dated(&prepared.judged))?;
        if prepared.judged.decision == Decision::Allow {
            self.authorize(&mut open, AuthorizedBy::Policy)?;
        }
        let before = (!prepared.asks).then(|| (self.mark(), open.clone()));
        self.use_standing(&mut open, &prepared.covered)?;
        self.authorize_if_satisfied(&mut open)?;
        if let Some((mark, unused)) = before.filter(|_| open.action.review().is_some()) {
            // Where that was not enough, nothing of it is used up.
            self.undo(&mark);
            open = unused;
            let nobody = ReviewCancelled { why: NOT_REQUESTED.to_owned() };
            self.add(&mut open, Draft::plain(self.shared.new_id(), system(), nobody))?;
        }
        if let Some(start) = prepared.start.as_ref().filter(|_| open.action.authorization().is_some()) {
            self.begin_execution(&mut open, start, prepared.wire, None)?;
        }
        Ok(Answer::View(Box::new(self.put_new(open).view())))
    }

    /// The decision, its review's end counted from this turn's time: the clock that was asked may not be believed.
    fn dated(&self, judged: &Judged) -> Draft {
        let mut draft = judged.draft.clone();
        if let Body::ActionDecided(ActionDecided { review: Some(demand), .. }) = &mut draft.body {
            let lasts = demand.expires_at.since(judged.asked_at);
            demand.expires_at = Timestamp::from_micros(self.time.as_micros().saturating_add(lasts));
        }
        draft
    }

    /// Lets exactly the payload in question be executed once, from now on.
    pub(super) fn authorize(&mut self, open: &mut OpenAction, by: AuthorizedBy) -> Result<(), GateError> {
        let decided = open.action.decided.as_ref().ok_or(GateError::NotFound("decision"))?;
        let body = ActionAuthorized {
            by,
            policy_set: decided.policy_set.clone(),
            payload_version: open.action.payload_version(),
            payload: open.action.payload(),
            expires_at: self.after(self.shared.settings().authorization_ttl_s),
        };
        let draft = Draft::plain(self.shared.new_id(), actor(ActorKind::Policy, &body.policy_set.version), body);
        open.refused_before = open.action.refusals;
        self.add(open, draft)
    }

    /// Authorizes if every requirement has its quorum.
    pub(super) fn authorize_if_satisfied(&mut self, open: &mut OpenAction) -> Result<(), GateError> {
        match open.action.review().filter(|review| review.satisfied()).map(Review::in_advance) {
            Some(true) => self.authorize(open, AuthorizedBy::Standing),
            Some(false) => self.authorize(open, AuthorizedBy::Review),
            None => Ok(()),
        }
    }

    /// Takes over a new decision about an action that exists: \[decided, authorized?\].
    pub(super) fn redecide(&mut self, open: &mut OpenAction, judged: &Judged) -> Result<(), GateError> {
        self.add(open, self.dated(judged))?;
        open.message.clone_from(&judged.message);
        open.rule_messages.clone_from(&judged.rule_messages);
        match judged.decision {
            Decision::Deny => Ok(()),
            Decision::Allow => self.authorize(open, AuthorizedBy::Policy),
            Decision::Review => self.authorize_if_satisfied(open),
        }
    }
}
