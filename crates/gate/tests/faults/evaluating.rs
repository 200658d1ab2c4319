//! Decisions for enforcement points that are not ours.

use countersign_evidence::record::{Decision, KeyKind, Outcome};
use countersign_evidence::time::Clock;
use countersign_gate::testing::{
    ENTITIES, RULES, Setup, TestGate, agent, amount_of, gateway, pay, policy, reviewer, start,
};
use countersign_gate::{Caller, Evaluated};
use countersign_wire::{ProposeRequest, StartNow, StartRequest, State};
use uuid::Uuid;

use crate::{finish, kinds, name};

fn question(amount: i64) -> ProposeRequest {
    let start = StartNow { attempt: "pep".to_owned(), executor: None, deadline_s: None };
    ProposeRequest { start_if_allowed: Some(start), ..pay("said by nobody", "bot", amount) }
}

async fn evaluated(test: &TestGate, amount: i64) -> Evaluated {
    test.gate.evaluate(&agent(1), question(amount)).await.unwrap()
}

/// Asks for what was evaluated.
async fn asked(test: &TestGate, evaluation: Uuid, name: &str) -> countersign_wire::ActionView {
    let again = test.gate.proposed(&agent(1), evaluation).await.unwrap().again();
    let request = ProposeRequest { request_id: name.to_owned(), ..again };
    test.gate.ask_for(&agent(1), evaluation, request).await.unwrap()
}

#[tokio::test]
async fn each_evaluation_is_an_action_that_asks_nobody() {
    let test = TestGate::open(Setup::default()).await;
    let from = test.gate.durable();
    let allowed = evaluated(&test, 50).await.view;
    assert_eq!(allowed.state, State::Executing);
    let denied = evaluated(&test, 5_000).await.view;
    assert_eq!(denied.state, State::Denied);
    let held = evaluated(&test, 200).await.view;
    assert_eq!((held.state, held.decision), (State::Closed, Decision::Review));
    assert_eq!(kinds(&test, held.action).await, ["action.proposed", "action.decided", "review.cancelled"]);
    assert!(test.gate.reviews(&reviewer(1, &["finance"], None)).unwrap().is_empty());
    assert_ne!(evaluated(&test, 50).await.view.action, allowed.action, "each is one of its own");
    let (news, _) = test.gate.news(&Caller::owner(), from).await.unwrap();
    assert_eq!(news, [], "nobody hears of it");
    assert_eq!(reviews(&test).await, 0);
    let story = test.gate.story(&Caller::owner(), held.action).await.unwrap();
    assert!(story.answers[2].sentence.starts_with("Nobody was asked"), "{}", story.answers[2].sentence);
    let waiting = asked(&test, held.action, "r").await;
    assert_eq!(waiting.state, State::Waiting);
    assert_eq!(asked(&test, held.action, "r").await.action, waiting.action, "by its name");
    let (news, _) = test.gate.news(&Caller::owner(), from).await.unwrap();
    assert_eq!(news.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["review.waiting"]);
    // What was given up before anybody could look counts as before.
    let gone = asked(&test, evaluated(&test, 201).await.view.action, "gone").await.action;
    test.clock.advance(1);
    test.gate.cancel(&agent(1), gone, Default::default()).await.unwrap();
    assert_eq!(reviews(&test).await, 2);
}

/// Reviews that oversight counts.
async fn reviews(test: &TestGate) -> u64 {
    let now = test.clock.now();
    let view = test.gate.oversight(&Caller::owner(), now.plus_seconds(-3_600), now.plus_seconds(3_600)).await;
    view.unwrap().ends.reviews
}

#[tokio::test]
async fn what_another_s_enforcement_point_executes_it_attests() {
    let test = TestGate::open(Setup::default()).await;
    let key = gateway(1);
    assert_eq!(key.kind, KeyKind::Gateway);
    let view = test.gate.evaluate(&key, question(50)).await.unwrap().view;
    assert_eq!(view.execution.unwrap().enforcement, "attested");
    test.gate.finish(&key, view.action, finish("pep", Outcome::Succeeded)).await.unwrap();
    let proposed = test.gate.propose(&key, pay("r", "bot", 60)).await.unwrap().action;
    let begun: StartRequest = start("pep", amount_of(60));
    let view = test.gate.start_elsewhere(&key, proposed, begun).await.unwrap();
    assert_eq!(view.execution.unwrap().enforcement, "attested");
}

#[tokio::test]
async fn names_that_say_what_they_are_are_the_gate_s() {
    let test = TestGate::open(Setup::default()).await;
    for reserved in ["gate:evaluation:x", "gate:access-request:x", "gate:"] {
        assert_eq!(name(test.gate.propose(&agent(1), pay(reserved, "bot", 50)).await), "invalid", "{reserved}");
    }
    let plain = test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap().action;
    test.gate.cancel(&agent(1), plain, Default::default()).await.unwrap();
    let proposed = test.gate.proposed(&agent(1), plain).await.unwrap();
    assert!(!proposed.is_requestable() && !proposed.is_access_request());
    let evaluation = evaluated(&test, 200).await.view.action;
    assert!(test.gate.proposed(&agent(1), evaluation).await.unwrap().is_requestable());
    let request = asked(&test, evaluation, "r").await.action;
    assert!(test.gate.proposed(&agent(1), request).await.unwrap().is_access_request());
    assert_eq!(test.gate.asked_for(&agent(1), "r").unwrap(), Some(request));
    assert_eq!(name(test.gate.proposed(&agent(2), request).await), "not_found");
    assert_eq!(test.gate.asked_for(&agent(2), "r").unwrap(), None);
}

#[tokio::test]
async fn what_is_asked_for_counts_once_and_never_less_after_a_restart() {
    let rules = format!(
        r#"{RULES}
        @id("hourly") forbid (principal, action == Action::"payment", resource) when {{ context.history.actions_last_hour > 2 }};"#
    );
    let policy = policy(&[("rules.cedar", &rules), ("entities.json", ENTITIES)]);
    let mut test = TestGate::open(Setup { policy, ..Setup::default() }).await;
    let one = evaluated(&test, 200).await.view.action;
    assert_eq!(asked(&test, one, "r-1").await.state, State::Waiting);
    let two = evaluated(&test, 201).await.view.action;
    assert_eq!(asked(&test, two, "r-2").await.state, State::Waiting, "two actions, not four");
    // Whoever asks a second time about the same counts again.
    assert_eq!(asked(&test, two, "r-3").await.state, State::Waiting);
    assert_eq!(evaluated(&test, 50).await.view.state, State::Denied);
    test.index_all().await;
    test.restart().await.unwrap();
    assert_eq!(evaluated(&test, 50).await.view.state, State::Denied);
}
