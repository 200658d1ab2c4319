//! Records: immutable statements about an action or about the system (`docs/evidence-format.md` §3 and §5).

mod action;
mod body;
mod clear;
mod envelope;
mod execution;
mod review;
mod sealed;
mod system;

pub use action::{
    ActionAuthorized, ActionClosed, ActionDecided, ActionProposed, Agent, Authenticated, AuthorizedBy, Category,
    Closing, Correlation, Decision, Effect, Factor, Isolation, PolicyRef, Reason, Requirement, ReviewDemand, Risk,
    RuleError, Source, ToolRef,
};
pub use body::Body;
pub use envelope::{Actor, ActorKind, Envelope, EnvelopeError, Link, MOST_ENVELOPE};
pub use execution::{
    Enforcement, ExecutionFinished, ExecutionRefused, ExecutionResolved, ExecutionStarted, Match, Outcome, Refusal,
};
pub use review::{
    Authentication, ReviewCancelled, ReviewDecided, ReviewEscalated, ReviewExpired, ReviewPresented, Separation,
    Verdict,
};
pub use sealed::{Sealable, SealedError};
pub use system::{
    AccessChanged, ClockStepped, ConfigChanged, KeyCreated, KeyKind, KeyRevoked, LogClosed, LogOpened, PolicyActivated,
    SubjectErased, SubjectErasureRequested,
};
