//! The short cuts against the long way round: slices against all rules, the pruned context against the whole payload,
//! three sets against each rule alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use countersign_evidence::json::{Number, Object, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use crate::decision::{Decision, Effect, Outcome};
use crate::request::{Facts, Request};
use crate::slice::Slice;
use crate::{Amount, Category, PolicySet, PolicyText, Verdict};

const ENTITIES: &str = r#"{
  "review_groups": {"owners": "", "finance": ""}, "agent_groups": {"g": "", "h": ""},
  "agents": {"one": {"groups": ["g"]}, "two": {"groups": ["g", "h"]}},
  "sums": {"total": {"tools": ["s/t"], "field": "d", "window": "1h"}}
}"#;

const PRINCIPALS: [&str; 6] = [
    "principal",
    "principal == Agent::\"one\"",
    "principal in AgentGroup::\"h\"",
    "principal in Agent::\"two\"",
    "principal is Agent",
    "principal is Agent in AgentGroup::\"g\"",
];
const ACTIONS: [&str; 5] = [
    "action",
    "action == Action::\"read\"",
    "action in Action::\"effect\"",
    "action in [Action::\"write\", Action::\"read\"]",
    "action in Action::\"any\"",
];
const RESOURCES: [&str; 6] = [
    "resource",
    "resource == Tool::\"s/t\"",
    "resource in Server::\"s\"",
    "resource in Tool::\"s/u\"",
    "resource is Tool in Server::\"r\"",
    "resource is Tool",
];
/// `n`, `m` are integers, `d`, `e` decimals, `a`, `b` anything.
const CONDITIONS: [&str; 26] = [
    "true",
    "context.payload.n > 1",
    "context.payload.n + context.payload.m < 3",
    "context.payload.d.greaterThan(decimal(\"1.5\"))",
    "context.payload.e == context.payload.d",
    "context.payload has a",
    "context.payload has a && context.payload.a like \"x*\"",
    "context.payload has a.b && context.payload.a.b == 1",
    "context.payload.a has b.n",
    "context.payload.a.b.n == \"x\"",
    "context.payload.a == context.payload.b",
    "context.payload.b == {\"a\": 1, \"n\": 2}",
    "context.payload.b.contains(1)",
    "[\"x\", \"y\"].contains(context.payload.a)",
    "[1, 2].contains(context.payload.m)",
    "context.payload == {\"a\": \"x\"}",
    "(if context.payload has n then context.payload else {\"n\": 0}).n == 0",
    "{\"z\": context.payload.a}.z == \"x\"",
    "context.payload[\"a\"][\"b\"] == true",
    "!context.payload.a",
    "context.risk > 20",
    "context.history.actions_last_hour > 1 || context.payload.n == 0",
    "context.history.sums.total.lessThan(decimal(\"3.0\"))",
    "resource == Tool::\"s/t\" && principal in AgentGroup::\"h\"",
    "context has user && context.user.groups.contains(\"x\")",
    "context.environment == \"test\" && context.time.hour > 3",
];

fn rule() -> impl Strategy<Value = (u8, String)> {
    let scope = (select(&PRINCIPALS[..]), select(&ACTIONS[..]), select(&RESOURCES[..]));
    (0..4u8, scope, select(&CONDITIONS[..])).prop_map(|(effect, (principal, action, resource), condition)| {
        // A risk rule may not read what risk rules make.
        let condition = if effect == 3 && condition.contains("risk") { "true" } else { condition };
        (effect, format!("({principal}, {action}, {resource}) when {{ {condition} }};\n"))
    })
}

/// A set that always permits something, so that the other effects are seen.
fn texts() -> impl Strategy<Value = PolicyText> {
    prop::collection::vec(rule(), 0..8).prop_map(|rules| {
        let mut main = "@id(\"base\") permit (principal, action, resource);\n".to_owned();
        let mut risk = String::new();
        for (at, (effect, body)) in rules.into_iter().enumerate() {
            match effect {
                0 => main += &format!("@id(\"r{at}\") permit {body}"),
                1 => main += &format!("@id(\"r{at}\") forbid {body}"),
                2 => main += &format!("@id(\"r{at}\") @review(\"owners\") forbid {body}"),
                _ => risk += &format!("@id(\"r{at}\") @risk(\"15\") permit {body}"),
            }
        }
        let files = [("entities.json", ENTITIES.to_owned()), ("m.cedar", main), ("risk/r.cedar", risk)];
        let files: BTreeMap<String, String> = files.map(|(path, text)| (path.to_owned(), text)).into();
        PolicyText(files)
    })
}

