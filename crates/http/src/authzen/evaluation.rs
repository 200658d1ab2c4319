//! One question, and its answer.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Decision, Refusal};
use countersign_gate::{Caller, Evaluated, GateError, Proposed};
use countersign_wire::{ProposeRequest, StartRequest, State};

use super::ATTEMPT;
use super::mapping::{Around, proposal};
use super::metadata::request_endpoint;
use super::question::Question;
use super::tokens::{Carried, Denial, approval_id};
use crate::app::App;
use crate::problem::Failure;

/// Seconds after which it makes sense to ask again while people decide.
const ASK_AGAIN_S: i64 = 5;

/// Why an approval that was brought along lets nothing through (ARAP §9.4), and what the enforcement point does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotApplied {
    Expired,
    OutOfScope,
    Pending,
    Unverifiable,
}

impl NotApplied {
    const fn reason(self) -> &'static str {
        match self {
            NotApplied::Expired => "approval_expired",
            NotApplied::OutOfScope => "out_of_scope",
            NotApplied::Pending => "grant_pending",
            NotApplied::Unverifiable => "approval_unverifiable",
        }
    }

    const fn next_action(self) -> &'static str {
        match self {
            NotApplied::Expired | NotApplied::OutOfScope => "request",
            NotApplied::Pending => "retry",
            NotApplied::Unverifiable => "none",
        }
    }
}

/// Decides a question. "Allowed" is durable as `execution.started` before it is said, and counts once.
///
/// # Errors
/// [`Failure`]: nothing is allowed.
pub(crate) async fn evaluate(
    app: &App,
    caller: &Caller,
    around: &Around,
    question: &Question,
) -> Result<Object, Failure> {
    let gate = app.gate();
    let request = proposal(question, caller, around);
    let mut not_applied = None;
    if let Some(carried) = question.context.get("approval") {
        match redeem(app, caller, &request, carried).await? {
            Ok(answer) => return Ok(answer),
            Err(why) => not_applied = Some(why),
        }
    }
    // Without it, the question is decided as if it had not been brought along.
    let evaluated = gate.evaluate(caller, request).await?;
    app.metrics().decided(evaluated.view.decision);
    answer(app, question, &evaluated, not_applied)
}

fn answer(
    app: &App,
    question: &Question,
    evaluated: &Evaluated,
    not_applied: Option<NotApplied>,
) -> Result<Object, Failure> {
    let view = &evaluated.view;
    let mut context =
        Object::from_iter([("evaluation_id", view.action.to_string()), ("evaluated_at", evaluated.at.to_string())]);
    if view.state == State::Executing {
        return Ok(decision(true, context));
    }
    if view.decision != Decision::Review {
        context.insert("reason", "policy_denied");
        if not_applied.is_some() {
            context.insert("next_action", "none");
        }
        return Ok(decision(false, context));
    }
    context.insert("reason", not_applied.map_or("approval_required", NotApplied::reason));
    if let Some(why) = not_applied {
        context.insert("next_action", why.next_action());
        if why == NotApplied::Pending {
            context.insert("retry_after", ASK_AGAIN_S);
        }
    }
    if not_applied.is_none_or(|why| why.next_action() == "request") {
        context.insert("access_request", access_request(app, question, evaluated)?);
    }
    Ok(decision(false, context))
}

/// Where and how people can be asked.
fn access_request(app: &App, question: &Question, evaluated: &Evaluated) -> Result<Object, Failure> {
    let gate = app.gate();
    let denial = Denial::of(question, evaluated.view.action, evaluated.at);
    let mut hint = Object::from_iter([
        ("endpoint", request_endpoint(gate)),
        ("expires_at", denial.expires_at.to_string()),
        ("binding_token", denial.sign(gate, &app.authzen()?.signer)),
    ]);
    if let Some(rule) = evaluated.view.reasons.iter().find(|reason| reason.effect == "review") {
        hint.insert("template", rule.rule.as_str());
    }
    Ok(hint)
}

fn decision(allowed: bool, context: Object) -> Object {
    let mut answer = Object::new();
    answer.insert("decision", allowed);
    answer.insert("context", context);
    answer
}

/// Starts what people approved, where that is exactly what is asked now. The gate lets it once.
async fn redeem(
    app: &App,
    caller: &Caller,
    request: &ProposeRequest,
    carried: &Value,
) -> Result<Result<Object, NotApplied>, Failure> {
    let gate = app.gate();
    let Some(carried) = Carried::read(gate, &app.authzen()?.signer, carried) else {
        return Ok(Err(NotApplied::Unverifiable));
    };
    if carried.approved_until <= app.clock().now() {
        return Ok(Err(NotApplied::Expired));
    }
    let approved = match gate.proposed(caller, carried.action).await {
        Ok(approved) => approved,
        // Another key's, or erased.
        Err(GateError::NotFound(_)) => return Ok(Err(NotApplied::Unverifiable)),
        Err(error) => return Err(error.into()),
    };
    let environment = request.environment.as_deref().unwrap_or(gate.environment());
    if !is_about(&approved, request, environment) {
        return Ok(Err(NotApplied::OutOfScope));
    }
    let start = StartRequest {
        attempt: ATTEMPT.to_owned(),
        // Each evaluation is a request of its own: none gets the go-ahead of another.
        request_id: Some(gate.fresh_id().to_string()),
        context: request.context.clone(),
        executor: None,
        payload: Some(request.payload.clone()),
        payload_sha256: None,
        deadline_s: None,
    };
    match gate.start_elsewhere(caller, carried.action, start).await {
        Ok(view) => {
            let mut context = Object::new();
            context.insert("evaluation_id", view.action.to_string());
            context.insert(
                "approval",
                Object::from_iter([
                    ("id", approval_id(carried.action)),
                    ("approved_until", carried.approved_until.to_string()),
                ]),
            );
            Ok(Ok(decision(true, context)))
        }
        Err(GateError::Refused { refusal, .. }) => Ok(Err(match refusal {
            Refusal::Mismatch => NotApplied::OutOfScope,
            Refusal::Unauthorized => match gate.action(caller, carried.action, 0).await?.state {
                State::Waiting => NotApplied::Pending,
                _ => NotApplied::Expired,
            },
            // Whether another policy denies it is decided anew.
            Refusal::Expired | Refusal::AlreadyUsed | Refusal::PolicyChanged => NotApplied::Expired,
        })),
        Err(error) => Err(error.into()),
    }
}

/// Whether the approved action is the one in question, but for its payload: the gate compares that. Most follows from the
/// payload; what made it of the question may have been another version.
fn is_about(approved: &Proposed, request: &ProposeRequest, environment: &str) -> bool {
    let proposed = &approved.action.proposed;
    let tool = (&proposed.tool.server, &proposed.tool.name) == (&request.tool.server, &request.tool.name);
    tool && proposed.agent.id == request.agent.id
        && approved.action.environment == environment
        && approved.user == request.user
}
