//! The starter policy loads, means what its own tests say, and has nothing to warn about.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use countersign_policy::{PolicySet, run_tests};

fn starter() -> PolicySet {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/starter");
    PolicySet::load_dir(&folder).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn its_tests_pass() {
    let outcomes = run_tests(&starter());
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() >= 25);
}

#[test]
fn nothing_to_warn_about() {
    assert_eq!(starter().lint(), []);
}

#[test]
fn a_changed_rule_fails_its_tests() {
    let mut text = starter().text().clone();
    let money = text.0.get_mut("money.cedar").unwrap();
    *money = money.replace("500.0", "50.0");
    let set = PolicySet::from_text(text).unwrap();
    assert!(run_tests(&set).iter().any(|outcome| !outcome.passed()));
    assert_ne!(set.version(), starter().version());
    assert_ne!(set.digest(), starter().digest());
}

#[test]
fn every_rule_fires_or_fails_in_some_test() {
    let set = starter();
    let named = set.text().0.iter().filter(|(path, _)| path.starts_with("tests/")).map(|(_, text)| text.as_str());
    let named = named.collect::<String>();
    let deciding = set.rules().iter().filter(|rule| rule.effect != countersign_policy::Effect::Risk);
    let unnamed: Vec<_> = deciding.filter(|rule| !named.contains(&rule.id)).map(|rule| &rule.id).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
