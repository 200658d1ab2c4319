//! Limits that protect the gate.

use countersign_evidence::digest::Digest;
use countersign_evidence::record::Outcome;
use countersign_gate::Settings;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start};
use countersign_wire::{StartRequest, State};

use crate::{finish, kinds, name};

#[tokio::test]
async fn open_actions_of_one_agent() {
    let settings = Settings { most_open_per_agent: 2, most_open: 3, ..Settings::default() };
    let mut test = TestGate::open(Setup { settings, ..Setup::default() }).await;
    let key = agent(1);
    let first = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    // What is denied at once is not open.
    test.gate.propose(&key, pay("r-0", "bot", 5_000)).await.unwrap();
    test.gate.propose(&key, pay("r-2", "bot", 200)).await.unwrap();
    assert_eq!(name(test.gate.propose(&key, pay("r-3", "bot", 50)).await), "too_many");
    assert_eq!(test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action, first, "asked again");
    test.restart().await.unwrap();
    assert_eq!(name(test.gate.propose(&key, pay("r-3", "bot", 50)).await), "too_many");
    test.gate.propose(&key, pay("r-4", "other", 50)).await.unwrap();
    assert_eq!(name(test.gate.propose(&key, pay("r-5", "third", 50)).await), "too_many");
    test.gate.start(&key, first, start("a-1", amount_of(50))).await.unwrap();
    test.gate.finish(&key, first, finish("a-1", Outcome::Succeeded)).await.unwrap();
    test.gate.propose(&key, pay("r-3", "bot", 50)).await.unwrap();
}

#[tokio::test]
async fn mismatches_are_recorded_and_do_not_burn_the_authorization_until_there_are_too_many() {
    let settings = Settings { most_mismatches: 3, ..Settings::default() };
    let test = TestGate::open(Setup { settings, ..Setup::default() }).await;
    let key = agent(1);
    let action = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    for _ in 0..2 {
        assert_eq!(name(test.gate.start(&key, action, start("a-1", amount_of(51))).await), "mismatch");
    }
    let digest = Some(Digest::of(amount_of(50).to_canonical().as_bytes()));
    let by_digest = StartRequest { payload: None, payload_sha256: digest, ..start("a-1", amount_of(50)) };
    let started = test.gate.start(&key, action, by_digest.clone()).await.unwrap();
    assert_eq!(started.state, State::Executing);
    // The same attempt with another payload is no repetition.
    assert_eq!(name(test.gate.start(&key, action, start("a-1", amount_of(51))).await), "mismatch");
    assert_eq!(test.gate.start(&key, action, by_digest).await.unwrap().position, started.position + 1);
    let second = test.gate.propose(&key, pay("r-2", "bot", 50)).await.unwrap().action;
    for _ in 0..3 {
        assert_eq!(name(test.gate.start(&key, second, start("a-2", amount_of(51))).await), "mismatch");
    }
    assert_eq!(name(test.gate.start(&key, second, start("a-2", amount_of(50))).await), "unauthorized");
    assert_eq!(
        kinds(&test, second).await[3..],
        ["execution.refused", "execution.refused", "execution.refused", "action.closed"]
    );
}

/// Starts that come too early must not use up what protects the authorization.
#[tokio::test]
async fn early_starts_do_not_hide_later_mismatches() {
    let settings = Settings { most_mismatches: 3, ..Settings::default() };
    let mut test = TestGate::open(Setup { settings, ..Setup::default() }).await;
    let key = agent(1);
    let action = test.gate.propose(&key, pay("r-1", "bot", 200)).await.unwrap().action;
    for _ in 0..5 {
        assert_eq!(name(test.gate.start(&key, action, start("a-1", amount_of(200))).await), "unauthorized");
    }
    test.approve(&reviewer(1, &["finance"], None), action).await.unwrap();
    test.approve(&reviewer(2, &["finance"], None), action).await.unwrap();
    assert_eq!(name(test.gate.start(&key, action, start("a-1", amount_of(201))).await), "mismatch");
    test.restart().await.unwrap();
    for _ in 0..2 {
        assert_eq!(name(test.gate.start(&key, action, start("a-1", amount_of(201))).await), "mismatch");
    }
    let all = kinds(&test, action).await;
    assert_eq!(all.iter().filter(|kind| *kind == "execution.refused").count(), 6);
    assert_eq!(all.last().unwrap(), "action.closed");
}

#[tokio::test]
async fn payloads() {
    let settings = Settings { most_payload: 40, ..Settings::default() };
    let test = TestGate::open(Setup { settings, ..Setup::default() }).await;
    let key = agent(1);
    let long = countersign_gate::testing::value(&format!(r#"{{"amount":1,"x":"{}"}}"#, "y".repeat(40)));
    let mut request = pay("r-1", "bot", 1);
    request.payload = long.clone();
    assert_eq!(name(test.gate.propose(&key, request).await), "payload_too_large");
    let action = test.gate.propose(&key, pay("r-1", "bot", 1)).await.unwrap().action;
    assert_eq!(name(test.gate.start(&key, action, start("a-1", long)).await), "payload_too_large");
    assert_eq!(test.gate.start(&key, action, start("a-1", amount_of(1))).await.unwrap().state, State::Executing);
}
