use std::collections::BTreeMap;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::{Decision, KeyKind};
use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::action::ReasonView;
use crate::review::RequirementView;

/// `POST /v1/policies`: the whole text of a policy folder, to become active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPolicy {
    /// Path within the folder to text.
    pub files: BTreeMap<String, String>,
}

/// A version of the policy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Its short name.
    pub version: String,
    /// SHA-256 of its whole text in canonical form.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Whether it is in force now.
    pub active: bool,
    /// When it was activated last.
    #[schema(value_type = String)]
    pub activated_at: Timestamp,
    /// Log position of that record.
    pub position: u64,
    /// Who activated it: a person's name, else the id of who or which key it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_by: Option<String>,
    /// Its own tests, all passed.
    pub tests_passed: u64,
    /// The text, where one version was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, String>>,
}

/// `POST /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What it may do.
    #[schema(value_type = String)]
    pub kind: KeyKind,
    /// A label for people; sealed in the evidence.
    pub label: String,
    /// Environments it is limited to; empty is all.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Agents it is limited to; empty is all.
    #[serde(default)]
    pub agents: Vec<String>,
    /// The person that a reviewer's key stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Uuid>,
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub key: Uuid,
    /// What it may do.
    #[schema(value_type = String)]
    pub kind: KeyKind,
    /// The label.
    pub label: String,
    /// Environments it is limited to; empty is all.
    pub environments: Vec<String>,
    /// Agents it is limited to; empty is all.
    pub agents: Vec<String>,
    /// The person that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Uuid>,
    /// When it was made.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub revoked_at: Option<Timestamp>,
}

/// A fresh key: the only time that its secret is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyCreatedView {
    /// Its id.
    pub key: Uuid,
    /// The bearer secret.
    pub secret: String,
}

/// `POST /v1/subjects/erase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// The user whose data is to be destroyed.
    pub user: String,
}

/// `POST /v1/people/erase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasePersonRequest {
    /// The person whose name and reasons are to be destroyed.
    pub person: Uuid,
}

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// Ids of the destroyed keys, as the records list them.
    pub keys: Vec<Uuid>,
    /// Actions that were open and are closed now.
    pub closed_actions: Vec<Uuid>,
    /// Log position of the record that says it is done.
    pub position: u64,
    /// Whether the index has purged what it knew; if not it will, as soon as it has read that record.
    pub purged: bool,
}

/// `GET /v1/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    /// The origin.
    pub origin: String,
    /// The verifier key (C2SP signed-note vkey).
    pub vkey: String,
    /// Durable records.
    pub sequenced: u64,
    /// Records in the last signed checkpoint.
    pub published: u64,
    /// Records the index has read.
    pub indexed: u64,
}

/// `GET /v1/resolve/{id}`: what an id names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resolved {
    /// `action`, `request`, `trace`, `session`, `record`, `downstream_request`, `key`, …
    pub kind: String,
    /// The actions that it names or ties together.
    pub actions: Vec<Uuid>,
}

/// `POST /v1/policies/try`: what the policy in force would decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedView {
    /// Version of the policy.
    pub policy: String,
    /// The kind of side effect that it takes the tool for.
    pub category: String,
    /// What it would be.
    #[schema(value_type = String)]
    pub decision: Decision,
    /// The rules that would determine it.
    pub reasons: Vec<ReasonView>,
    /// Rules that could not be evaluated, which denies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// The risk rules that fired.
    pub risk_factors: Vec<String>,
    /// For the agent's model.
    pub message: String,
    /// Who would be asked.
    pub requirements: Vec<RequirementView>,
    /// The facts from the trail that it read.
    #[schema(value_type = Object)]
    pub facts: Value,
}

/// `GET /v1/tools`: a tool that was called, and what policy said last about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolView {
    /// `server/tool`.
    pub tool: String,
    /// How many actions.
    pub actions: u64,
    /// Allowed.
    pub allowed: u64,
    /// Denied.
    pub denied: u64,
    /// People were asked.
    pub reviewed: u64,
    /// Of the denied ones, those that no rule decided about: nothing permits them, nothing forbids them.
    pub uncovered: u64,
    /// When the latest was proposed.
    #[schema(value_type = String)]
    pub last: Timestamp,
}

/// `GET /v1/policies/{version}/tests`: one expectation of a policy's authors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTestView {
    /// The file that it stands in.
    pub file: String,
    /// What is expected, in words.
    pub name: String,
    /// Whether it came so.
    pub passed: bool,
    /// How it came otherwise.
    pub differences: Vec<String>,
}

/// `GET /v1/events`: a record of the log, as far as its clear fields tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its log position.
    pub position: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// The action that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Uuid>,
}
