//! Three answers from two, and everything that must deny.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fmt::Write as _;

use countersign_policy::{
    Amount, Category, ErrorCode, FactName, Facts, Outcome, PolicySet, PolicyText, Request, User, Verdict,
};
use support::{decide, facts, json, load, load_with, request};

const PLAN: &str = r#"
@id("refunds-small") permit (principal in AgentGroup::"support", action == Action::"payment", resource == Tool::"stripe/refund");
@id("refunds-large") @review("finance") @quorum("2") @expires("4h") @message("Refunds over 500 need two of finance.")
forbid (principal, action == Action::"payment", resource) when { context.payload.amount > 500 };
@id("refunds-huge") @review("owners, security") forbid (principal, action == Action::"payment", resource) when { context.payload.amount > 5000 };
@id("drops") permit (principal, action == Action::"delete", resource);
@id("no-prod-drops") @message("Never from an agent.")
forbid (principal, action == Action::"delete", resource in Server::"postgres") when { context.environment == "test" };
"#;

fn codes(decision: &countersign_policy::Decision) -> Vec<(&str, ErrorCode)> {
    decision.errors.iter().map(|error| (error.rule.as_str(), error.code)).collect()
}

#[test]
fn the_plans_example() {
    let set = load(PLAN);
    let mut table = String::new();
    for (category, tool, payload) in [
        (Category::Payment, "stripe/refund", r#"{"amount": 500}"#),
        (Category::Payment, "stripe/refund", r#"{"amount": 501}"#),
        (Category::Payment, "stripe/refund", r#"{"amount": 5001}"#),
        (Category::Payment, "stripe/refund", r#"{"amount": 12.5}"#),
        (Category::Payment, "stripe/refund", r#"{"amount": "12"}"#),
        (Category::Payment, "stripe/refund", r#"{"amount": null}"#),
        (Category::Payment, "stripe/refund", r#"{"amount": 9223372036854775808}"#),
        (Category::Payment, "stripe/refund", r#"{}"#),
        (Category::Payment, "stripe/refund", r#"[]"#),
        (Category::Payment, "other/refund", r#"{"amount": 501}"#),
        (Category::Delete, "mysql/drop", r#"{}"#),
        (Category::Delete, "postgres/drop", r#"{}"#),
        (Category::Read, "postgres/select", r#"{}"#),
    ] {
        let decision = decide(&set, category, tool, payload);
        writeln!(table, "{category} {tool} {payload}\n{}\n", countersign_evidence::json::to_string(&decision).unwrap())
            .unwrap();
    }
    insta::assert_snapshot!(table);
}

/// What cannot be recorded must not begin: the demand of a review has a bound.
#[test]
fn a_review_that_no_record_could_hold_denies() {
    // A requirement of these takes 36 bytes, 64 for its id and 10 for its group; 8 KiB hold 74 of them.
    let rule = |n: usize| {
        let id = format!("r{n:0>63}");
        format!("@id(\"{id}\") @review(\"finance\") forbid (principal, action, resource);\n")
    };
    let rules =
        |count: usize| (0..count).map(rule).collect::<String>() + "@id(\"all\") permit (principal, action, resource);";
    let held = decide(&load(&rules(74)), Category::Read, "s/t", "{}");
    assert_eq!((held.outcome, held.review.len(), held.errors.len()), (Outcome::Review, 74, 0));
    for count in [75, 300] {
        let denied = decide(&load(&rules(count)), Category::Read, "s/t", "{}");
        assert_eq!((denied.outcome, denied.review.len()), (Outcome::Deny, 0));
        assert_eq!(codes(&denied), [(format!("r{:0>63}", 74).as_str(), ErrorCode::ReviewTooLarge)]);
        assert!(denied.message.contains("more approvals than one review can hold"), "{}", denied.message);
        assert!(denied.error_text[0].starts_with(&format!("{count} review rules fire")));
    }
    // What is denied anyway is denied for its own reason.
    let forbidden = rules(75) + "@id(\"no\") @message(\"Never.\") forbid (principal, action, resource);";
    let denied = decide(&load(&forbidden), Category::Read, "s/t", "{}");
    assert_eq!((codes(&denied), denied.message.contains("Never.")), (vec![], true));
}

#[test]
fn an_empty_policy_denies_and_says_so() {
    let set = PolicySet::from_text(PolicyText::default()).unwrap();
    assert!(set.is_empty());
    let decision = decide(&set, Category::Read, "files/read", "{}");
    assert_eq!(decision.outcome, Outcome::Deny);
    assert!(decision.message.contains("no policy is active"));
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies() {
    let set = load(
        "@id(\"all\") permit (principal, action, resource);
         @id(\"broken\") forbid (principal, action, resource) when { context.payload.missing == 1 };",
    );
    let decision = decide(&set, Category::Read, "s/t", "{}");
    assert_eq!(decision.outcome, Outcome::Deny);
    assert_eq!(codes(&decision), [("broken", ErrorCode::MissingAttribute)]);
    assert!(decision.error_text[0].contains("missing"));
    assert!(!decision.message.contains("broken"), "the agent learns no rule ids");
}

#[test]
fn a_risk_or_review_rule_that_cannot_be_evaluated_denies() {
    let all = "@id(\"all\") permit (principal, action, resource);";
    let broken = "(principal, action, resource) when { context.payload.missing > 1 };";
    let risk = load_with(all, &format!("@id(\"broken\") @risk(\"5\") permit {broken}"));
    let review = load(&format!("{all} @id(\"broken\") @review(\"owners\") forbid {broken}"));
    for set in [risk, review] {
        let decision = decide(&set, Category::Read, "s/t", "{}");
        assert_eq!(
            (decision.outcome, codes(&decision)),
            (Outcome::Deny, vec![("broken", ErrorCode::MissingAttribute)])
        );
        assert!(decision.review.is_empty());
    }
}

#[test]
fn cedars_own_json_escapes_stay_string_keys() {
    let set = load(
        r#"@id("entity") permit (principal, action == Action::"read", resource)
             when { context.payload.who == {"__entity": {"type": "AgentGroup", "id": "support"}} };
           @id("in") permit (principal, action == Action::"write", resource) when { principal in context.payload.who };
           @id("extn") permit (principal, action == Action::"export", resource)
             when { context.payload.sum.lessThan(decimal("5.0")) };"#,
    );
    let entity = r#"{"who": {"__entity": {"type": "AgentGroup", "id": "support"}}}"#;
    assert_eq!(decide(&set, Category::Read, "s/t", entity).outcome, Outcome::Allow);
    let forged = decide(&set, Category::Write, "s/t", entity);
    assert_eq!((forged.outcome, codes(&forged)), (Outcome::Deny, vec![("in", ErrorCode::TypeMismatch)]));
    let forged = decide(&set, Category::Export, "s/t", r#"{"sum": {"__extn": {"fn": "decimal", "arg": "1.0"}}}"#);
    assert_eq!((forged.outcome, codes(&forged)), (Outcome::Deny, vec![("extn", ErrorCode::TypeMismatch)]));
}

#[test]
fn numbers_are_exact_or_denied() {
    let set = load(
        r#"@id("long") permit (principal, action == Action::"read", resource) when { context.payload.n > 5 };
           @id("decimal") permit (principal, action == Action::"write", resource) when { context.payload.d.greaterThan(decimal("5.0")) };
           @id("id") permit (principal, action == Action::"export", resource) when { context.payload.id == 9007199254740993 };"#,
    );
    for (category, payload, outcome, code) in [
        (Category::Read, r#"{"n": 6}"#, Outcome::Allow, None),
        (Category::Read, r#"{"n": 6.0}"#, Outcome::Allow, None),
        (Category::Read, r#"{"n": 0.6e1}"#, Outcome::Allow, None),
        (Category::Read, r#"{"n": 5}"#, Outcome::Deny, None),
        (Category::Read, r#"{"n": 6.5}"#, Outcome::Deny, Some(ErrorCode::NotAnInteger)),
        (Category::Read, r#"{"n": 9223372036854775807}"#, Outcome::Allow, None),
        (Category::Read, r#"{"n": 9223372036854775808}"#, Outcome::Deny, Some(ErrorCode::NotAnInteger)),
        (Category::Read, r#"{"n": 1e400}"#, Outcome::Deny, Some(ErrorCode::NotAnInteger)),
        (Category::Write, r#"{"d": 6}"#, Outcome::Allow, None),
        (Category::Write, r#"{"d": 5.0001}"#, Outcome::Allow, None),
        (Category::Write, r#"{"d": 5.00001}"#, Outcome::Deny, Some(ErrorCode::NotADecimal)),
        (Category::Write, r#"{"d": 922337203685478}"#, Outcome::Deny, Some(ErrorCode::NotADecimal)),
        (Category::Export, r#"{"id": 9007199254740993}"#, Outcome::Allow, None),
        (Category::Export, r#"{"id": 9007199254740992}"#, Outcome::Deny, None),
    ] {
        let decision = decide(&set, category, "s/t", payload);
        let codes: Vec<_> = decision.errors.iter().map(|error| error.code).collect();
        assert_eq!((decision.outcome, codes), (outcome, code.into_iter().collect()), "{payload}");
    }
}

#[test]
fn paths_compared_with_each_other_share_their_type() {
    let set = load(
        r#"@id("a") permit (principal, action, resource)
           when { context.payload.limit.lessThan(decimal("9.0")) && context.payload.amount == context.payload.limit };"#,
    );
    assert_eq!(decide(&set, Category::Read, "s/t", r#"{"amount": 5, "limit": 5.0}"#).outcome, Outcome::Allow);
    assert_eq!(decide(&set, Category::Read, "s/t", r#"{"amount": 5.5, "limit": 5.5}"#).outcome, Outcome::Allow);
}

#[test]
fn null_does_not_switch_a_guarded_rule_off() {
    let set = load(
        r#"@id("all") permit (principal, action, resource);
           @id("guarded") forbid (principal, action == Action::"write", resource)
           when { context.payload has path && context.payload.path like "*.pem" };"#,
    );
    let decision = decide(&set, Category::Write, "s/t", r#"{"path": null}"#);
    assert_eq!((decision.outcome, codes(&decision)), (Outcome::Deny, vec![("guarded", ErrorCode::NullValue)]));
    // A rule that is about other actions has no say, and neither have values that no rule reads.
    assert_eq!(decide(&set, Category::Read, "s/t", r#"{"path": null}"#).outcome, Outcome::Allow);
    assert_eq!(decide(&set, Category::Write, "s/t", r#"{"other": null, "n": 1.23456}"#).outcome, Outcome::Allow);
}

#[test]
fn a_record_used_as_a_value_is_there_as_a_whole() {
    let set = load(
        r#"@id("a") permit (principal, action, resource)
           when { context.payload.to == {"name": "Ada", "tags": ["x", "y"], "n": {"deep": 1}} || context.payload.tags.contains("vip") };"#,
    );
    let to = r#"{"to": {"name": "Ada", "n": {"deep": 1}, "tags": ["y", "x"]}, "tags": []}"#;
    assert_eq!(decide(&set, Category::Read, "s/t", to).outcome, Outcome::Allow);
    assert_eq!(
        decide(&set, Category::Read, "s/t", r#"{"to": {"name": "Ada"}, "tags": ["vip"]}"#).outcome,
        Outcome::Allow
    );
    assert_eq!(decide(&set, Category::Read, "s/t", r#"{"to": {"name": "Ada"}, "tags": []}"#).outcome, Outcome::Deny);
    let null = decide(&set, Category::Read, "s/t", r#"{"to": {"name": null}, "tags": ["vip"]}"#);
    assert_eq!((null.outcome, codes(&null)), (Outcome::Deny, vec![("a", ErrorCode::NullValue)]));
}

#[test]
fn every_fired_review_rule_must_be_satisfied() {
    let set = load(PLAN);
    let decision = decide(&set, Category::Payment, "stripe/refund", r#"{"amount": 6000}"#);
    assert_eq!(decision.outcome, Outcome::Review);
    let asked: Vec<_> =
        decision.review.iter().map(|of| (of.rule.as_str(), of.groups.clone(), of.quorum, of.expires_s)).collect();
    let expected = [
        ("refunds-large", vec!["finance".to_owned()], 2, 4 * 3600),
        ("refunds-huge", vec!["owners".to_owned(), "security".to_owned()], 1, countersign_policy::DEFAULT_EXPIRES_S),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn a_review_does_not_stand_in_for_a_missing_permit() {
    let decision = decide(&load(PLAN), Category::Payment, "other/pay", r#"{"amount": 6000}"#);
    assert_eq!((decision.outcome, decision.review.len(), decision.reasons.len()), (Outcome::Deny, 0, 0));
}

#[test]
fn risk_adds_up_and_is_capped_and_seen_by_the_deciding_rules() {
    let set = load_with(
        r#"@id("all") permit (principal, action, resource);
           @id("risky") @review("owners") forbid (principal, action, resource) when { context.risk >= 100 };"#,
        r#"@id("a") @risk("60") permit (principal, action, resource) when { context.payload.a };
           @id("b") @risk("70") permit (principal, action, resource) when { context.payload.b };"#,
    );
    let one = decide(&set, Category::Read, "s/t", r#"{"a": true, "b": false}"#);
    assert_eq!((one.outcome, one.risk.score, one.risk.factors.len()), (Outcome::Allow, 60, 1));
    let both = decide(&set, Category::Read, "s/t", r#"{"a": true, "b": true}"#);
    assert_eq!((both.outcome, both.risk.score, both.risk.factors.len()), (Outcome::Review, 100, 2));
}

#[test]
fn facts_that_were_not_computed_deny_and_wanted_ones_are_named() {
    let set = load(
        r#"@id("all") permit (principal, action, resource);
           @id("busy") forbid (principal, action == Action::"write", resource) when { context.history.actions_last_hour > 3 };
           @id("spent") forbid (principal, action == Action::"payment", resource == Tool::"shop/pay")
             when { context.history.sums.spent.greaterThan(decimal("100.0")) };"#,
    );
    let spent = FactName::Sum("spent".to_owned());
    assert_eq!(set.facts_wanted().iter().collect::<Vec<_>>(), [&FactName::ActionsLastHour, &spent]);
    assert!(set.facts_wanted_for(Category::Read, "s", "t").is_empty());
    let wanted = set.facts_wanted_for(Category::Payment, "shop", "pay");
    assert!(wanted.len() == 1 && wanted.contains(&spent));
    let payload = json(r#"{"amount": 60}"#);
    let none = set.decide(&request(Category::Write, "s/t", &payload), &Facts::default());
    assert_eq!((none.outcome, codes(&none)), (Outcome::Deny, vec![("busy", ErrorCode::MissingAttribute)]));
    let pay = request(Category::Payment, "shop/pay", &payload);
    let with = |before: u32| Facts { sums: [("spent".to_owned(), Amount::from(before))].into(), ..facts() };
    let allowed = set.decide(&pay, &with(40));
    assert_eq!((allowed.outcome, allowed.facts_read.into_iter().collect::<Vec<_>>()), (Outcome::Allow, vec![spent]));
    assert_eq!(set.decide(&pay, &with(41)).outcome, Outcome::Deny, "this action counts");
    let words = json(r#"{"amount": "60"}"#);
    let wrong = set.decide(&request(Category::Payment, "shop/pay", &words), &with(0));
    assert_eq!((wrong.outcome, codes(&wrong)), (Outcome::Deny, vec![("spent", ErrorCode::NotADecimal)]));
}

#[test]
fn users_models_and_time_are_what_the_request_says() {
    let set = load(
        r#"@id("user") permit (principal, action == Action::"read", resource) when { context has user && context.user.groups.contains("staff") };
           @id("night") permit (principal, action == Action::"write", resource) when { context.time.hour == 23 && context.time.weekday == 7 };"#,
    );
    let payload = json("{}");
    let groups = ["staff".to_owned()];
    let read = request(Category::Read, "s/t", &payload);
    assert_eq!(set.decide(&read, &facts()).outcome, Outcome::Deny);
    let known = Request { user: Some(User { id: "u", groups: &groups }), ..read };
    assert_eq!(set.decide(&known, &facts()).outcome, Outcome::Allow);
    // Monday in Oslo is still Sunday in New York.
    let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    let time = "2026-01-05T04:30:00Z".parse().unwrap();
    let write = Request { time, zone: &zone, ..request(Category::Write, "s/t", &payload) };
    assert_eq!(set.decide(&write, &facts()).outcome, Outcome::Allow);
    assert_eq!(set.decide(&Request { zone: &support::UTC, ..write }, &facts()).outcome, Outcome::Deny);
}

#[test]
fn a_server_name_cannot_be_read_in_two_ways() {
    let set = load("@id(\"a\") permit (principal, action, resource == Tool::\"files/read/secret\");");
    let payload = json("{}");
    for (server, tool, outcome) in
        [("files", "read/secret", Outcome::Allow), ("files/read", "secret", Outcome::Deny), ("", "x", Outcome::Deny)]
    {
        let decision = set.decide(&Request { server, tool, ..request(Category::Read, "s/t", &payload) }, &facts());
        assert_eq!(decision.outcome, outcome, "{server} {tool}");
    }
}

#[test]
fn explanations_say_why() {
    let set = load(PLAN);
    let payload = json(r#"{"amount": 501}"#);
    let explanation = set.explain(&request(Category::Payment, "stripe/refund", &payload), &facts());
    let verdicts: Vec<_> = explanation.rules.iter().map(|rule| (rule.rule.as_str(), rule.verdict.clone())).collect();
    let out =
        |because: &[&str]| Verdict::OutOfScope { because: because.iter().map(|part| (*part).to_owned()).collect() };
    let expected = [
        ("refunds-small", Verdict::Fired),
        ("refunds-large", Verdict::Fired),
        ("refunds-huge", Verdict::ConditionFalse),
        ("drops", out(&["action"])),
        ("no-prod-drops", out(&["action", "resource"])),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(explanation.rules[1].read, [("payload.amount".to_owned(), Some(json("501")))]);
}

#[test]
fn lint_finds_what_is_probably_not_meant() {
    let mut text = load(
        "@id(\"a\") permit (principal == Agent::\"bto\", action == Action::\"read\", resource);
         @id(\"b\") permit (principal == Agent::\"bto\", action == Action::\"read\", resource);
         @id(\"c\") forbid (principal, action, resource == Tool::\"shop/pya\");
         @id(\"e\") forbid (principal, action, resource in Server::\"shpo\");
         @id(\"f\") forbid (principal, action, resource in Server::\"shop\");
         @id(\"d\") forbid (principal, action, resource == Tool::\"shop/tested\");",
    )
    .text()
    .clone();
    text.0.insert(
        "entities.json".into(),
        r#"{"agents": {"bot": {}}, "tools": {"shop/pay": {"category": "payment"}}}"#.into(),
    );
    let tested =
        "- name: t\n  request: { agent: bot, tool: shop/tested, category: read }\n  expect: { decision: deny }\n";
    text.0.insert("tests/t.yaml".into(), tested.into());
    let warnings: Vec<String> = PolicySet::from_text(text).unwrap().lint().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
    let untested = load("@id(\"a\") permit (principal, action, resource);").lint();
    assert!(untested.iter().any(|warning| warning.to_string().contains("there are no tests")), "{untested:?}");
}
