//! Reviews that are as large as a record, and larger.

use countersign_evidence::record::Verdict;
use countersign_gate::testing::{Setup, TestGate, agent, pay, policy, reviewer};
use countersign_gate::{Caller, Settings};
use countersign_wire::{DecideRequest, State};

use crate::records;

const PERMIT: &str = "@id(\"all\") permit (principal, action, resource);\n";

fn long(letter: char, n: usize) -> String {
    format!("{letter}{n:0>63}")
}

/// So many review rules that all fire, each with a group of one letter; and as many reasons and risk factors as are listed.
fn setup(reviews: usize, solo: bool) -> Setup {
    let groups: Vec<String> = (0..127).map(|n| long('g', n)).chain(["x".to_owned()]).collect();
    let listed = groups.iter().map(|group| format!("{group:?}: \"\"")).collect::<Vec<_>>().join(", ");
    let entities = format!("{{\"review_groups\": {{{listed}}}}}");
    let review = |n| format!("@id({:?}) @review(\"x\") forbid (principal, action, resource);\n", long('r', n));
    let risk = |n| format!("@id({:?}) @risk(\"1\") permit (principal, action, resource);\n", long('k', n));
    let rules = (0..reviews).map(review).collect::<String>() + PERMIT;
    let risk: String = (0..40).map(risk).collect();
    let files =
        [("rules.cedar", rules.as_str()), ("risk/r.cedar", risk.as_str()), ("entities.json", entities.as_str())];
    let name = || "n".repeat(128);
    let settings = Settings { workspace: name(), environment: name(), solo, ..Settings::default() };
    Setup { policy: policy(&files), settings, ..Setup::default() }
}

#[tokio::test]
async fn what_no_record_could_hold_is_denied_and_that_is_recorded() {
    let mut test = TestGate::open(setup(300, false)).await;
    let view = test.gate.propose(&agent(1), pay("r", "bot", 1)).await.unwrap();
    assert_eq!(view.state, State::Denied);
    assert!(view.message.contains("more approvals than one review can hold"), "{}", view.message);
    let all = records(&test).await;
    let decided = all.iter().find(|record| record["type"] == "action.decided").unwrap();
    assert_eq!(decided["body"]["errors"][0]["code"], "review_too_large");
    test.restart().await.unwrap();
    assert_eq!(test.gate.propose(&agent(1), pay("r", "bot", 1)).await.unwrap().action, view.action);
}

/// The largest review that is held can be decided by whoever is in every group there is.
#[tokio::test]
async fn the_largest_review_can_be_decided() {
    let groups: Vec<String> = (0..127).map(|n| long('g', n)).chain(["x".to_owned()]).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    for solo in [false, true] {
        let test = TestGate::open(setup(78, solo)).await;
        let view = test.gate.propose(&agent(1), pay("r", "bot", 1)).await.unwrap();
        assert_eq!(view.state, State::Waiting);
        let by = if solo { Caller::owner() } else { reviewer(1, &groups, None) };
        let shown = test.gate.present(&by, view.action).await.unwrap();
        let approval = DecideRequest {
            reason: Some("looked at it".to_owned()),
            presentation_digest: shown.presentation_digest,
            active_ms: Some(1),
            ..DecideRequest::new(Verdict::Approve, shown.review.payload_digest)
        };
        assert_eq!(test.gate.decide(&by, view.action, approval).await.unwrap().state, State::Authorized);
    }
    let one_more = TestGate::open(setup(79, false)).await;
    assert_eq!(one_more.gate.propose(&agent(1), pay("r", "bot", 1)).await.unwrap().state, State::Denied);
}
