use super::{Action, ApplyError, Approval, Review, broken};
use crate::digest::Digest;
use crate::record::*;
use crate::time::Timestamp;

/// Where an action stands. Each stage owns what only it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Policy has not been asked yet.
    Proposed,
    /// Policy allows; the authorization follows.
    Allowed(Vec<Approval>),
    /// People are being asked.
    Reviewing(Review),
    /// A reviewer edited the payload; policy is asked again.
    Edited(Approval),
    /// It may be started once.
    Authorized(Authorization),
    /// Started; the outcome is open.
    Executing(Execution),
    /// The outcome is known, or known to be unknown.
    Finished(End),
    /// It may not go ahead.
    Denied(Denial),
    /// It ended without being executed.
    Closed(Ending),
}

/// Exactly this payload may be executed, once, until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who let it.
    pub by: AuthorizedBy,
    /// The policy then in force.
    pub policy_set: PolicyRef,
    /// The payload's version.
    pub payload_version: u32,
    /// The sealed payload's digest.
    pub payload: Digest,
    /// When it was authorized.
    pub at: Timestamp,
    /// It ends here.
    pub expires_at: Timestamp,
    /// The approvals behind it.
    pub approvals: Vec<Approval>,
}

/// An execution that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// What let it.
    pub authorization: Authorization,
    /// How it began.
    pub started: ExecutionStarted,
    /// When.
    pub at: Timestamp,
}

/// An execution that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The execution.
    pub execution: Execution,
    /// What came of it, as known by now.
    pub outcome: Outcome,
    /// How it ended.
    pub finished: ExecutionFinished,
    /// When that was known.
    pub at: Timestamp,
    /// An operator found out what an unknown outcome was.
    pub resolved: bool,
}

/// Who said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// A rule, or the absence of one.
    Policy,
    /// A reviewer.
    Reviewer,
    /// Nobody, in time.
    Expired,
}

/// How an action ended without being executed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The caller gave up while people were being asked.
    ReviewCancelled,
    /// As `action.closed` says.
    Closed(Closing),
}

impl Stage {
    /// A name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Stage::Proposed => "proposed",
            Stage::Allowed(_) => "allowed",
            Stage::Reviewing(_) => "in review",
            Stage::Edited(_) => "edited",
            Stage::Authorized(_) => "authorized",
            Stage::Executing(_) => "executing",
            Stage::Finished(_) => "finished",
            Stage::Denied(_) => "denied",
            Stage::Closed(_) => "closed",
        }
    }
}

impl Action {
    /// The stage after this record; `None` where it stays. The picture in `docs/evidence-format.md` §6, as a table.
    pub(super) fn next_stage(&self, envelope: &Envelope) -> Result<Option<Stage>, ApplyError> {
        use Stage::*;
        let next = match (&self.stage, &envelope.body) {
            (Proposed | Edited(_) | Reviewing(_) | Authorized(_), Body::ActionDecided(decided)) => {
                self.decided(decided, envelope)?
            }
            (Reviewing(_), Body::ReviewPresented(shown)) => {
                self.require(envelope, shown.payload_version == self.payload_version(), "it shows another version")?;
                return Ok(None);
            }
            (Reviewing(review), Body::ReviewDecided(decided)) => self.reviewed(review, decided, envelope)?,
            (Reviewing(review), Body::ReviewStandingUsed(used)) => self.approved_in_advance(review, used, envelope)?,
            (Reviewing(review), Body::ReviewAsked(asked)) => Reviewing(self.asked(review, asked, envelope)?),
            (Reviewing(review), Body::ReviewAnswered(answered)) => {
                Reviewing(self.answered(review, answered, envelope)?)
            }
            (Reviewing(_), Body::ReviewHandedOver(_)) => {
                let reviewer = envelope.actor.kind == ActorKind::Reviewer;
                self.require(envelope, reviewer, "only a reviewer hands a review over")?;
                return Ok(None);
            }
            (Reviewing(review), Body::ReviewEscalated(escalated)) => {
                Reviewing(self.escalated(review, escalated, envelope)?)
            }
            (Reviewing(review), Body::ReviewExpired(_)) => {
                self.require(envelope, envelope.time >= review.demand.expires_at, "the review has not expired yet")?;
                Denied(Denial::Expired)
            }
            (Reviewing(_), Body::ReviewCancelled(_)) => Closed(Ending::ReviewCancelled),
            (Allowed(_) | Reviewing(_), Body::ActionAuthorized(authorized)) => self.authorized(authorized, envelope)?,
            (Authorized(authorization), Body::ExecutionStarted(started)) => {
                Executing(self.started(authorization, started, envelope)?)
            }
            (Proposed, Body::ExecutionRefused(_)) => return Err(self.refused_transition(envelope)),
            (_, Body::ExecutionRefused(_)) => return Ok(None),
            (Executing(execution), Body::ExecutionFinished(finished)) => {
                self.require(envelope, !finished.late, "only a finish after an unknown outcome is late")?;
                Finished(self.finished(execution, finished, envelope)?)
            }
            (Finished(end), Body::ExecutionFinished(finished)) => {
                let late = end.outcome == Outcome::Unknown && finished.outcome != Outcome::Unknown && finished.late;
                self.require(envelope, late, "only an unknown outcome is followed by a late finish")?;
                Finished(self.finished(&end.execution, finished, envelope)?)
            }
            (Finished(end), Body::ExecutionResolved(resolved)) => {
                self.require(envelope, end.outcome == Outcome::Unknown, "only an unknown outcome is resolved")?;
                Finished(End { outcome: resolved.outcome, resolved: true, ..end.clone() })
            }
            (Proposed | Allowed(_) | Reviewing(_) | Edited(_) | Authorized(_), Body::ActionClosed(closed)) => {
                Closed(Ending::Closed(closed.how))
            }
            (_, Body::Unknown { .. }) => return Ok(None),
            _ => return Err(self.refused_transition(envelope)),
        };
        Ok(Some(next))
    }

