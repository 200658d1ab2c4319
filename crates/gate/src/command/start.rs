use std::sync::Arc;

use countersign_evidence::action::Stage;
use countersign_evidence::json::Value;
use countersign_evidence::record::{
    ActionClosed, ActorKind, Closing, Enforcement, ExecutionRefused, ExecutionStarted, Match, Refusal,
};
use countersign_wire::StartNow;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{Answer, Presented};
use crate::draft::{Draft, Field, Fields, actor, system};
use crate::error::GateError;
use crate::judge::Judged;
use crate::open_action::OpenAction;
use crate::turn::Turn;

/// A request for the go-ahead.
pub(crate) struct Start {
    pub(crate) action: Uuid,
    pub(crate) attempt: StartNow,
    pub(crate) presented: Presented,
    /// Whose word the execution is.
    pub(crate) wire: bool,
    /// The request that asks, where it is not the one that proposed the action.
    pub(crate) redeemed_by: Option<Redeemer>,
    /// The action decided again, where another policy is in force than the one that authorized it.
    pub(crate) judged: Option<Arc<Judged>>,
    /// The action as the log tells it, where the gate no longer holds it.
    pub(crate) loaded: Option<Arc<OpenAction>>,
}

/// A request that executes an action in place of proposing it again.
#[derive(Debug, Clone)]
pub(crate) struct Redeemer {
    pub(crate) request_id: String,
    /// What it says beside the payload: the proposal's own says nothing of this call.
    pub(crate) context: Option<Value>,
}

impl Start {
    /// Whether the execution is the one that this request began: another's attempt may have the same name.
    fn repeats(&self, open: &OpenAction) -> bool {
        let request_id =
            self.redeemed_by.as_ref().map_or(&open.action.proposed.request_id, |redeemer| &redeemer.request_id);
        open.begun_by() == Some((request_id, &self.attempt.attempt))
    }
}

impl Turn<'_> {
    /// start → \[started\] or \[refused\]. The effect may leave only after the answer, and the answer only after the
    /// commit: if the process dies before it, nothing was started; after it, the outcome is open until the deadline.
    pub(super) fn start(&mut self, start: &Start) -> Result<Answer, GateError> {
        let mut open = self.take(start.action, start.loaded.as_ref())?;
        let right = bool::from(open.plain.0.ct_eq(&start.presented.plain.0));
        if open.action.execution().is_some() {
            // The same attempt of the same request gets the same answer, and no go-ahead for another payload.
            return match start.repeats(&open) {
                true if right => Ok(Answer::View(Box::new(open.view()))),
                true => self.refuse(open, start, Refusal::Mismatch),
                false => self.refuse(open, start, Refusal::AlreadyUsed),
            };
        }
        let Some(authorization) = open.action.authorization().cloned() else {
            return self.refuse(open, start, Refusal::Unauthorized);
        };
        if self.time >= authorization.expires_at {
            return self.refuse(open, start, Refusal::Expired);
        }
        if !right {
            return self.refuse(open, start, Refusal::Mismatch);
        }
        if authorization.policy_set.version != self.policy().version() {
            let Some(judged) = start.judged.as_ref().filter(|judged| self.policy_version_is(&judged.draft.body)) else {
                return Ok(Answer::Stale);
            };
            self.redecide(&mut open, judged)?;
            match &open.action.stage {
                Stage::Authorized(_) => {}
                Stage::Denied(_) => return self.refuse(open, start, Refusal::PolicyChanged),
                _ => return self.refuse(open, start, Refusal::Unauthorized),
            }
        }
        if let Some(redeemer) = &start.redeemed_by {
            match self.named(open.identity.key, &redeemer.request_id) {
                Some(named) if named != open.id() => return Err(GateError::RequestReplayed(named)),
                _ => {}
            }
        }
        self.begin_execution(&mut open, &start.attempt, start.wire, start.redeemed_by.as_ref())?;
        Ok(Answer::View(Box::new(self.put_redeemed(open).view())))
    }

    /// Writes `execution.started` for the authorized payload.
    pub(super) fn begin_execution(
        &mut self,
        open: &mut OpenAction,
        start: &StartNow,
        wire: bool,
        redeemer: Option<&Redeemer>,
    ) -> Result<(), GateError> {
        let settings = self.shared.settings();
        let seconds = start.deadline_s.unwrap_or(settings.execution_deadline_s).clamp(1, settings.most_deadline_s);
        let payload_version = open.action.payload_version();
        let key = open.identity.key.to_string();
        let body = ExecutionStarted {
            attempt: start.attempt.clone(),
            executor: start.executor.as_ref().unwrap_or(&key).clone(),
            deadline: self.after(seconds),
            payload_version,
            matches: if payload_version == 0 { Match::Exact } else { Match::Edited },
            enforcement: if wire { Enforcement::Wire } else { Enforcement::Attested },
            redeemed_by: redeemer.map(|redeemer| redeemer.request_id.clone()),
        };
        let kind = if wire { ActorKind::Gateway } else { ActorKind::Agent };
        let context = redeemer.and_then(|redeemer| redeemer.context.clone());
        let context = context.map(|context| Field::new("context", context));
        let sections = vec![Fields { key: &open.key, wrapped_by: None, fields: context.into_iter().collect() }];
        let (id, by) = (self.shared.new_id(), actor(kind, &key));
        let draft = Draft::sealed(id, by, body, &settings.origin, sections, self.shared.random());
        self.add(open, draft.with_payload(open.action.payload()))
    }

    /// Records the refusal. A mismatch does not burn the authorization, but too many of them do.
    fn refuse(&mut self, mut open: OpenAction, start: &Start, refusal: Refusal) -> Result<Answer, GateError> {
        let settings = self.shared.settings();
        let refused = GateError::Refused { refusal, action: open.id() };
        // What is over takes a bounded number of refusals into the record; after that it is only answered.
        if open.refused() >= settings.most_mismatches {
            return Err(refused);
        }
        let payload_version = open.action.payload_version();
        let body = ExecutionRefused { refusal, attempt: start.attempt.attempt.clone(), payload_version };
        let presented = start.presented.payload.clone().filter(|_| refusal == Refusal::Mismatch);
        let fields = presented.map(|payload| Field::payload(payload_version, payload)).into_iter().collect();
        let sections = vec![Fields { key: &open.key, wrapped_by: None, fields }];
        let by = actor(ActorKind::Gateway, open.identity.key);
        let draft = Draft::sealed(self.shared.new_id(), by, body, &settings.origin, sections, self.shared.random());
        self.add(&mut open, draft)?;
        if open.refused() >= settings.most_mismatches && open.action.authorization().is_some() {
            let closed = ActionClosed { how: Closing::Cancelled };
            self.add(&mut open, Draft::plain(self.shared.new_id(), system(), closed))?;
        }
        self.put(open);
        Ok(Answer::Refused(refused))
    }
}
