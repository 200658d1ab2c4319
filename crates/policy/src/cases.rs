//! `tests/*.yaml`: what the authors of a policy expect of it.
//!
//! ```yaml
//! - name: small refunds pass
//!   request:
//!     agent: support-bot
//!     tool: payments/refund
//!     environment: production
//!     payload: { amount: 120, currency: EUR }
//!   facts: { actions_last_hour: 3 }
//!   expect: { decision: allow, rules: [refunds-small], risk: 20 }
//! ```
//! The category comes from `entities.json` unless the request names one. Facts that are not given are those of an agent
//! that has never done anything, except `first_use_of_tool: false`. What `expect` does not name is not compared.

use std::collections::{BTreeMap, BTreeSet};

use countersign_evidence::json::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::amount::Amount;
use crate::category::Category;
use crate::decision::{Decision, Outcome};
use crate::error::Problem;
use crate::request::{Facts, Request, Resource, User};
use crate::set::PolicySet;

/// Most cases in one file.
const MOST_CASES: usize = 2000;
/// Monday, 5 January 2026, 10:00 UTC: the time of requests that name none.
const OFFICE_HOURS: Timestamp = Timestamp::constant(1_767_607_200, 0);

/// One expectation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is expected, in words.
    pub name: String,
    /// The file that it stands in.
    #[serde(skip)]
    pub file: String,
    request: CaseRequest,
    #[serde(default)]
    facts: CaseFacts,
    expect: Expectation,
}

impl Case {
    /// The tool that is asked for, `server/tool`.
    pub(crate) fn tool(&self) -> &str {
        &self.request.tool
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRequest {
    agent: String,
    #[serde(default)]
    agent_groups: Vec<String>,
    tool: String,
    category: Option<Category>,
    #[serde(default = "test_environment")]
    environment: String,
    user: Option<CaseUser>,
    model: Option<String>,
    #[serde(default = "no_payload")]
    payload: Value,
    resource: Option<CaseResource>,
    intent: Option<String>,
    #[serde(default = "api")]
    source: String,
    /// RFC 3339.
    time: Option<String>,
    #[serde(default = "utc")]
    zone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseUser {
    id: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseResource {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseFacts {
    actions_last_hour: u32,
    denials_of_payload_last_day: u32,
    first_use_of_tool: bool,
    reviews_pending: u32,
    tool_changed: bool,
    sums: BTreeMap<String, Amount>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    decision: Outcome,
    rules: Option<BTreeSet<String>>,
    risk: Option<u32>,
    review: Option<BTreeSet<String>>,
    errors: Option<BTreeSet<String>>,
}

fn test_environment() -> String {
    "test".to_owned()
}

fn api() -> String {
    "api".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

fn no_payload() -> Value {
    Value::Object(Default::default())
}

/// Reads a file of cases.
pub(crate) fn read(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Case> {
    match serde_saphyr::from_str::<Vec<Case>>(text) {
        Ok(cases) if cases.len() <= MOST_CASES => {
            cases.into_iter().map(|case| Case { file: file.to_owned(), ..case }).collect()
        }
        Ok(_) => {
            problems.push(Problem::new(file, None, format!("more than {MOST_CASES} cases: split the file")));
            Vec::new()
        }
        Err(error) => {
            let line = error.location().and_then(|at| u32::try_from(at.line()).ok());
            problems.push(Problem::new(file, line, error.without_snippet().to_string()));
            Vec::new()
        }
    }
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// The case's name.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// What differs from what was expected; empty means passed.
    pub differences: Vec<String>,
}

impl TestOutcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs the cases of the set's own `tests/*.yaml`.
pub fn run_tests(set: &PolicySet) -> Vec<TestOutcome> {
    set.cases().iter().map(|case| run(set, case)).collect()
}

fn run(set: &PolicySet, case: &Case) -> TestOutcome {
    let differences = match decide(set, case) {
        Ok(decision) => case.expect.differences(&decision),
        Err(message) => vec![message],
    };
    TestOutcome { name: case.name.clone(), file: case.file.clone(), differences }
}

fn decide(set: &PolicySet, case: &Case) -> Result<Decision, String> {
    let request = &case.request;
    let (server, tool) = request.tool.split_once('/').ok_or("request.tool: write \"<server>/<tool>\"")?;
    let known = set.catalogue().tools.get(&request.tool);
    let category = request.category.or(known.map(|tool| tool.category));
    let category =
        category.ok_or("request.category is missing, and entities.json does not list the tool: add either")?;
    let time = request.time.as_deref().map_or(Ok(OFFICE_HOURS), str::parse);
    let time = time.map_err(|error| format!("request.time: {error}"))?;
    let zone = TimeZone::get(&request.zone).map_err(|error| format!("request.zone: {error}"))?;
    let named = request.resource.as_ref().map(|of| (of.kind.as_str(), of.id.as_deref()));
    let resource = named.or_else(|| known.and_then(|tool| tool.resource_of(&request.payload)));
    let request = Request {
        agent: &request.agent,
        agent_groups: &request.agent_groups,
        server,
        tool,
        category,
        environment: &request.environment,
        user: request.user.as_ref().map(|user| User { id: &user.id, groups: &user.groups }),
        model: request.model.as_deref(),
        payload: &request.payload,
        resource: resource.map(|(kind, id)| Resource { kind, id }),
        intent: request.intent.as_deref(),
        source: &request.source,
        time,
        zone: &zone,
    };
    Ok(set.decide(&request, &case.facts.complete(set)))
}

impl CaseFacts {
    fn complete(&self, set: &PolicySet) -> Facts {
        let mut sums: BTreeMap<String, Amount> =
            set.catalogue().sums.keys().map(|name| (name.clone(), Amount::default())).collect();
        sums.extend(self.sums.clone());
        Facts {
            actions_last_hour: Some(self.actions_last_hour),
            denials_of_payload_last_day: Some(self.denials_of_payload_last_day),
            first_use_of_tool: Some(self.first_use_of_tool),
            reviews_pending: Some(self.reviews_pending),
            tool_changed: Some(self.tool_changed),
            sums,
        }
    }
}

impl Expectation {
    fn differences(&self, decision: &Decision) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: String, actual: String| {
            if expected != actual {
                differences.push(format!("{what}: expected {expected}, got {actual}"));
            }
        };
        compare(
            "decision",
            format!("{:?}", self.decision).to_lowercase(),
            format!("{:?}", decision.outcome).to_lowercase(),
        );
        if let Some(rules) = &self.rules {
            let actual: BTreeSet<String> = decision.reasons.iter().map(|reason| reason.rule.clone()).collect();
            compare("rules", format!("{rules:?}"), format!("{actual:?}"));
        }
        if let Some(risk) = self.risk {
            compare("risk", risk.to_string(), format!("{}", decision.risk.score));
        }
        if let Some(groups) = &self.review {
            let actual: BTreeSet<String> = decision.review.iter().flat_map(|of| of.groups.clone()).collect();
            compare("review", format!("{groups:?}"), format!("{actual:?}"));
        }
        // An unexpected error is a difference even where the expected decision is deny.
        let actual: BTreeSet<String> = decision.errors.iter().map(|error| error.rule.clone()).collect();
        let expected = self.errors.clone().unwrap_or_default();
        compare("errors", format!("{expected:?}"), format!("{actual:?}"));
        if !decision.error_text.is_empty() && expected != actual {
            differences.extend(decision.error_text.iter().cloned());
        }
        differences
    }
}
