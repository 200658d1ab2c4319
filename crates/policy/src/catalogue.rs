//! `entities.json`: who the agents are, which groups exist, and what is known about tools.
//!
//! Every key is optional; unknown keys are refused.
//! ```json
//! {
//!   "review_groups": { "finance": "Approves refunds" },
//!   "agent_groups":  { "support": "Answers customers" },
//!   "agents": { "support-bot": { "groups": ["support"], "owner": "user-17" } },
//!   "tools": {
//!     "payments/refund": {
//!       "category": "payment",
//!       "resource": { "type": "order", "id": "order_id" },
//!       "on_unreachable": "deny"
//!     }
//!   },
//!   "sums": { "refunds_today": { "tools": ["payments/refund"], "field": "amount", "window": "24h" } }
//! }
//! ```
//! `resource.id` and `field` are dotted paths into the payload. A group's text says what it is for. `owner` is an opaque
//! user id: owners never approve their own agent's actions. `on_unreachable: allow_and_record` is for reads only.

use std::collections::{BTreeMap, BTreeSet};

use countersign_evidence::json::{self, Value};
use serde::Deserialize;

use crate::amount::{Amount, AmountError};
use crate::category::Category;
use crate::duration::parse_duration;
use crate::error::Problem;
use crate::names::{check_identifier, check_name};
use crate::spelling::suggestion;

/// Most review groups: a reviewer may be in all of them, and a record lists them.
pub const MOST_REVIEW_GROUPS: usize = 128;

/// The file's name, in problems.
pub(crate) const FILE: &str = "entities.json";

/// What `entities.json` says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// Groups of reviewers that `@review` may name, each with what it is for.
    pub review_groups: BTreeMap<String, String>,
    /// Groups of agents that rules may name, each with what it is for.
    pub agent_groups: BTreeMap<String, String>,
    /// Known agents by id.
    pub agents: BTreeMap<String, Agent>,
    /// Known tools by `<server>/<tool>`.
    pub tools: BTreeMap<String, Tool>,
    /// Sums over time that rules read as `context.history.sums.<name>`.
    pub sums: BTreeMap<String, Sum>,
}

/// An agent that is known beforehand.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// The agent groups it is in.
    pub groups: BTreeSet<String>,
    /// Opaque id of the user who answers for it.
    pub owner: Option<String>,
}

/// What is known about a tool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What kind of side effect it has.
    pub category: Category,
    /// What it acts on, and where the payload names that.
    #[serde(default)]
    pub resource: Option<ResourceMapping>,
    /// What an enforcement point does when the gate does not answer.
    #[serde(default)]
    pub on_unreachable: OnUnreachable,
}

/// Where a tool's payload names what it acts on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceMapping {
    /// The resource's type, such as `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Dotted path in the payload to the resource's id.
    #[serde(default)]
    pub id: Option<String>,
}

/// What an enforcement point does when the gate does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnreachable {
    /// Nothing runs.
    #[default]
    Deny,
    /// Reads only: it runs, and is handed in later, marked as such.
    AllowAndRecord,
}

/// A sum over time of one numeric payload field, over one agent's actions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// The tools whose actions count, as `<server>/<tool>`.
    pub tools: BTreeSet<String>,
    /// Dotted path in the payload to the number.
    pub field: String,
    /// How far back it reaches, such as `24h`.
    pub window: String,
}

impl Sum {
    /// The window in seconds.
    pub fn window_s(&self) -> u64 {
        parse_duration(&self.window).unwrap_or(0)
    }

    /// What an action of `tool` (`<server>/<tool>`) with this payload adds: nothing where the tool does not count.
    ///
    /// # Errors
    /// Where the field is missing or no number, or the number is no [`Amount`].
    pub fn amount_of(&self, tool: &str, payload: &Value) -> Result<Amount, AmountError> {
        if !self.tools.contains(tool) {
            return Ok(Amount::default());
        }
        let number = at_path(payload, &self.field).and_then(Value::as_number).ok_or(AmountError::Syntax)?;
        Amount::try_from(number)
    }
}

impl Tool {
    /// Type and id of what a call with this payload acts on.
    pub fn resource_of<'a>(&'a self, payload: &'a Value) -> Option<(&'a str, Option<&'a str>)> {
        let mapping = self.resource.as_ref()?;
        let id = mapping.id.as_deref().and_then(|path| at_path(payload, path)).and_then(Value::as_str);
        Some((&mapping.kind, id))
    }
}

fn at_path<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(payload, |value, name| value.get(name))
}

impl Catalogue {
    /// Reads and checks the text. Problems go into `problems`; what could be read is returned all the same.
    pub(crate) fn read(text: &str, problems: &mut Vec<Problem>) -> Self {
        let parsed = json::parse(text.as_bytes(), json::Limits::default());
        let value = match parsed {
            Ok(value) => value,
            Err(error) => {
                problems.push(Problem::new(FILE, None, error.to_string()));
                return Catalogue::default();
            }
        };
        match json::from_value::<Catalogue>(value) {
            Ok(catalogue) => {
                catalogue.check(&mut |message| problems.push(Problem::new(FILE, None, message)));
                catalogue
            }
            Err(error) => {
                problems.push(Problem::new(FILE, None, error.to_string()));
                Catalogue::default()
            }
        }
    }

    fn check(&self, problem: &mut impl FnMut(String)) {
        if self.review_groups.len() > MOST_REVIEW_GROUPS {
            problem(format!("more than {MOST_REVIEW_GROUPS} review groups: join some"));
        }
        for name in self.review_groups.keys().chain(self.agent_groups.keys()) {
            check_name("group", name).unwrap_or_else(&mut *problem);
        }
        for (id, agent) in &self.agents {
            check_identifier("agent", id).unwrap_or_else(&mut *problem);
            for group in agent.groups.iter().filter(|group| !self.agent_groups.contains_key(*group)) {
                let near = suggestion(group, self.agent_groups.keys().map(String::as_str));
                problem(format!(
                    "agent {id:?} is in the unknown group {group:?}{near}: list it under \"agent_groups\""
                ));
            }
        }
        for (name, tool) in &self.tools {
            check_tool_name(name).unwrap_or_else(&mut *problem);
            if tool.on_unreachable == OnUnreachable::AllowAndRecord && tool.category != Category::Read {
                problem(format!("tool {name:?}: on_unreachable \"allow_and_record\" is for reads only: use \"deny\""));
            }
            if let Some(mapping) = &tool.resource {
                check_name("resource type", &mapping.kind).unwrap_or_else(&mut *problem);
            }
        }
        for (name, sum) in &self.sums {
            check_name("sum", name).unwrap_or_else(&mut *problem);
            sum.tools.iter().for_each(|tool| check_tool_name(tool).unwrap_or_else(&mut *problem));
            if sum.tools.is_empty() {
                problem(format!("sum {name:?} counts no tool: list some under \"tools\""));
            }
            if let Err(error) = parse_duration(&sum.window) {
                problem(format!("sum {name:?}: the window {error}"));
            }
        }
    }
}

/// A tool is `<server>/<tool>`; the server's name has no `/`, so that it cannot be read in two ways.
pub(crate) fn check_tool_name(name: &str) -> Result<(), String> {
    check_identifier("tool", name)?;
    match name.split_once('/') {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() => Ok(()),
        _ => Err(format!("tool {name:?} has no server: write \"<server>/<tool>\"")),
    }
}
