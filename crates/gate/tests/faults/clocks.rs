//! The clock steps.

use countersign_gate::Settings;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start};
use countersign_wire::State;

use crate::{name, records};

fn stepped(all: &[serde_json::Value]) -> Vec<i64> {
    let steps = all.iter().filter(|record| record["type"] == "clock.stepped");
    steps.map(|record| record["body"]["step_us"].as_i64().unwrap()).collect()
}

fn never_back(all: &[serde_json::Value]) {
    assert!(all.windows(2).all(|pair| pair[0]["time"].as_str() <= pair[1]["time"].as_str()));
}

#[tokio::test]
async fn back_time_stands_still_and_a_record_says_so_once() {
    let mut test = TestGate::open(Setup::default()).await;
    let key = agent(1);
    test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap();
    test.clock.step(-3_600);
    for n in 2..5 {
        test.gate.propose(&key, pay(&format!("r-{n}"), "bot", 50)).await.unwrap();
    }
    let all = records(&test).await;
    assert_eq!(stepped(&all), [-3_600_000_000]);
    never_back(&all);
    test.restart().await.unwrap();
    test.gate.propose(&key, pay("r-9", "bot", 50)).await.unwrap();
    never_back(&records(&test).await);
}

#[tokio::test]
async fn forward_by_far_is_not_believed_and_ends_nothing() {
    let test = TestGate::open(Setup::default()).await;
    let key = agent(1);
    let allowed = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    let waits = test.gate.propose(&key, pay("r-2", "bot", 200)).await.unwrap().action;
    test.clock.step(86_400);
    test.gate.sweep().await.unwrap();
    // What is asked for now does not last a day longer either.
    let late = test.gate.propose(&key, pay("r-3", "bot", 300)).await.unwrap();
    let all = records(&test).await;
    assert_eq!(stepped(&all), [86_400_000_000]);
    never_back(&all);
    assert_eq!(test.gate.action(&key, waits, 0).await.unwrap().state, State::Waiting);
    assert_eq!(test.gate.start(&key, allowed, start("a-1", amount_of(50))).await.unwrap().state, State::Executing);
    test.clock.step(-86_400);
    test.clock.advance(601);
    test.gate.sweep().await.unwrap();
    assert_eq!(test.gate.action(&key, late.action, 0).await.unwrap().state, State::Denied, "its 10 minutes are over");
}

#[tokio::test]
async fn time_that_passes_ends_what_it_should() {
    let settings = Settings { authorization_ttl_s: 60, execution_deadline_s: 30, ..Settings::default() };
    let test = TestGate::open(Setup { settings, ..Setup::default() }).await;
    let key = agent(1);
    let begun = test.gate.propose(&key, pay("r-1", "bot", 50)).await.unwrap().action;
    test.gate.start(&key, begun, start("a-1", amount_of(50))).await.unwrap();
    let unused = test.gate.propose(&key, pay("r-2", "bot", 50)).await.unwrap().action;
    let waits = test.gate.propose(&key, pay("r-3", "bot", 200)).await.unwrap().action;
    test.clock.advance(29);
    test.gate.sweep().await.unwrap();
    assert_eq!(test.gate.action(&key, begun, 0).await.unwrap().state, State::Executing);
    test.clock.advance(31);
    // Also before anybody has swept.
    assert_eq!(name(test.gate.start(&key, unused, start("a-2", amount_of(50))).await), "expired");
    test.gate.sweep().await.unwrap();
    assert_eq!(test.gate.action(&key, begun, 0).await.unwrap().state, State::Unknown);
    assert_eq!(test.gate.action(&key, unused, 0).await.unwrap().state, State::Closed);
    test.clock.advance(540);
    let refused = test.approve(&reviewer(1, &["finance"], None), waits).await;
    assert_eq!(name(refused), "wrong_state");
    test.gate.sweep().await.unwrap();
    assert_eq!(test.gate.action(&key, waits, 0).await.unwrap().state, State::Denied);
}
