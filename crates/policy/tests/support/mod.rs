//! Requests and policy sets for tests.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use countersign_evidence::json::{Limits, Value, parse};
use countersign_policy::{Category, Decision, Facts, PolicySet, PolicyText, Request};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub static UTC: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("UTC").unwrap());

pub const ENTITIES: &str = r#"{
  "review_groups": {"finance": "f", "owners": "o", "security": "s"},
  "agent_groups": {"support": "s"},
  "agents": {"bot": {"groups": ["support"], "owner": "u-1"}},
  "sums": {"spent": {"tools": ["shop/pay"], "field": "amount", "window": "24h"}}
}"#;

pub fn load(rules: &str) -> PolicySet {
    load_with(rules, "")
}

pub fn load_with(rules: &str, risk: &str) -> PolicySet {
    let files = [("entities.json", ENTITIES), ("rules.cedar", rules), ("risk/points.cedar", risk)];
    let text = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    PolicySet::from_text(PolicyText(BTreeMap::from(text))).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn json(text: &str) -> Value {
    parse(text.as_bytes(), Limits::default()).unwrap()
}

pub fn request<'a>(category: Category, tool: &'a str, payload: &'a Value) -> Request<'a> {
    let (server, tool) = tool.split_once('/').unwrap();
    Request {
        agent: "bot",
        agent_groups: &[],
        server,
        tool,
        category,
        environment: "test",
        user: None,
        model: None,
        payload,
        resource: None,
        intent: None,
        source: "api",
        time: Timestamp::constant(1_767_607_200, 0),
        zone: &UTC,
    }
}

pub fn facts() -> Facts {
    Facts {
        actions_last_hour: Some(0),
        denials_of_payload_last_day: Some(0),
        first_use_of_tool: Some(false),
        reviews_pending: Some(0),
        tool_changed: Some(false),
        sums: BTreeMap::from([("spent".to_owned(), Default::default())]),
    }
}

pub fn decide(set: &PolicySet, category: Category, tool: &str, payload: &str) -> Decision {
    let payload = json(payload);
    set.decide(&request(category, tool, &payload), &facts())
}
