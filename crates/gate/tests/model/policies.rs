//! The policies of the model, and what they must say: simple arithmetic.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use countersign_evidence::json::Value;
use countersign_policy::PolicyText;

/// One review rule: so many distinct people of these groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub rule: String,
    pub groups: Vec<String>,
    pub quorum: u64,
}

/// What a policy must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Allow,
    Deny,
    /// The rules that must be satisfied, and the seconds until the first of them expires.
    Review(Vec<Seat>, i64),
}

/// Thresholds; the version is that of its text.
pub struct Policy {
    pub version: String,
    pub files: BTreeMap<String, String>,
    /// Nothing above is permitted.
    most: i64,
    /// Above, `quorum` of finance.
    large: i64,
    quorum: u64,
    /// Above, also one of legal or finance.
    huge: i64,
}

const FORBIDDEN: i64 = 666;
const LARGE_S: i64 = 600;
const HUGE_S: i64 = 240;

const ENTITIES: &str = r#"{
  "review_groups": {"finance": "f", "legal": "l"},
  "agents": {"owned-bot": {"owner": "boss"}},
  "tools": {"shop/pay": {"category": "payment"}, "shop/look": {"category": "read"}}
}"#;

impl Policy {
    fn new(most: i64, large: i64, quorum: u64, huge: i64) -> Self {
        let rules = format!(
            r#"
            @id("look") permit (principal, action == Action::"read", resource);
            @id("pay") permit (principal, action == Action::"payment", resource)
            when {{ context.payload.amount <= {most} }};
            @id("never") forbid (principal, action == Action::"payment", resource)
            when {{ context.payload.amount == {FORBIDDEN} }};
            @id("large") @review("finance") @quorum("{quorum}") @expires("10m")
            forbid (principal, action == Action::"payment", resource) when {{ context.payload.amount > {large} }};
            @id("huge") @review("legal, finance") @quorum("1") @expires("4m")
            forbid (principal, action == Action::"payment", resource) when {{ context.payload.amount > {huge} }};
            "#
        );
        let files =
            BTreeMap::from([("rules.cedar".to_owned(), rules), ("entities.json".to_owned(), ENTITIES.to_owned())]);
        Policy { version: PolicyText(files.clone()).version(), files, most, large, quorum, huge }
    }

    /// What the policy says of a call.
    pub fn expected(&self, tool: &str, payload: &Value) -> Expected {
        if tool == "look" {
            return Expected::Allow;
        }
        // A rule that cannot be evaluated denies.
        let Some(amount) = payload.get("amount").and_then(Value::as_number).and_then(|number| number.as_i64()) else {
            return Expected::Deny;
        };
        if amount > self.most || amount == FORBIDDEN {
            return Expected::Deny;
        }
        let seat = |rule: &str, groups: &[&str], quorum| Seat {
            rule: rule.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            quorum,
        };
        let large = (amount > self.large).then(|| (seat("large", &["finance"], self.quorum), LARGE_S));
        let huge = (amount > self.huge).then(|| (seat("huge", &["legal", "finance"], 1), HUGE_S));
        let asked: Vec<(Seat, i64)> = large.into_iter().chain(huge).collect();
        match asked.iter().map(|(_, expires)| *expires).min() {
            None => Expected::Allow,
            Some(first) => Expected::Review(asked.into_iter().map(|(seat, _)| seat).collect(), first),
        }
    }
}

/// Three sets that disagree; the first one is in force at the beginning.
pub static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    vec![Policy::new(1000, 100, 2, 500), Policy::new(700, 50, 1, 300), Policy::new(2000, 400, 3, 400)]
});
