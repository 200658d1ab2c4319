use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::*;
use crate::json::{self, ConvertError, Limits, Value};

macro_rules! bodies {
    ($($name:literal => $kind:ident),* $(,)?) => {
        /// The clear content of a record, by its type.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, missing_docs)]
        pub enum Body {
            $(#[doc = concat!("`", $name, "`")] $kind($kind),)*
            /// A type that this version does not know: it chains and verifies, its conformance is not checked.
            Unknown {
                /// The type's name.
                kind: String,
                /// The content as it stands.
                content: Value,
            },
        }

        impl Body {
            /// The record's type.
            pub fn kind(&self) -> &str {
                match self {
                    $(Body::$kind(_) => $name,)*
                    Body::Unknown { kind, .. } => kind,
                }
            }

            /// The content as it stands, where the type is not known.
            pub(super) fn unknown(&self) -> Option<&Value> {
                match self {
                    Body::Unknown { content, .. } => Some(content),
                    _ => None,
                }
            }

            pub(super) fn from_parts(kind: &str, content: Value) -> Result<Self, ConvertError> {
                match kind {
                    $($name => json::from_value(content).map(Body::$kind),)*
                    _ => Ok(Body::Unknown { kind: kind.to_owned(), content }),
                }
            }

            /// From a text of our own: bodies hold no numbers but integers, so any JSON parser reads them exactly.
            pub(super) fn from_own(kind: &str, content: &RawValue) -> Result<Self, ConvertError> {
                let refused = |error: &dyn std::fmt::Display| ConvertError(error.to_string());
                match kind {
                    $($name => serde_json::from_str(content.get()).map(Body::$kind).map_err(|error| refused(&error)),)*
                    _ => {
                        let content = json::parse(content.get().as_bytes(), Limits::default());
                        let content = content.map_err(|error| refused(&error))?;
                        Ok(Body::Unknown { kind: kind.to_owned(), content })
                    }
                }
            }
        }

        impl Serialize for Body {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Body::$kind(body) => body.serialize(serializer),)*
                    Body::Unknown { content, .. } => content.serialize(serializer),
                }
            }
        }

        $(impl From<$kind> for Body {
            fn from(body: $kind) -> Self {
                Body::$kind(body)
            }
        })*
    };
}

bodies! {
    "action.proposed" => ActionProposed,
    "action.decided" => ActionDecided,
    "review.presented" => ReviewPresented,
    "review.decided" => ReviewDecided,
    "review.asked" => ReviewAsked,
    "review.answered" => ReviewAnswered,
    "review.handed_over" => ReviewHandedOver,
    "review.escalated" => ReviewEscalated,
    "review.expired" => ReviewExpired,
    "review.cancelled" => ReviewCancelled,
    "review.standing_used" => ReviewStandingUsed,
    "action.authorized" => ActionAuthorized,
    "execution.started" => ExecutionStarted,
    "execution.refused" => ExecutionRefused,
    "execution.finished" => ExecutionFinished,
    "execution.resolved" => ExecutionResolved,
    "action.closed" => ActionClosed,
    "log.opened" => LogOpened,
    "log.closed" => LogClosed,
    "clock.stepped" => ClockStepped,
    "policy.activated" => PolicyActivated,
    "key.created" => KeyCreated,
    "key.revoked" => KeyRevoked,
    "access.changed" => AccessChanged,
    "access.credential_added" => CredentialAdded,
    "access.credential_removed" => CredentialRemoved,
    "access.signed_in" => SignedIn,
    "access.session_ended" => SessionEnded,
    "access.locked" => AccessLocked,
    "access.delegated" => AccessDelegated,
    "access.delegation_ended" => DelegationEnded,
    "access.viewed" => AccessViewed,
    "standing.granted" => StandingGranted,
    "standing.revoked" => StandingRevoked,
    "tool.defined" => ToolDefined,
    "config.changed" => ConfigChanged,
    "subject.erasure_requested" => SubjectErasureRequested,
    "subject.erased" => SubjectErased,
}
