//! What callers ask, each marked so that the record it causes names it, and what they were told.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::{Correlation, Outcome, Verdict};
use countersign_gate::GateError;
use countersign_gate::testing::{on_behalf, proposal, start};
use countersign_wire::{
    ActionView, CancelRequest, DecideRequest, EraseRequest, FinishRequest, ImportPolicy, StartNow, StartRequest,
};
use uuid::Uuid;

use crate::policies::POLICIES;
use crate::world::World;

/// One request.
#[derive(Debug, Clone)]
pub enum Ask {
    Propose {
        caller: usize,
        request_id: String,
        agent: &'static str,
        user: Option<&'static str>,
        tool: &'static str,
        payload: Value,
        start: Option<String>,
        redeem: bool,
    },
    Start {
        caller: usize,
        action: Uuid,
        attempt: String,
        /// Where it is not the proposer's.
        request_id: Option<String>,
        payload: Value,
        digest_only: bool,
        deadline_s: Option<u32>,
    },
    Finish {
        caller: usize,
        action: Uuid,
        attempt: String,
        outcome: Outcome,
    },
    Cancel {
        caller: usize,
        action: Uuid,
    },
    Decide {
        reviewer: usize,
        action: Uuid,
        verdict: Verdict,
        shown: Digest,
        edit: Option<Value>,
    },
    Present {
        reviewer: usize,
        action: Uuid,
    },
    Sweep,
    Activate {
        policy: usize,
    },
    Erase {
        user: &'static str,
    },
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Told {
    View(Box<ActionView>),
    Done,
    Refused(GateError),
    /// The caller did not stay to hear it.
    Unheard,
}

/// A request with its answer.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its number; the record that it causes names it.
    pub number: u64,
    pub ask: Ask,
    pub told: Told,
    /// Durable records when it was answered.
    pub durable: u64,
}

impl Ask {
    pub async fn send(&self, world: &World, number: u64) -> Told {
        match self.sent(world, number).await {
            Ok(Some(view)) => Told::View(Box::new(view)),
            Ok(None) => Told::Done,
            Err(error) => Told::Refused(error),
        }
    }

    async fn sent(&self, world: &World, number: u64) -> Result<Option<ActionView>, GateError> {
        let gate = &world.test.gate;
        match self.clone() {
            Ask::Propose { caller, request_id, agent, user, tool, payload, start, redeem } => {
                let mut request = proposal(&request_id, agent, &format!("shop/{tool}"), payload);
                if let Some(user) = user {
                    request = on_behalf(request, user);
                }
                request.correlation = Correlation { call_id: Some(number.to_string()), ..Correlation::default() };
                request.start_if_allowed = start.map(|attempt| StartNow { attempt, executor: None, deadline_s: None });
                request.redeem = redeem;
                gate.propose(&world.callers[caller], request).await.map(Some)
            }
            Ask::Start { caller, action, attempt, request_id, payload, digest_only, deadline_s } => {
                let mut request = StartRequest { deadline_s, request_id, ..start(&attempt, payload.clone()) };
                if digest_only {
                    request.payload = None;
                    request.payload_sha256 = Some(Digest::of(payload.to_canonical().as_bytes()));
                }
                gate.start(&world.callers[caller], action, request).await.map(Some)
            }
            Ask::Finish { caller, action, attempt, outcome } => {
                let request = FinishRequest {
                    attempt,
                    outcome,
                    status: None,
                    response: Some(Value::from("done")),
                    error: None,
                    downstream_request_id: None,
                    duration_us: Some(number),
                };
                gate.finish(&world.callers[caller], action, request).await.map(Some)
            }
            Ask::Cancel { caller, action } => {
                let request = CancelRequest { why: Some(format!("ask-{number}")) };
                gate.cancel(&world.callers[caller], action, request).await.map(Some)
            }
            Ask::Decide { reviewer, action, verdict, shown, edit } => {
                let request = DecideRequest {
                    reason: Some("because".to_owned()),
                    payload: edit,
                    active_ms: Some(number),
                    ..DecideRequest::new(verdict, shown)
                };
                gate.decide(&world.reviewers[reviewer].caller, action, request).await.map(Some)
            }
            Ask::Present { reviewer, action } => {
                gate.present(&world.reviewers[reviewer].caller, action).await.map(|_| None)
            }
            Ask::Sweep => gate.sweep().await.map(|()| None),
            Ask::Activate { policy } => {
                let files = POLICIES[policy].files.clone();
                gate.activate_policy(&countersign_gate::Caller::owner(), ImportPolicy { files }).await.map(|_| None)
            }
            Ask::Erase { user } => {
                let request = EraseRequest { user: user.to_owned() };
                gate.erase_subject(&countersign_gate::Caller::owner(), request).await.map(|_| None)
            }
        }
    }
}
