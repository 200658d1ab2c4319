//! Records: immutable statements about an action or about the system (`docs/evidence-format.md` §3 and §5).

mod access;
mod action;
mod body;
mod clear;
mod envelope;
mod execution;
mod review;
mod sealed;
mod signature;
mod standing;
mod system;

pub use access::{
    AccessChanged, AccessDelegated, AccessLocked, AccessViewed, CredentialAdded, CredentialKind, CredentialRemoved,
    DelegationEnded, Role, SessionEnded, SignedIn,
};
pub use action::{
    ActionAuthorized, ActionClosed, ActionDecided, ActionProposed, Agent, Authenticated, AuthorizedBy, Category,
    Closing, Correlation, Decision, Effect, Escalation, Factor, Isolation, PolicyRef, Reason, Requirement,
    ReviewDemand, Risk, RuleError, Source, ToolRef,
};
pub use body::Body;
pub use envelope::{Actor, ActorKind, Envelope, EnvelopeError, Link, MOST_ENVELOPE};
pub use execution::{
    Enforcement, ExecutionFinished, ExecutionRefused, ExecutionResolved, ExecutionStarted, Match, Outcome, Refusal,
};
pub use review::{
    Authentication, ReviewAnswered, ReviewAsked, ReviewCancelled, ReviewDecided, ReviewEscalated, ReviewExpired,
    ReviewHandedOver, ReviewPresented, Separation, Strength, Verdict,
};
pub use sealed::{Sealable, SealedError};
pub use signature::{Assertion, Meaning, PublicKey, Signing, Statement};
pub use standing::{ReviewStandingUsed, StandingGranted, StandingRevoked};
pub use system::{
    ClockStepped, ConfigChanged, KeyCreated, KeyKind, KeyRevoked, LogClosed, LogOpened, PolicyActivated, SubjectErased,
    SubjectErasureRequested, ToolDefined,
};
