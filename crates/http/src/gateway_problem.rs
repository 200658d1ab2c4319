//! What a gateway in this process answers where a call is not passed on, or nobody knows what came of it.

use uuid::Uuid;

use crate::kinds;
use crate::problem::Failure;

/// Why a call has no answer of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayProblem {
    /// Policy or a person said no.
    Denied,
    /// People have not decided yet: the same request again gets on.
    ApprovalPending,
    /// The same request was sent before.
    ExecutedBefore,
    /// What was authorized makes no request.
    NotSendable,
    /// Nothing was sent: the other side is not there.
    UpstreamUnreachable,
    /// It was sent, and nobody knows what came of it.
    OutcomeUnknown,
}

impl Failure {
    /// A gateway's problem with a call, and the action that it became.
    pub fn gateway(problem: GatewayProblem, detail: impl Into<String>, action: Option<Uuid>) -> Self {
        let kind = match problem {
            GatewayProblem::Denied => kinds::DENIED,
            GatewayProblem::ApprovalPending => kinds::APPROVAL_PENDING,
            GatewayProblem::ExecutedBefore => kinds::EXECUTED_BEFORE,
            GatewayProblem::NotSendable => kinds::NOT_SENDABLE,
            GatewayProblem::UpstreamUnreachable => kinds::UPSTREAM_UNREACHABLE,
            GatewayProblem::OutcomeUnknown => kinds::OUTCOME_UNKNOWN,
        };
        Failure::new(kind, detail).of_action(action)
    }
}
