//! An operator settles what nobody knows.

use countersign_evidence::record::Outcome;
use countersign_gate::Caller;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start, value};
use countersign_wire::{ResolveRequest, State};
use uuid::Uuid;

use crate::{finish, kinds, name};

fn found(outcome: Outcome) -> ResolveRequest {
    let evidence = Some(value(r#"{"ledger":"no such transfer"}"#));
    ResolveRequest { outcome, basis: "downstream_ledger".to_owned(), evidence, reference: None }
}

async fn unknown(test: &TestGate, request_id: &str) -> Uuid {
    let action = test.gate.propose(&agent(1), pay(request_id, "bot", 50)).await.unwrap().action;
    test.gate.start(&agent(1), action, start("a", amount_of(50))).await.unwrap();
    test.gate.finish(&agent(1), action, finish("a", Outcome::Unknown)).await.unwrap();
    action
}

#[tokio::test]
async fn an_operator_settles_it_once() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = unknown(&test, "1").await;
    let owner = Caller::owner();
    for who in [agent(1), reviewer(1, &["finance"], None)] {
        assert_eq!(name(test.gate.resolve_outcome(&who, action, found(Outcome::Failed)).await), "forbidden");
    }
    assert_eq!(name(test.gate.resolve_outcome(&owner, action, found(Outcome::Unknown)).await), "invalid");
    let wordy = ResolveRequest { basis: "in many words".to_owned(), ..found(Outcome::Failed) };
    assert_eq!(name(test.gate.resolve_outcome(&owner, action, wordy).await), "invalid");
    // Long after the gate has let go of it.
    test.index_all().await;
    test.restart().await.unwrap();
    let view = test.gate.resolve_outcome(&owner, action, found(Outcome::Failed)).await.unwrap();
    assert_eq!(view.state, State::Failed);
    assert_eq!(kinds(&test, action).await.last().map(String::as_str), Some("execution.resolved"));
    assert_eq!(name(test.gate.resolve_outcome(&owner, action, found(Outcome::Succeeded)).await), "wrong_state");
    assert_eq!(name(test.gate.finish(&agent(1), action, finish("a", Outcome::Succeeded)).await), "wrong_state");
    let story = test.gate.story(&owner, action).await.unwrap();
    let told = &story.answers[3];
    assert!(told.sentence.contains("as an operator found out"), "{}", told.sentence);
    assert!(told.facts.to_canonical().contains("no such transfer"));
    test.index_all().await;
    let listed = test.gate.list(&owner, countersign_index::Query::default()).await.unwrap();
    assert_eq!(listed.actions[0].state, State::Failed);
}

#[tokio::test]
async fn only_what_nobody_knows_is_settled() {
    let test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("1", "bot", 50)).await.unwrap().action;
    let settle = found(Outcome::Succeeded);
    assert_eq!(name(test.gate.resolve_outcome(&Caller::owner(), action, settle.clone()).await), "wrong_state");
    let nobody = Uuid::from_u128(7);
    assert_eq!(name(test.gate.resolve_outcome(&Caller::owner(), nobody, settle).await), "not_found");
    let action = unknown(&test, "2").await;
    // The executor's own late word settles it as well.
    test.gate.finish(&agent(1), action, finish("a", Outcome::Succeeded)).await.unwrap();
    let again = test.gate.resolve_outcome(&Caller::owner(), action, found(Outcome::Failed)).await;
    assert_eq!(name(again), "wrong_state");
}
