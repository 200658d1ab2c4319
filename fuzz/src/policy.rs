//! Policy folders.

use std::collections::BTreeMap;

use countersign_evidence::json::{Limits, from_value, parse, to_value};
use countersign_policy::{Category, Facts, Outcome, PolicySet, PolicyText, Request, run_tests};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Cedar and its validator take long over long rules.
const MOST_BYTES: usize = 6144;

/// Files, each after a line `=== PATH`. A folder is loaded or refused with reasons; what is loaded is what was given, and
/// an error denies.
pub fn policy(data: &[u8]) {
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.len() <= MOST_BYTES) else { return };
    let text = files(text);
    let stored = to_value(&text).expect("texts are JSON");
    assert_eq!(from_value::<PolicyText>(stored).as_ref(), Ok(&text), "as policy.activated holds it");
    match PolicySet::from_text(text.clone()) {
        Ok(set) => {
            assert_eq!((set.text(), set.digest(), set.version()), (&text, &*text.digest(), &*text.version()));
            run_tests(&set);
            Category::ALL.into_iter().for_each(|category| decides(&set, category));
        }
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a reason");
            // Loading has a thread of its own, which turns a panic into this.
            let panicked = errors.0.iter().any(|problem| problem.message.contains("please report this"));
            assert!(!panicked, "loading panicked: {errors}");
        }
    }
}

fn files(text: &str) -> PolicyText {
    let parts = text.split("=== ").skip(1).filter_map(|part| part.split_once('\n'));
    PolicyText(parts.map(|(path, text)| (path.to_owned(), text.to_owned())).collect::<BTreeMap<_, _>>())
}

fn decides(set: &PolicySet, category: Category) {
    let payload = br#"{"amount":120,"arguments":{"path":"/a/b","to":["x@example.com"]},"currency":"EUR"}"#;
    let payload = parse(payload, Limits::default()).expect("the payload is JSON");
    let request = Request {
        agent: "bot",
        agent_groups: &[],
        server: "files",
        tool: "write_file",
        category,
        environment: "test",
        user: None,
        model: None,
        payload: &payload,
        resource: None,
        intent: None,
        source: "api",
        time: Timestamp::constant(1_767_607_200, 0),
        zone: &TimeZone::UTC,
    };
    let facts = Facts { actions_last_hour: Some(3), first_use_of_tool: Some(true), ..Facts::default() };
    let decision = set.decide(&request, &facts);
    assert!(decision.errors.is_empty() || decision.outcome == Outcome::Deny, "an error allowed: {decision:?}");
    assert!(!set.is_empty() || decision.outcome == Outcome::Deny, "no rule, yet not denied");
    assert_eq!(decision.outcome == Outcome::Review, !decision.review.is_empty(), "{decision:?}");
    assert_eq!(set.decide(&request, &facts), decision, "decided differently the second time");
    assert_eq!(set.explain(&request, &facts).decision, decision, "explained differently");
}
