//! What is decided upon: the request, and the facts from the trail.

use std::collections::BTreeMap;
use std::fmt;

use countersign_evidence::json::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::category::Category;

/// An action as policy sees it. Borrowed throughout: the payload may be a megabyte.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The agent's id: `Agent::"<id>"`.
    pub agent: &'a str,
    /// Agent groups that the gate has established besides those of `entities.json` (from the agent's key).
    pub agent_groups: &'a [String],
    /// The server that offers the tool; it has no `/`.
    pub server: &'a str,
    /// The tool's name at that server: `Tool::"<server>/<tool>"`.
    pub tool: &'a str,
    /// What kind of side effect it has.
    pub category: Category,
    /// Where: `production`, `test`, …
    pub environment: &'a str,
    /// The user on whose behalf the agent acts.
    pub user: Option<User<'a>>,
    /// The model that the agent runs on, as it says.
    pub model: Option<&'a str>,
    /// The whole payload.
    pub payload: &'a Value,
    /// What it acts on.
    pub resource: Option<Resource<'a>>,
    /// Why, in the agent's words.
    pub intent: Option<&'a str>,
    /// The way it came in: `mcp`, `http`, `hook`, `api`.
    pub source: &'a str,
    /// When it was proposed.
    pub time: Timestamp,
    /// The workspace's time zone, for `context.time`.
    pub zone: &'a TimeZone,
}

impl Request<'_> {
    /// `<server>/<tool>`
    pub(crate) fn full_tool_name(&self) -> String {
        format!("{}/{}", self.server, self.tool)
    }
}

/// The user on whose behalf an agent acts.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    /// Opaque id.
    pub id: &'a str,
    /// The groups the user is in.
    pub groups: &'a [String],
}

/// What an action acts on.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its type, such as `file`.
    pub kind: &'a str,
    /// Its id, such as a path.
    pub id: Option<&'a str>,
}

/// Facts from the trail itself. A fact that was not computed is `None`: a rule that reads it fails, and so denies.
///
/// Serialized, they are what `action.decided` seals, so that the decision can be made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// Actions of this agent in the last hour, this one not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions_last_hour: Option<u32>,
    /// Denials of this very payload in the last 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denials_of_payload_last_day: Option<u32>,
    /// Whether this agent has never before had an action of this tool authorized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_use_of_tool: Option<bool>,
    /// Actions of this agent that wait for a review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviews_pending: Option<u32>,
    /// Whether the tool's definition is another than any with which an action of it was authorized before; `false` for a tool that
    /// had none so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_changed: Option<bool>,
    /// For each sum of `entities.json`: this agent's total within the window, this action not counted (deciding adds it).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, Amount>,
}

/// The name of a fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactName {
    /// [`Facts::actions_last_hour`]
    ActionsLastHour,
    /// [`Facts::denials_of_payload_last_day`]
    DenialsOfPayloadLastDay,
    /// [`Facts::first_use_of_tool`]
    FirstUseOfTool,
    /// [`Facts::reviews_pending`]
    ReviewsPending,
    /// [`Facts::tool_changed`]
    ToolChanged,
    /// One of [`Facts::sums`].
    Sum(String),
}

impl FactName {
    /// The facts whose names are fixed: members of `context.history`.
    pub(crate) const FIXED: [(&'static str, FactName); 5] = [
        ("actions_last_hour", FactName::ActionsLastHour),
        ("denials_of_payload_last_day", FactName::DenialsOfPayloadLastDay),
        ("first_use_of_tool", FactName::FirstUseOfTool),
        ("reviews_pending", FactName::ReviewsPending),
        ("tool_changed", FactName::ToolChanged),
    ];
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FactName::Sum(name) => write!(f, "sums.{name}"),
            fixed => f.write_str(Self::FIXED.iter().find(|(_, name)| name == fixed).map_or("", |(text, _)| text)),
        }
    }
}
