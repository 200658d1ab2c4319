use countersign_evidence::json::Object;
use countersign_evidence::record::Refusal;
use countersign_wire::Problem;
use uuid::Uuid;

/// Why the gate says no. Each is a stable problem (RFC 9457) with a status; nothing was executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The request breaks a rule that its schema does not state.
    #[error("{0}")]
    Invalid(String),
    /// The payload exceeds the configured limit.
    #[error("the payload has {bytes} bytes in canonical form, over the limit of {limit}: send less, or by reference")]
    PayloadTooLarge {
        /// Length of the canonical form.
        bytes: usize,
        /// The configured limit.
        limit: usize,
    },
    /// The key is unknown or revoked.
    #[error("the bearer key is missing, unknown or revoked: ask an operator for one (`countersign key create`)")]
    Unauthenticated,
    /// The key may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or the key may not see it.
    #[error("there is no {0} here that this key may see")]
    NotFound(&'static str),
    /// The request id was used for something else.
    #[error("request_id was used before with other content: use a new one for a new action")]
    RequestReplayed(Uuid),
    /// A start was refused, and that is recorded.
    #[error("{}", refused_text(*.refusal))]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The action.
        action: Uuid,
    },
    /// The action is not where this could be done.
    #[error("the action is {state}: {what}")]
    WrongState {
        /// The action.
        action: Uuid,
        /// Where it stands.
        state: String,
        /// What cannot be done now.
        what: &'static str,
    },
    /// The reviewer judged another payload than the one in question by now.
    #[error("the payload has changed since it was shown: look at it again, then decide")]
    StaleReview(Uuid),
    /// The person may not decide this.
    #[error("{0}")]
    NotAReviewer(String),
    /// A rule asks for a signature.
    #[error("a rule asks for a signed approval: approve it in the console, with a passkey")]
    SignatureRequired(Uuid),
    /// Too long ago.
    #[error("the risk is high: prove again who you are (in the console), or sign the approval with a passkey")]
    StepUpRequired(Uuid),
    /// What was handed in does not sign the answer.
    #[error("the signature is not taken: {0}")]
    BadSignature(String),
    /// Not everything was shown.
    #[error("the payload is longer than what is shown at once: show all of it, then approve")]
    NotExpanded(Uuid),
    /// A policy set was refused; the old one stays.
    #[error("the policy set is refused and the active one stays:\n{0}")]
    BadPolicy(String),
    /// A limit that protects the gate.
    #[error("{0}")]
    TooMany(String),
    /// The queue is full.
    #[error("the gate is busy: try again with the same request_id")]
    Busy,
    /// Records cannot be made durable.
    #[error("the journal cannot write ({0}): nothing was recorded, nothing may be executed")]
    Unavailable(String),
    /// The disk is full.
    #[error("the disk is full: open actions can still be finished, new ones are refused until there is room")]
    DiskFull,
    /// Something that should be there is not, or does not open.
    #[error("{0}")]
    Broken(String),
}

fn refused_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Mismatch => {
            "the payload is not the authorized one: execute exactly what was approved, or propose anew"
        }
        Refusal::Expired => "the authorization has expired: propose again",
        Refusal::AlreadyUsed => "the authorization was used by another attempt: propose again for another execution",
        Refusal::Unauthorized => "the action is not authorized: wait for its decision, or propose again",
        Refusal::PolicyChanged => "the policy in force now denies it: do not execute",
    }
}

impl From<countersign_journal::KeyStoreError> for GateError {
    fn from(error: countersign_journal::KeyStoreError) -> Self {
        GateError::Unavailable(error.to_string())
    }
}

impl From<countersign_evidence::open::RingError> for GateError {
    fn from(error: countersign_evidence::open::RingError) -> Self {
        GateError::Unavailable(error.to_string())
    }
}

impl GateError {
    /// The problem's stable name and its HTTP status.
    pub fn kind(&self) -> (&'static str, u16) {
        match self {
            GateError::Invalid(_) => ("invalid", 422),
            GateError::PayloadTooLarge { .. } => ("payload_too_large", 413),
            GateError::Unauthenticated => ("unauthenticated", 401),
            GateError::Forbidden(_) => ("forbidden", 403),
            GateError::NotFound(_) => ("not_found", 404),
            GateError::RequestReplayed(_) => ("request_replayed", 409),
            GateError::Refused { refusal, .. } => (refusal.as_str(), 409),
            GateError::WrongState { .. } => ("wrong_state", 409),
            GateError::StaleReview(_) => ("stale_review", 409),
            GateError::NotAReviewer(_) => ("not_a_reviewer", 403),
            GateError::SignatureRequired(_) => ("signature_required", 403),
            GateError::StepUpRequired(_) => ("step_up_required", 403),
            GateError::BadSignature(_) => ("bad_signature", 422),
            GateError::NotExpanded(_) => ("not_expanded", 409),
            GateError::BadPolicy(_) => ("bad_policy", 422),
            GateError::TooMany(_) => ("too_many", 429),
            GateError::Busy => ("busy", 429),
            GateError::Unavailable(_) => ("unavailable", 503),
            GateError::DiskFull => ("disk_full", 507),
            GateError::Broken(_) => ("broken", 500),
        }
    }

    /// The action it is about, where there is one.
    pub fn action(&self) -> Option<Uuid> {
        match self {
            GateError::RequestReplayed(action)
            | GateError::StaleReview(action)
            | GateError::SignatureRequired(action)
            | GateError::StepUpRequired(action)
            | GateError::NotExpanded(action)
            | GateError::Refused { action, .. }
            | GateError::WrongState { action, .. } => Some(*action),
            _ => None,
        }
    }

    /// The problem document.
    pub fn problem(&self) -> Problem {
        let (name, status) = self.kind();
        Problem {
            kind: format!("/problems/{name}"),
            title: name.replace('_', " "),
            status,
            detail: self.to_string(),
            action: self.action(),
            more: Object::new(),
        }
    }
}