fn load(text: PolicyText) -> PolicySet {
    PolicySet::from_text(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn value() -> impl Strategy<Value = Value> {
    let number = select(vec!["0", "1", "2", "1.5", "1.00001", "9223372036854775808", "-1", "1e400"]);
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => number.prop_map(|text| Value::Number(Number::parse(text).unwrap())),
        3 => select(vec!["x", "xy", "", "1"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
    let name = select(vec!["a", "b", "n", "m", "d", "e", "__entity", "__extn"]);
    prop::collection::vec((name, value), 0..6).prop_map(|members| members.into_iter().collect())
}

/// Mostly a record whose members have the types that the rules expect, so that not everything is an error.
fn payload() -> impl Strategy<Value = Value> {
    let sound =
        (0..4i64, 0..4i64, select(vec!["1", "1.5", "2.25"]), select(vec!["x", "y"])).prop_map(|(n, m, d, a)| {
            let d = Value::Number(Number::parse(d).unwrap());
            let members =
                [("n", Value::from(n)), ("m", m.into()), ("d", d.clone()), ("e", d), ("a", a.into()), ("b", a.into())];
            Value::Object(members.into_iter().collect())
        });
    let spoiled = (sound.clone(), object(value())).prop_map(|(mut sound, spoil)| {
        for (name, value) in spoil.into_iter().take(1) {
            sound.as_object_mut().unwrap().insert(name, value);
        }
        sound
    });
    prop_oneof![3 => sound, 3 => spoiled, 2 => object(value()).prop_map(Value::Object), 1 => value()]
}

#[derive(Debug, Clone)]
struct Given {
    agent: &'static str,
    groups: Vec<String>,
    tool: (&'static str, &'static str),
    category: Category,
    payload: Value,
    facts: Facts,
}

fn given() -> impl Strategy<Value = Given> {
    let who = (select(vec!["one", "two", "stranger"]), prop::bool::weighted(0.2));
    let tool = select(vec![("s", "t"), ("s", "u"), ("r", "t"), ("q", "t")]);
    let facts = (prop::option::weighted(0.9, 0..4u32), prop::option::weighted(0.9, 0..4u32));
    (who, tool, select(&Category::ALL[..]), payload(), facts).prop_map(
        |((agent, in_h), tool, category, payload, facts)| {
            let sums = facts.1.map(|sum| ("total".to_owned(), Amount::from(sum)));
            let facts = Facts { actions_last_hour: facts.0, sums: sums.into_iter().collect(), ..Facts::default() };
            Given {
                agent,
                groups: if in_h { vec!["h".to_owned()] } else { Vec::new() },
                tool,
                category,
                payload,
                facts,
            }
        },
    )
}

fn request<'a>(given: &'a Given, zone: &'a TimeZone) -> Request<'a> {
    Request {
        agent: given.agent,
        agent_groups: &given.groups,
        server: given.tool.0,
        tool: given.tool.1,
        category: given.category,
        environment: "test",
        user: None,
        model: None,
        payload: &given.payload,
        resource: None,
        intent: None,
        source: "api",
        time: Timestamp::constant(1_767_607_200, 0),
        zone,
    }
}

/// Error texts may say "bool" for what was a string; all else is the same.
fn comparable(decision: Decision) -> Decision {
    Decision { error_text: Vec::new(), ..decision }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slices_decide_as_all_rules_do(text in texts(), given in given()) {
        let set = load(text);
        let zone = TimeZone::UTC;
        let request = request(&given, &zone);
        let all = Slice::of(&set.loaded, |_| true);
        let long_way = set.decide_with(&all, &request, &request.full_tool_name(), &given.facts);
        prop_assert_eq!(comparable(set.decide(&request, &given.facts)), comparable(long_way));
    }

    #[test]
    fn the_pruned_context_decides_as_the_whole_payload_does(text in texts(), given in given()) {
        let set = load(text);
        let zone = TimeZone::UTC;
        let request = request(&given, &zone);
        let mut all = Slice::of(&set.loaded, |_| true);
        all.reads.see_all("payload");
        let long_way = set.decide_with(&all, &request, &request.full_tool_name(), &given.facts);
        prop_assert_eq!(comparable(set.decide(&request, &given.facts)), comparable(long_way));
    }

    /// The oracle is the plan's own words, over what each rule says alone.
    #[test]
    fn three_sets_decide_as_each_rule_alone_does(text in texts(), given in given()) {
        let set = load(text);
        let zone = TimeZone::UTC;
        let request = request(&given, &zone);
        let explanation = set.explain(&request, &given.facts);
        let decision = &explanation.decision;
        let fired = |effect| explanation.rules.iter().filter(move |rule| rule.effect == effect && rule.verdict == Verdict::Fired);
        let failed: Vec<_> = explanation.rules.iter().filter(|rule| matches!(rule.verdict, Verdict::Error { .. })).map(|rule| rule.rule.clone()).collect();
        let outcome = if !failed.is_empty() || fired(Effect::Forbid).count() > 0 || fired(Effect::Permit).count() == 0 {
            Outcome::Deny
        } else if fired(Effect::Review).count() > 0 {
            Outcome::Review
        } else {
            Outcome::Allow
        };
        prop_assert_eq!(decision.outcome, outcome);
        let mut failed = failed;
        failed.sort();
        let errors: Vec<_> = decision.errors.iter().map(|error| error.rule.clone()).collect();
        prop_assert_eq!(errors, failed);
        let asked: Vec<_> = decision.review.iter().map(|of| of.rule.clone()).collect();
        let reviews: Vec<_> = fired(Effect::Review).map(|rule| rule.rule.clone()).collect();
        prop_assert_eq!(asked, if outcome == Outcome::Review { reviews } else { Vec::new() });
        prop_assert_eq!(decision.risk.score, 100.min(15 * u32::try_from(fired(Effect::Risk).count()).unwrap()));
    }

    /// What `action.decided` seals is enough to decide again.
    #[test]
    fn decided_again_from_its_record_it_comes_out_the_same(text in texts(), given in given()) {
        let set = load(text);
        use countersign_evidence::json::{from_value, to_value};
        let zone = TimeZone::UTC;
        let first = set.decide(&request(&given, &zone), &given.facts);
        let facts: Facts = from_value(to_value(&given.facts).unwrap()).unwrap();
        let again = PolicySet::from_text(from_value(to_value(set.text()).unwrap()).unwrap()).unwrap();
        let second = again.decide(&request(&given, &zone), &facts);
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(from_value::<Decision>(to_value(&first).unwrap()).unwrap(), second);
    }
}
