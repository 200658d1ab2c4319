//! An approved action is taken over by the identical call, once.

use countersign_gate::testing::{Setup, TestGate, agent, pay, reviewer};
use countersign_wire::{ProposeRequest, StartNow, State};

use crate::{name, records};

fn redeeming(request_id: &str, amount: i64) -> ProposeRequest {
    let start = StartNow { attempt: format!("attempt-{request_id}"), executor: None, deadline_s: None };
    ProposeRequest { redeem: true, start_if_allowed: Some(start), ..pay(request_id, "bot", amount) }
}

async fn approved(test: &TestGate) -> uuid::Uuid {
    let action = test.gate.propose(&agent(1), pay("first", "bot", 200)).await.unwrap().action;
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    action
}

async fn started(test: &TestGate) -> usize {
    records(test).await.iter().filter(|record| record["type"] == "execution.started").count()
}

#[tokio::test]
async fn one_wins() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    test.restart().await.unwrap();
    // Neither another key, nor another content, nor another agent takes it over.
    assert_ne!(test.gate.propose(&agent(2), redeeming("x", 200)).await.unwrap().action, action);
    assert_ne!(test.gate.propose(&agent(1), redeeming("y", 201)).await.unwrap().action, action);
    let mut other = redeeming("z", 200);
    other.agent.id = "other".to_owned();
    assert_ne!(test.gate.propose(&agent(1), other).await.unwrap().action, action);
    let key = agent(1);
    let calls = (0..5).map(|n| test.gate.propose(&key, redeeming(&format!("again-{n}"), 200)));
    let answers = futures::future::join_all(calls).await;
    let ours = |answer: &&Result<countersign_wire::ActionView, _>| {
        answer.as_ref().is_ok_and(|view| view.action == action && view.state == State::Executing)
    };
    assert_eq!(answers.iter().filter(ours).count(), 1);
    assert!(
        answers
            .iter()
            .filter(|answer| answer.is_err())
            .all(|answer| answer.as_ref().is_err_and(|e| e.kind().0 == "already_used"))
    );
    assert_eq!(started(&test).await, 1);
}

/// The answer to a redemption may be lost like any other: the same message again must not become a second action.
#[tokio::test]
async fn the_same_call_again_gets_the_same_answer() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    let first = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    assert_eq!((first.action, first.state), (action, State::Executing));
    let second = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    assert_eq!((second.action, second.state), (action, State::Executing));
    // After a restart it is a new action, which waits for people: nothing runs twice.
    test.restart().await.unwrap();
    let third = test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap();
    assert_eq!(third.state, State::Waiting);
    assert_eq!(started(&test).await, 1);
}

#[tokio::test]
async fn what_was_given_up_is_not_taken_over() {
    let test = TestGate::open(Setup::default()).await;
    let action = approved(&test).await;
    test.gate.cancel(&agent(1), action, Default::default()).await.unwrap();
    assert_ne!(test.gate.propose(&agent(1), redeeming("again", 200)).await.unwrap().action, action);
    assert_eq!(started(&test).await, 0);
    let start = countersign_gate::testing::start("late", countersign_gate::testing::amount_of(200));
    assert_eq!(name(test.gate.start(&agent(1), action, start).await), "unauthorized");
}
