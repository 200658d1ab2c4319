//! Whether a call may be sent: proposed, held where people decide, started durably.

use std::time::Duration;

use axum::response::Response;
use countersign_evidence::json::Value;
use countersign_gate::{Caller, Gate};
use countersign_http::{Failure, GatewayProblem};
use countersign_wire::{ActionView, ProposeRequest, StartNow, StartRequest, State};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

/// Steps from a proposal to a start, at most.
const MOST_STEPS: usize = 16;
/// Longest that the gate is asked to hold an answer, in seconds.
const HOLD_AT_ONCE_S: u64 = 300;

/// A go-ahead: `execution.started` is durable, and the effect may leave now.
#[derive(Debug)]
pub(crate) struct Go {
    pub(crate) action: Uuid,
    pub(crate) attempt: String,
    /// Exactly what is to be sent.
    pub(crate) payload: Value,
}

/// Asks for the go-ahead. The request must bring its attempt as `start_if_allowed`. Where nobody listens any more a call that
/// is held is not begun: it waits for whoever asks again.
pub(crate) async fn decide(
    gate: &Gate,
    caller: &Caller,
    request: ProposeRequest,
    start: StartNow,
    hold: Duration,
    answer: &mut oneshot::Sender<Result<Response, Failure>>,
) -> Result<Go, Failure> {
    let until = Instant::now() + hold;
    let (proposed, request_id) = (request.payload.clone(), request.request_id.clone());
    let context = request.context.clone();
    let mut payload = proposed.clone();
    let mut view = gate.propose(caller, request).await?;
    for _ in 0..MOST_STEPS {
        view = match view.state {
            State::Executing if is_ours(&view, &start) => {
                return Ok(Go { action: view.action, attempt: start.attempt, payload });
            }
            State::Authorized => {
                if answer.is_closed() {
                    return Err(pending(&view));
                }
                // It may have waited long: who was let in then may not be any more.
                gate.must_still_be_let_in(caller)?;
                let edited = view.authorization.as_ref().and_then(|authorization| authorization.payload.clone());
                payload = edited.unwrap_or_else(|| proposed.clone());
                let asked = StartRequest {
                    attempt: start.attempt.clone(),
                    request_id: Some(request_id.clone()),
                    context: context.clone(),
                    executor: start.executor.clone(),
                    payload: Some(payload.clone()),
                    payload_sha256: None,
                    deadline_s: start.deadline_s,
                };
                gate.start(caller, view.action, asked).await?
            }
            State::Waiting => {
                let left = until.saturating_duration_since(Instant::now()).as_secs();
                if left == 0 {
                    return Err(pending(&view));
                }
                let wait_s = u32::try_from(left.min(HOLD_AT_ONCE_S)).unwrap_or(1);
                tokio::select! {
                    waited = gate.action(caller, view.action, wait_s) => waited?,
                    () = answer.closed() => return Err(pending(&view)),
                }
            }
            State::Denied | State::Closed => {
                return Err(Failure::gateway(GatewayProblem::Denied, view.message, Some(view.action)));
            }
            State::Executing | State::Succeeded | State::Failed | State::Unknown => {
                let detail = "this very request was sent before: ask for its action, or use another Idempotency-Key";
                return Err(Failure::gateway(GatewayProblem::ExecutedBefore, detail, Some(view.action)));
            }
        };
    }
    let detail = "the policy changed too often while it was decided: send it again";
    Err(Failure::gateway(GatewayProblem::ApprovalPending, detail, Some(view.action)))
}

fn pending(view: &ActionView) -> Failure {
    let detail = format!("{} Send the same request again once it is approved.", view.message);
    Failure::gateway(GatewayProblem::ApprovalPending, detail, Some(view.action))
}

fn is_ours(view: &ActionView, start: &StartNow) -> bool {
    view.execution.as_ref().is_some_and(|execution| execution.attempt == start.attempt)
}
