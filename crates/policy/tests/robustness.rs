//! Bytes from outside never panic: policy texts and payloads alike.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use countersign_evidence::json::{Number, Value};
use countersign_policy::{Category, Outcome, PolicySet, PolicyText, Request};
use proptest::prelude::*;
use proptest::sample::select;
use support::{decide, facts, json, load, request};

fn starter() -> PolicyText {
    PolicyText::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/starter")).unwrap()
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(|text| Value::Number(Number::parse(&text).unwrap())),
        ".*".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let name = prop_oneof![
            select(vec!["arguments", "path", "amount", "to", "count", "source"]).prop_map(str::to_owned),
            ".*"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_payload_gets_an_answer(payload in any_json(), tool in ".{0,20}", server in ".{0,20}", agent in ".*", category in select(&Category::ALL[..])) {
        thread_local!(static SET: PolicySet = PolicySet::from_text(starter()).unwrap());
        SET.with(|set| {
            let plain = request(category, "files/write_file", &payload);
            for request in [plain, Request { server: &server, tool: &tool, agent: &agent, ..plain }] {
                let decision = set.decide(&request, &facts());
                prop_assert_eq!(decision.errors.is_empty() || decision.outcome == Outcome::Deny, true);
                prop_assert_eq!(decision.outcome == Outcome::Review, !decision.review.is_empty());
                prop_assert_eq!(decision.outcome == Outcome::Allow, decision.message.is_empty());
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_text_is_loaded_or_refused(path in select(vec!["a.cedar", "risk/a.cedar", "entities.json", "schema.cedarschema", "tests/a.yaml"]), text in "(?s).{0,400}") {
        let _ = PolicySet::from_text(PolicyText(BTreeMap::from([(path.to_owned(), text)])));
    }

    #[test]
    fn tokens_in_any_order_are_loaded_or_refused(tokens in prop::collection::vec(select(TOKENS), 0..60)) {
        let _ = PolicySet::from_text(PolicyText(BTreeMap::from([("a.cedar".to_owned(), tokens.join(" "))])));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    /// A damaged folder is refused or decides; it does not panic.
    #[test]
    fn damaged_folders(file in 0..16usize, from in 0..20_000usize, length in 0..40usize, by in "[ -~]{0,6}") {
        let mut text = starter();
        let at = file % text.0.len();
        let content = text.0.values_mut().nth(at).unwrap();
        let from = from % content.len();
        let until = (from + length).min(content.len());
        if content.is_char_boundary(from) && content.is_char_boundary(until) {
            content.replace_range(from..until, &by);
        }
        if let Ok(set) = PolicySet::from_text(text) {
            let payload = json(r#"{"arguments": {"path": "/srv/a"}, "amount": 5}"#);
            let _ = set.decide(&request(Category::Write, "files/write_file", &payload), &facts());
        }
    }
}

const TOKENS: &[&str] = &[
    "@id(\"a\")",
    "@review(\"x\")",
    "@risk(\"5\")",
    "permit",
    "forbid",
    "(",
    ")",
    "principal",
    "action",
    "resource",
    "context",
    ",",
    ";",
    "when",
    "unless",
    "{",
    "}",
    "==",
    "in",
    "is",
    "has",
    "like",
    "\"*\"",
    "\"",
    "//",
    "\n",
    "Action::\"read\"",
    "Tool::\"s/t\"",
    "?principal",
    "context.payload.a",
    ".b",
    "[",
    "]",
    "1",
    "-",
    "!",
    "&&",
    "||",
    "if",
    "then",
    "else",
    "decimal(\"1.0\")",
    ".contains(",
    "9223372036854775808",
];

/// The longest rules that are let in are parsed, walked, evaluated and dropped on a stack of two megabytes, as a
/// server's threads have.
#[test]
fn the_deepest_rules_fit_the_stack() {
    let run = || {
        for condition in [
            vec!["context.payload.a == 1"; 65].join(" || "),
            vec!["context.payload.a"; 130].join(" + ") + " == 1",
            format!("context.payload{} == 1", ".a".repeat(380)),
            format!("{}true{}", "(".repeat(28), ")".repeat(28)),
            format!("{}true{}", "if true then ".repeat(60), " else false".repeat(60)),
        ] {
            let set = load(&format!("@id(\"a\") permit (principal, action, resource) when {{ {condition} }};"));
            let _ = decide(&set, Category::Read, "s/t", r#"{"a": {"a": 1}}"#);
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn the_deepest_payload_is_decided_as_a_whole() {
    let set = load("@id(\"a\") permit (principal, action, resource) when { context.payload.a == context.payload.b };");
    let nested = format!("{}1{}", "[".repeat(62), "]".repeat(62));
    assert_eq!(
        decide(&set, Category::Read, "s/t", &format!(r#"{{"a": {nested}, "b": {nested}}}"#)).outcome,
        Outcome::Allow
    );
}
