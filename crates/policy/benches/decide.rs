//! What one decision costs, with the starter policy: `cargo bench -p countersign-policy`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use countersign_evidence::json::{Limits, Value, parse};
use countersign_policy::{Amount, Category, Facts, Outcome, PolicySet, PolicyText, Request};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const ROUNDS: u32 = 20_000;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/starter");
    let set = PolicySet::load_dir(&folder).expect("the starter policy loads");
    println!("starter policy: {} rules", set.rules().len());
    let text = "x".repeat(1900);
    let mcp = |path: &str, text: &str| {
        format!(r#"{{"name":"f","server":"files","arguments":{{"path":"{path}","content":"{text}"}}}}"#)
    };
    let write = mcp("/srv/notes.txt", &text);
    measure(&set, "allow: read_text_file, 2 KB", Category::Read, ("files", "read_text_file"), &write, Outcome::Allow);
    measure(&set, "allow: write_file, 2 KB", Category::Write, ("files", "write_file"), &write, Outcome::Allow);
    let large = mcp("/srv/notes.txt", &"x".repeat(1_000_000));
    measure(&set, "allow: write_file, 1 MB", Category::Write, ("files", "write_file"), &large, Outcome::Allow);
    let report = mcp("/srv/reports/q3.md", &text);
    measure(&set, "review: write_file, 2 KB", Category::Write, ("files", "write_file"), &report, Outcome::Review);
    let refund = format!(r#"{{"amount":1200,"order":"A-17","note":"{text}"}}"#);
    measure(&set, "review: refund, 2 KB", Category::Payment, ("payments", "refund"), &refund, Outcome::Review);
    measure(
        &set,
        "deny: secrets, 2 KB",
        Category::Write,
        ("files", "write_file"),
        &mcp("/srv/.env", &text),
        Outcome::Deny,
    );
    for rules in [10, 100, 1000] {
        measure(
            &many(rules),
            &format!("allow: one of {rules} tools' rules"),
            Category::Write,
            ("s", "t7"),
            &write,
            Outcome::Allow,
        );
    }
}

/// One permit for each of many tools.
fn many(rules: usize) -> PolicySet {
    let rule = |n| {
        format!(
            "@id(\"r{n}\") permit (principal, action == Action::\"write\", resource == Tool::\"s/t{n}\") \
             when {{ context.payload.arguments.path like \"/srv/*\" }};\n"
        )
    };
    let rules: String = (0..rules).map(rule).collect();
    PolicySet::from_text(PolicyText(BTreeMap::from([("rules.cedar".to_owned(), rules)]))).expect("the rules load")
}

fn measure(
    set: &PolicySet,
    name: &str,
    category: Category,
    (server, tool): (&str, &str),
    payload: &str,
    expected: Outcome,
) {
    let payload: Value = parse(payload.as_bytes(), Limits::default()).expect("JSON");
    let zone = TimeZone::get("Europe/Berlin").expect("a time zone");
    let request = Request {
        agent: "support-bot",
        agent_groups: &[],
        server,
        tool,
        category,
        environment: "test",
        user: None,
        model: Some("a-model"),
        payload: &payload,
        resource: None,
        intent: None,
        source: "api",
        time: Timestamp::constant(1_767_607_200, 0),
        zone: &zone,
    };
    let facts = Facts {
        actions_last_hour: Some(3),
        denials_of_payload_last_day: Some(0),
        first_use_of_tool: Some(false),
        reviews_pending: Some(0),
        tool_changed: Some(false),
        sums: BTreeMap::from([("refunds_today".to_owned(), Amount::from(100))]),
    };
    let decision = set.decide(&request, &facts);
    assert_eq!(decision.outcome, expected, "{name}: {decision:?}");
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..ROUNDS / 5 {
            black_box(set.decide(black_box(&request), black_box(&facts)));
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(ROUNDS / 5));
    }
    println!("{name:<36} {:>7.1} µs", best * 1e6);
}
