//! What is said about a review: questions, answers, hand-overs; and identical reviews that are approved together.

use countersign_evidence::record::Verdict;
use countersign_gate::Caller;
use countersign_gate::testing::{Setup, TestGate, agent, pay, reviewer};
use countersign_wire::{AnswerRequest, AskRequest, DecideRequest, HandOverRequest, PersonRequest, State};
use uuid::Uuid;

use crate::{kinds, name};

fn question(text: &str) -> AskRequest {
    AskRequest { question: text.to_owned() }
}

fn said(text: &str) -> AnswerRequest {
    AnswerRequest { question: None, answer: text.to_owned() }
}

#[tokio::test]
async fn a_question_reaches_the_agents_side_and_its_answer_the_reviewers() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap().action;
    let first = reviewer(1, &["finance"], None);
    test.gate.ask(&first, action, question("Which invoice?")).await.unwrap();
    test.restart().await.unwrap();
    let view = test.gate.action(&agent(1), action, 0).await.unwrap();
    assert_eq!(view.review.unwrap().questions[0].text, "Which invoice?");
    assert!(view.message.contains("Which invoice?"), "{}", view.message);
    assert_eq!(name(test.gate.answer_question(&agent(2), action, said("4711")).await), "not_found", "another key");
    test.gate.answer_question(&agent(1), action, said("4711")).await.unwrap();
    assert_eq!(name(test.gate.answer_question(&agent(1), action, said("again")).await), "not_found");
    test.restart().await.unwrap();
    let shown = test.gate.present(&first, action).await.unwrap();
    let notes: Vec<_> = shown.notes.iter().map(|note| (note.kind.as_str(), note.text.as_str())).collect();
    assert_eq!(notes, [("question", "Which invoice?"), ("answer", "4711")]);
    test.approve(&first, action).await.unwrap();
    test.approve(&reviewer(2, &["finance"], None), action).await.unwrap();
    assert_eq!(name(test.gate.ask(&first, action, question("Too late?")).await), "not_found");
    assert!(kinds(&test, action).await.iter().any(|kind| kind == "review.answered"));
}

#[tokio::test]
async fn who_may_not_decide_says_nothing() {
    let test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap().action;
    let other = reviewer(2, &["nobody"], None);
    assert_eq!(name(test.gate.ask(&other, action, question("May I?")).await), "not_a_reviewer");
    assert_eq!(name(test.gate.ask(&agent(1), action, question("May I?")).await), "not_a_reviewer");
    let first = reviewer(1, &["finance"], None);
    assert_eq!(name(test.gate.ask(&first, action, question("  ")).await), "invalid");
    assert_eq!(name(test.gate.ask(&first, action, question(&"x".repeat(5_000))).await), "invalid");
}

#[tokio::test]
async fn a_review_is_handed_only_to_who_may_decide_it() {
    let test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap().action;
    let person = |name: &str, groups: &[&str]| PersonRequest {
        person: None,
        name: name.to_owned(),
        user: None,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        roles: None,
        until: None,
    };
    let entitled = test.gate.put_person(&Caller::owner(), person("In", &["finance"])).await.unwrap().person;
    let outside = test.gate.put_person(&Caller::owner(), person("Out", &[])).await.unwrap().person;
    let first = reviewer(1, &["finance"], None);
    let to = |to: Uuid| HandOverRequest { to, note: Some("you know them".to_owned()) };
    assert_eq!(name(test.gate.hand_over(&first, action, to(outside)).await), "invalid");
    test.gate.hand_over(&first, action, to(entitled)).await.unwrap();
    let pending = test.gate.reviews(&first).unwrap();
    assert_eq!(pending[0].handed_to, Some(entitled));
}

#[tokio::test]
async fn only_identical_reviews_are_approved_together() {
    let test = TestGate::open(Setup::default()).await;
    let mut actions = Vec::new();
    for (request, amount) in [("a", 200), ("b", 200), ("c", 201)] {
        actions.push(test.gate.propose(&agent(1), pay(request, "bot", amount)).await.unwrap().action);
    }
    let first = reviewer(1, &["finance"], None);
    let together = async |action: Uuid, with: Uuid| {
        let shown = test.gate.present(&first, action).await.unwrap();
        let request = DecideRequest {
            presentation_digest: shown.presentation_digest,
            together_with: Some(with),
            ..DecideRequest::new(Verdict::Approve, shown.review.payload_digest)
        };
        test.gate.decide(&first, action, request).await
    };
    assert_eq!(name(together(actions[2], actions[0]).await), "invalid", "another amount");
    assert_eq!(name(together(actions[0], actions[0]).await), "invalid", "itself");
    test.approve(&reviewer(2, &["finance"], None), actions[1]).await.unwrap();
    assert_eq!(together(actions[1], actions[0]).await.unwrap().state, State::Authorized);
    assert_eq!(name(together(actions[0], actions[1]).await), "not_found", "that one waits no more");
}