    fn refused_transition(&self, envelope: &Envelope) -> ApplyError {
        ApplyError::Transition { stage: self.stage.name(), record: envelope.body.kind().to_owned() }
    }

    fn require(&self, envelope: &Envelope, holds: bool, rule: &'static str) -> Result<(), ApplyError> {
        if holds { Ok(()) } else { Err(broken(envelope, rule)) }
    }

    fn decided(&self, decided: &ActionDecided, envelope: &Envelope) -> Result<Stage, ApplyError> {
        self.require(
            envelope,
            decided.payload_version == self.payload_version(),
            "it judges another payload version than the one in question",
        )?;
        self.require(
            envelope,
            decided.errors.is_empty() || decided.decision == Decision::Deny,
            "a rule that fails to evaluate denies",
        )?;
        let approvals = self.kept_approvals();
        match (decided.decision, &decided.review) {
            (Decision::Deny, None) => Ok(Stage::Denied(Denial::Policy)),
            (Decision::Allow, None) => Ok(Stage::Allowed(approvals)),
            (Decision::Review, Some(demand)) if !demand.requirements.is_empty() => {
                Ok(Stage::Reviewing(Review { demand: demand.clone(), approvals, questions: Vec::new() }))
            }
            _ => Err(broken(envelope, "a review names its requirements, other decisions have none")),
        }
    }

    fn authorized(&self, authorized: &ActionAuthorized, envelope: &Envelope) -> Result<Stage, ApplyError> {
        let same = authorized.payload == self.payload() && authorized.payload_version == self.payload_version();
        self.require(envelope, same, "it authorizes another payload than the one in question")?;
        self.require(envelope, authorized.expires_at > envelope.time, "an authorization ends after it begins")?;
        let decided = self.decided.as_ref().map(|decided| &decided.policy_set);
        self.require(envelope, decided == Some(&authorized.policy_set), "it names another policy than decided")?;
        let approvals = match (&self.stage, authorized.by) {
            (Stage::Allowed(approvals), AuthorizedBy::Policy) => approvals.clone(),
            (Stage::Reviewing(review), by @ (AuthorizedBy::Review | AuthorizedBy::Standing)) => {
                self.require(envelope, review.satisfied(), "a requirement has not its quorum")?;
                let said = (by == AuthorizedBy::Standing) == review.in_advance();
                self.require(envelope, said, "standing approvals alone authorize where nobody looked at it")?;
                review.approvals.clone()
            }
            _ => return Err(broken(envelope, "policy authorizes what it allows, reviewers what they approved")),
        };
        Ok(Stage::Authorized(Authorization {
            by: authorized.by,
            policy_set: authorized.policy_set.clone(),
            payload_version: authorized.payload_version,
            payload: authorized.payload,
            at: envelope.time,
            expires_at: authorized.expires_at,
            approvals,
        }))
    }

    fn started(
        &self,
        authorization: &Authorization,
        started: &ExecutionStarted,
        envelope: &Envelope,
    ) -> Result<Execution, ApplyError> {
        let same = envelope.sealed.get("payload") == Some(&authorization.payload)
            && started.payload_version == authorization.payload_version;
        self.require(envelope, same, "the executed payload is not the authorized one")?;
        self.require(envelope, envelope.time < authorization.expires_at, "the authorization has expired")?;
        let matches = if started.payload_version == 0 { Match::Exact } else { Match::Edited };
        self.require(envelope, started.matches == matches, "its match does not fit its payload version")?;
        let another = started.redeemed_by.as_ref() != Some(&self.proposed.request_id);
        self.require(envelope, another, "the request that proposed the action does not redeem it")?;
        let own_context = started.redeemed_by.is_some() || !envelope.sealed.contains_key("context");
        self.require(envelope, own_context, "only a request that redeems the action has a context of its own")?;
        Ok(Execution { authorization: authorization.clone(), started: started.clone(), at: envelope.time })
    }

    fn finished(
        &self,
        execution: &Execution,
        finished: &ExecutionFinished,
        envelope: &Envelope,
    ) -> Result<End, ApplyError> {
        self.require(envelope, finished.attempt == execution.started.attempt, "another attempt is being executed")?;
        // An executor may say at any time that it does not know; the gate itself gives up on it at the deadline.
        let given_up = finished.outcome == Outcome::Unknown && envelope.actor.kind == ActorKind::System;
        let due = !given_up || envelope.time >= execution.started.deadline;
        self.require(envelope, due, "the gate gives an outcome up only from the deadline on")?;
        Ok(End {
            execution: execution.clone(),
            outcome: finished.outcome,
            finished: finished.clone(),
            at: envelope.time,
            resolved: false,
        })
    }
}
