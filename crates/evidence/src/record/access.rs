use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Strength;
use crate::time::Timestamp;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decide reviews of its groups.
    Reviewer,
    /// Activate policies, settle outcomes.
    Operator,
    /// Look at everything, change nothing; what it looks at is recorded.
    Auditor,
    /// Change people, their groups and roles, and keys.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Reviewer, Role::Operator, Role::Auditor, Role::Admin];

    /// The name in the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Reviewer => "reviewer",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// `access.changed`: a person was added, or its groups, roles or time changed. Sealed: name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessChanged {
    /// The person.
    pub person: Uuid,
    /// Its groups from now on.
    pub groups: Vec<String>,
    /// Its roles from now on; reviewer alone where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
    /// When all of it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A passkey (W3C Web Authentication).
    Passkey,
    /// A password.
    Password,
    /// An account at an OpenID provider.
    Oidc,
    /// A one-time link.
    Invitation,
}

impl CredentialKind {
    /// The name in the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            CredentialKind::Passkey => "passkey",
            CredentialKind::Password => "password",
            CredentialKind::Oidc => "oidc",
            CredentialKind::Invitation => "invitation",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [CredentialKind::Passkey, CredentialKind::Password, CredentialKind::Oidc, CredentialKind::Invitation];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// `access.credential_added`: another way to sign in. Sealed: label, public_key (of a passkey).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialAdded {
    /// The person.
    pub person: Uuid,
    /// The credential's own id here.
    pub credential: Uuid,
    /// Its kind.
    pub kind: CredentialKind,
}

/// `access.credential_removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRemoved {
    /// The person.
    pub person: Uuid,
    /// The credential's own id here.
    pub credential: Uuid,
}

/// `access.signed_in`: a session began, or an open one was confirmed by a stronger authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedIn {
    /// The person.
    pub person: Uuid,
    /// The session.
    pub session: Uuid,
    /// How.
    pub method: CredentialKind,
    /// How strong that is.
    pub strength: Strength,
}

/// `access.session_ended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionEnded {
    /// The person.
    pub person: Uuid,
    /// The session.
    pub session: Uuid,
    /// A stable name of why.
    pub why: String,
}

/// `access.locked`: too many failed attempts to sign in as this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLocked {
    /// The person.
    pub person: Uuid,
    /// Until when no attempt is looked at.
    pub until: Timestamp,
}

/// `access.delegated`: somebody who is away lets another person decide with its groups. Sealed: reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessDelegated {
    /// Its id.
    pub delegation: Uuid,
    /// Who is away.
    pub from: Uuid,
    /// Who decides instead.
    pub to: Uuid,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// `access.delegation_ended`: before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationEnded {
    /// Its id.
    pub delegation: Uuid,
}

/// `access.viewed`: somebody whose looking is recorded asked for something. Sealed: asked (path and query).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessViewed {
    /// Where: the route's pattern.
    pub route: String,
    /// The action that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Uuid>,
}
