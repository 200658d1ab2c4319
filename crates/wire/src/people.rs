use countersign_evidence::record::{CredentialKind, Role, Strength};
use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /v1/people`: a person, or a change of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonRequest {
    /// The person to change; a new one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Uuid>,
    /// The name; sealed in the evidence.
    pub name: String,
    /// The identity under which agents act on this person's behalf: such actions it never approves. It signs in by it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its groups from now on.
    pub groups: Vec<String>,
    /// Its roles from now on; as they are, or reviewer for a new one, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub roles: Option<Vec<Role>>,
    /// When all of it ends; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// Its opaque id.
    pub person: Uuid,
    /// Its name.
    pub name: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// When all of it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
}

/// `POST /v1/people/{person}/invite`: the only time that the link is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// For whom.
    pub person: Uuid,
    /// Where that person sets how it signs in, once.
    pub link: String,
    /// Until when.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

/// A way to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialView {
    /// Its id.
    pub credential: Uuid,
    /// Its kind.
    #[schema(value_type = String)]
    pub kind: CredentialKind,
    /// What its owner calls it.
    pub label: String,
    /// When it was made.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its id, as records name it.
    pub session: Uuid,
    /// Who.
    pub person: Uuid,
    /// How.
    #[schema(value_type = String)]
    pub method: CredentialKind,
    /// How strong that is.
    #[schema(value_type = String)]
    pub strength: Strength,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    #[schema(value_type = String)]
    pub seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `POST /v1/delegations`: somebody decides instead of a person who is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationRequest {
    /// Who is away; who asks where absent. Only an admin says it for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Uuid>,
    /// Who decides instead.
    pub to: Uuid,
    /// From when on; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub since: Option<Timestamp>,
    /// Until when.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// Why; sealed in the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Somebody decides instead of a person who is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DelegationView {
    /// Its id.
    pub delegation: Uuid,
    /// Who is away.
    pub from: Uuid,
    /// Who decides instead.
    pub to: Uuid,
    /// From when on.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub until: Timestamp,
}

/// What is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// Its id.
    pub ended: Uuid,
}
