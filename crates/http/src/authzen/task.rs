//! What has become of an access request (ARAP §8).

use countersign_evidence::action::{Authorization, Denial as Denied, Ending, Stage};
use countersign_evidence::json::Object;
use countersign_evidence::record::Closing;
use countersign_evidence::time::Timestamp;
use countersign_gate::{Caller, Gate, GateError, Proposed};
use uuid::Uuid;

use super::metadata::request_endpoint;
use super::problem::AccessProblem;
use super::question::Question;
use super::signer::Signer;
use super::tokens::{Approval, Bound};
use crate::problem::Failure;

/// A task's id: its action's.
pub(crate) fn name_of(action: Uuid) -> String {
    format!("arq_{}", action.simple())
}

/// The action of a task's id, in the one form that is given out.
pub(crate) fn action_of(task: &str) -> Option<Uuid> {
    let action = Uuid::try_parse(task.strip_prefix("arq_")?).ok()?;
    (name_of(action) == task).then_some(action)
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
    Failed,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Denied => "denied",
            Status::Expired => "expired",
            Status::Cancelled => "cancelled",
            Status::Failed => "failed",
        }
    }
}

/// An access request that this caller may see.
pub(crate) struct Task {
    pub(crate) status: Status,
    pub(crate) proposed: Proposed,
    /// Until when there is something to be told of it.
    until: Option<Timestamp>,
}

impl Task {
    /// # Errors
    /// `unknown_task`, `task_expired`.
    pub(crate) async fn find(
        gate: &Gate,
        caller: &Caller,
        action: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        caller.must_act()?;
        let unknown = || AccessProblem::UnknownTask.because("there is no such task here that this key may see");
        let proposed = match gate.proposed(caller, action.ok_or_else(unknown)?).await {
            Ok(proposed) => proposed,
            Err(GateError::NotFound(_)) => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        if !proposed.is_access_request() {
            return Err(unknown());
        }
        let (status, until) = status(&proposed);
        let over =
            || AccessProblem::TaskExpired.because("what was approved could be used once until then: evaluate anew");
        match status {
            None => Err(over()),
            Some(Status::Approved) if until.is_some_and(|until| until <= now) => Err(over()),
            Some(status) => Ok(Task { status, proposed, until }),
        }
    }

    /// The answer: the task, and what to do where it was approved.
    pub(crate) fn answer(&self, gate: &Gate, signer: &Signer) -> Result<Object, Failure> {
        let id = name_of(self.proposed.action.id);
        let place = self.place(gate);
        let mut task = Object::from_iter([
            ("id", id),
            ("status", self.status.as_str().to_owned()),
            ("status_endpoint", place.clone()),
        ]);
        if let Some(until) = self.until {
            task.insert("expires_at", until.to_string());
        }
        let review = format!("{}/reviews/{}", gate.public_url(), self.proposed.action.id);
        let mut links = Object::from_iter([("review", review)]);
        if self.status == Status::Pending {
            links.insert("cancel", format!("{place}/cancel"));
        }
        task.insert("links", links);
        if self.status == Status::Failed {
            let changed =
                "A reviewer approved it with changes, which this protocol does not carry. Evaluate it as it should be.";
            task.insert("display", Object::from_iter([("description", changed)]));
        }
        let mut answer = Object::from_iter([("task", task)]);
        if let (Status::Approved, Some(authorization)) = (self.status, authorization(&self.proposed)) {
            let mut result = Object::from_iter([("mode", "reevaluate")]);
            result.insert("approval", self.approval(authorization)?.object(gate, signer));
            answer.insert("result", result);
        }
        Ok(answer)
    }

    /// `status_endpoint`
    pub(crate) fn place(&self, gate: &Gate) -> String {
        format!("{}/{}", request_endpoint(gate), name_of(self.proposed.action.id))
    }

    fn approval(&self, authorization: &Authorization) -> Result<Approval, Failure> {
        let question = Question::of_payload(&self.proposed.payload);
        let question =
            question.ok_or_else(|| AccessProblem::UnknownTask.because("this action is no access request"))?;
        Ok(Approval {
            action: self.proposed.action.id,
            evaluation: self.proposed.action.proposed.correlation.parent_action,
            approved_at: authorization.at,
            approved_until: authorization.expires_at,
            bound: Bound::of(&question),
        })
    }
}

/// `None`: it was approved, and the time to use that is over.
fn status(proposed: &Proposed) -> (Option<Status>, Option<Timestamp>) {
    let until = authorization(proposed).map(|authorization| authorization.expires_at);
    match &proposed.action.stage {
        Stage::Reviewing(review) => (Some(Status::Pending), Some(review.demand.expires_at)),
        Stage::Proposed | Stage::Allowed(_) | Stage::Edited(_) => (Some(Status::Pending), None),
        Stage::Authorized(_) | Stage::Executing(_) | Stage::Finished(_) => match proposed.action.payload_version() {
            0 => (Some(Status::Approved), until),
            _ => (Some(Status::Failed), until),
        },
        Stage::Denied(Denied::Policy | Denied::Reviewer) => (Some(Status::Denied), None),
        Stage::Denied(Denied::Expired) => (Some(Status::Expired), None),
        Stage::Closed(Ending::Closed(Closing::AuthorizationExpired)) => (None, None),
        Stage::Closed(_) => (Some(Status::Cancelled), None),
    }
}

fn authorization(proposed: &Proposed) -> Option<&Authorization> {
    let action = &proposed.action;
    action.authorization().or_else(|| action.execution().map(|execution| &execution.authorization))
}
