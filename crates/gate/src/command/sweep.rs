use countersign_evidence::action::{Review, Stage};
use countersign_evidence::record::{
    ActionClosed, Body, Closing, ExecutionFinished, Outcome, ReviewEscalated, ReviewExpired,
};
use countersign_evidence::time::Timestamp;

use super::Answer;
use crate::draft::{Draft, system};
use crate::error::GateError;
use crate::open_action::OpenAction;
use crate::turn::Turn;

impl Turn<'_> {
    /// Ends what time has ended: reviews, authorizations, and executions without an outcome.
    pub(super) fn sweep(&mut self) -> Result<Answer, GateError> {
        for id in self.due() {
            if self.is_full() {
                break;
            }
            let mut open = self.take(id, None)?;
            let Some(body) = self.ended_by_time(&open) else { continue };
            let draft = Draft { body, ..Draft::plain(self.shared.new_id(), system(), closed()) };
            self.add(&mut open, draft)?;
            self.put(open);
        }
        Ok(Answer::Closed(Vec::new()))
    }

    fn ended_by_time(&self, open: &OpenAction) -> Option<Body> {
        match &open.action.stage {
            Stage::Reviewing(review) if self.time >= review.demand.expires_at => {
                Some(ReviewExpired { why: "time".to_owned() }.into())
            }
            Stage::Reviewing(review) => escalation_due(review, self.time).map(Body::from),
            Stage::Authorized(authorization) if self.time >= authorization.expires_at => Some(closed().into()),
            Stage::Executing(execution) if self.time >= execution.started.deadline => {
                Some(unknown(&execution.started.attempt).into())
            }
            _ => None,
        }
    }
}

/// A rule whose time to ask more people has come.
fn escalation_due(review: &Review, now: Timestamp) -> Option<ReviewEscalated> {
    review.demand.requirements.iter().find_map(|requirement| {
        let escalation = requirement.escalation.as_ref().filter(|escalation| now >= escalation.at)?;
        let (groups, rule) = (escalation.groups.clone(), Some(requirement.rule.clone()));
        Some(ReviewEscalated { groups, rule, why: "time".to_owned() })
    })
}

fn closed() -> ActionClosed {
    ActionClosed { how: Closing::AuthorizationExpired }
}

fn unknown(attempt: &str) -> ExecutionFinished {
    ExecutionFinished {
        attempt: attempt.to_owned(),
        outcome: Outcome::Unknown,
        late: false,
        status: None,
        duration_us: None,
        downstream_request_id: None,
    }
}
