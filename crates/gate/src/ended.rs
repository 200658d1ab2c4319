//! Actions as they end, for whoever follows the log: clear fields alone, never anything that is sealed.

use countersign_evidence::action::{Action, Denial, Ending, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::record::{
    AuthorizedBy, Body, Closing, Correlation, Decision, Envelope, Outcome, ToolRef, Verdict,
};
use countersign_evidence::time::Timestamp;
use countersign_index::state_of;
use countersign_wire::State;
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;

/// An action that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The action.
    pub action: Uuid,
    /// The agent's id.
    pub agent: String,
    /// The tool.
    pub tool: ToolRef,
    /// The enforcement point: `mcp`, `http`, `api`, …
    pub via: String,
    /// The kind of side effect.
    pub category: String,
    /// The environment.
    pub environment: String,
    /// Ids of what surrounds it.
    pub correlation: Correlation,
    /// What policy decided last.
    pub decision: Option<Decision>,
    /// The policy's version.
    pub policy: Option<String>,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// Digest of the payload in question last, as the log commits to it: no plain hash, which would confirm guesses.
    pub payload: Digest,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Microseconds from the proposal to what people decided, where they were asked.
    pub waited_us: Option<i64>,
    /// Where it stands.
    pub state: State,
    /// Why it did not succeed: a stable name, or the protocol's own status.
    pub error: Option<String>,
}

impl Gate {
    /// Actions that ended from this log position on, and the position after all that was looked at. Waits for the log to grow.
    /// What follows an end (a late outcome, a resolution) is not told again.
    ///
    /// # Errors
    /// As [`Gate::events`].
    pub async fn ended(&self, caller: &Caller, position: u64) -> Result<(Vec<Ended>, u64), GateError> {
        let envelopes = self.envelopes(caller, position).await?;
        let next = envelopes.last().map_or(position, |(position, _)| position + 1);
        let mut ended = Vec::new();
        for (_, envelope) in envelopes {
            let (true, Some(link)) = (may_end(&envelope.body), envelope.link) else { continue };
            // Its content was erased: there is nothing left to tell.
            let Some(open) = self.find(link.action).await? else { continue };
            ended.extend(ended_by(&envelope, &open.action));
        }
        Ok((ended, next))
    }
}

fn may_end(body: &Body) -> bool {
    match body {
        Body::ActionDecided(decided) => decided.decision == Decision::Deny,
        Body::ReviewDecided(decided) => decided.verdict == Verdict::Deny,
        Body::ExecutionFinished(finished) => !finished.late,
        Body::ReviewExpired(_) | Body::ReviewCancelled(_) | Body::ActionClosed(_) => true,
        _ => false,
    }
}

fn ended_by(envelope: &Envelope, action: &Action) -> Option<Ended> {
    let (proposed, decided) = (&action.proposed, action.decided.as_ref());
    action.is_over().then(|| Ended {
        action: action.id,
        agent: proposed.agent.id.clone(),
        tool: proposed.tool.clone(),
        via: proposed.source.via.clone(),
        category: proposed.category.as_str().to_owned(),
        environment: action.environment.clone(),
        correlation: proposed.correlation.clone(),
        decision: decided.map(|decided| decided.decision),
        policy: decided.map(|decided| decided.policy_set.version.clone()),
        risk: decided.map_or(0, |decided| decided.risk.score),
        payload: action.payload(),
        proposed: action.proposed_at,
        ended: envelope.time,
        waited_us: waited_until(action, envelope.time).map(|until| until.since(action.proposed_at)),
        state: state_of(&action.stage),
        error: error_of(&action.stage),
    })
}

/// Until when people were asked.
fn waited_until(action: &Action, ended: Timestamp) -> Option<Timestamp> {
    match (&action.stage, action.execution()) {
        (_, Some(execution)) => {
            (execution.authorization.by != AuthorizedBy::Policy).then_some(execution.authorization.at)
        }
        (Stage::Denied(Denial::Reviewer | Denial::Expired) | Stage::Closed(Ending::ReviewCancelled), None) => {
            Some(ended)
        }
        _ => None,
    }
}

fn error_of(stage: &Stage) -> Option<String> {
    let named = |name: &str| Some(name.to_owned());
    match stage {
        Stage::Finished(end) => match end.outcome {
            Outcome::Succeeded => None,
            Outcome::Failed => end.finished.status.clone().or_else(|| named("tool_error")),
            Outcome::Unknown => named("outcome_unknown"),
        },
        Stage::Denied(Denial::Policy) => named("denied_by_policy"),
        Stage::Denied(Denial::Reviewer) => named("denied_by_reviewer"),
        Stage::Denied(Denial::Expired) => named("review_expired"),
        Stage::Closed(Ending::ReviewCancelled | Ending::Closed(Closing::Cancelled)) => named("cancelled"),
        Stage::Closed(Ending::Closed(Closing::AuthorizationExpired)) => named("authorization_expired"),
        Stage::Closed(Ending::Closed(Closing::SubjectErased)) => named("subject_erased"),
        _ => None,
    }
}
