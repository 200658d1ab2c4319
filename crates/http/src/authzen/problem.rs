//! The problems that the profile names (ARAP §10). The rest of the API's are under `/problems`.

use countersign_evidence::json::Object;
use countersign_wire::Problem;

use crate::problem::Failure;

/// `urn:openid:authzen:access-request:error:…`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessProblem {
    NotRequestable,
    ExpiredDenial,
    InvalidDenialBinding,
    DuplicateRequest,
    UnknownTask,
    TaskExpired,
    InvalidTaskState,
}

impl AccessProblem {
    const fn kind(self) -> (&'static str, u16) {
        match self {
            AccessProblem::NotRequestable => ("not_requestable", 400),
            AccessProblem::ExpiredDenial => ("expired_denial", 410),
            AccessProblem::InvalidDenialBinding => ("invalid_denial_binding", 400),
            AccessProblem::DuplicateRequest => ("duplicate_request", 409),
            AccessProblem::UnknownTask => ("unknown_task", 404),
            AccessProblem::TaskExpired => ("task_expired", 410),
            AccessProblem::InvalidTaskState => ("invalid_task_state", 409),
        }
    }

    /// `detail` says what happened here and what to do.
    pub(crate) fn because(self, detail: impl Into<String>) -> Failure {
        let (name, status) = self.kind();
        Failure::of(Problem {
            kind: format!("urn:openid:authzen:access-request:error:{name}"),
            title: name.replace('_', " "),
            status,
            detail: detail.into(),
            action: None,
            more: Object::new(),
        })
    }
}
