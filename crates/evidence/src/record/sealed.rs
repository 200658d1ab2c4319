//! Which fields the records of a type seal (`docs/evidence-format.md` §5).

use super::{Body, Envelope};

/// The names of the fields that records of one type seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealable {
    /// Every record of the type seals these.
    pub always: &'static [&'static str],
    /// A record may seal these.
    pub sometimes: &'static [&'static str],
}

/// Why a record does not seal what its type seals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// A field that its type always seals is missing.
    #[error("{kind}: it does not seal {field}, which its type always seals")]
    Missing {
        /// The record's type.
        kind: String,
        /// The field.
        field: &'static str,
    },
    /// Its type seals no field of that name.
    #[error("{kind}: it seals {field}, which its type does not know")]
    Unlisted {
        /// The record's type.
        kind: String,
        /// The field.
        field: String,
    },
}

impl Body {
    /// What records of this type seal; `None` where the type is not known.
    pub fn sealable(&self) -> Option<Sealable> {
        let (always, sometimes): (&'static [_], &'static [_]) = match self {
            Body::ActionProposed(_) => (&["payload"], &["intent", "user", "resource", "context"]),
            Body::ActionDecided(_) => (&["facts"], &["errors", "reasons"]),
            Body::ReviewPresented(_) => (&["presentation"], &[]),
            Body::ReviewDecided(_) => (&[], &["reason", "name", "payload", "signature"]),
            Body::ReviewAsked(_) | Body::ReviewAnswered(_) => (&["text"], &[]),
            Body::ReviewHandedOver(_) => (&[], &["text"]),
            Body::ExecutionStarted(_) => (&["payload"], &["context"]),
            Body::ExecutionRefused(_) => (&[], &["payload"]),
            Body::ExecutionFinished(_) => (&[], &["response", "error"]),
            Body::ExecutionResolved(_) => (&[], &["evidence"]),
            Body::PolicyActivated(_) => (&["text"], &[]),
            Body::ToolDefined(_) => (&["definition"], &[]),
            Body::KeyCreated(_) => (&[], &["label"]),
            Body::AccessChanged(_) => (&[], &["name"]),
            Body::CredentialAdded(_) => (&[], &["label", "public_key"]),
            Body::AccessDelegated(_) => (&[], &["reason"]),
            Body::AccessViewed(_) => (&[], &["asked"]),
            Body::StandingGranted(_) => (&[], &["name", "reason", "content_digest"]),
            Body::ReviewEscalated(_)
            | Body::ReviewStandingUsed(_)
            | Body::StandingRevoked(_)
            | Body::ReviewExpired(_)
            | Body::ReviewCancelled(_)
            | Body::ActionAuthorized(_)
            | Body::ActionClosed(_)
            | Body::LogOpened(_)
            | Body::LogClosed(_)
            | Body::ClockStepped(_)
            | Body::KeyRevoked(_)
            | Body::CredentialRemoved(_)
            | Body::SignedIn(_)
            | Body::SessionEnded(_)
            | Body::AccessLocked(_)
            | Body::DelegationEnded(_)
            | Body::ConfigChanged(_)
            | Body::SubjectErasureRequested(_)
            | Body::SubjectErased(_) => (&[], &[]),
            Body::Unknown { .. } => return None,
        };
        Some(Sealable { always, sometimes })
    }
}

impl Envelope {
    /// Whether the record seals what its type always seals, and nothing that its type does not know.
    ///
    /// # Errors
    /// [`SealedError`].
    pub fn check_sealed(&self) -> Result<(), SealedError> {
        let Some(Sealable { always, sometimes }) = self.body.sealable() else { return Ok(()) };
        let kind = || self.body.kind().to_owned();
        if let Some(field) = always.iter().find(|field| !self.sealed.contains_key(**field)) {
            return Err(SealedError::Missing { kind: kind(), field });
        }
        let known = |name: &str| always.iter().chain(sometimes).any(|field| *field == name);
        match self.sealed.keys().find(|name| !known(name)) {
            Some(name) => Err(SealedError::Unlisted { kind: kind(), field: name.clone() }),
            None => Ok(()),
        }
    }
}
