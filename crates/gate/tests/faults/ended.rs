//! Actions as they end: each once, with what may be known outside.

use countersign_evidence::record::{Outcome, Verdict};
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, pay, reviewer, start};
use countersign_gate::{Caller, Ended};
use countersign_wire::{DecideRequest, FinishRequest};

use crate::finish;

/// All that ended up to now.
async fn ended(test: &TestGate) -> Vec<Ended> {
    let (mut all, mut position) = (Vec::new(), 0);
    while position < test.gate.durable() {
        let (some, next) = test.gate.ended(&Caller::owner(), position).await.unwrap();
        all.extend(some);
        position = next;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_is_told_once_with_why() {
    let test = TestGate::open(Setup::default()).await;
    let key = agent(1);
    let begin = async |request: &str, attempt: &str| {
        let action = test.gate.propose(&key, pay(request, "bot", 50)).await.unwrap().action;
        test.gate.start(&key, action, start(attempt, pay(request, "bot", 50).payload)).await.unwrap();
        action
    };
    let done = begin("r-1", "a-1").await;
    test.gate.finish(&key, done, finish("a-1", Outcome::Succeeded)).await.unwrap();
    let failed = begin("r-2", "a-2").await;
    let status = FinishRequest { status: Some("503".to_owned()), ..finish("a-2", Outcome::Failed) };
    test.gate.finish(&key, failed, status).await.unwrap();
    let lost = begin("r-3", "a-3").await;
    test.gate.finish(&key, lost, finish("a-3", Outcome::Unknown)).await.unwrap();
    let before = ended(&test).await;
    test.gate.finish(&key, lost, finish("a-3", Outcome::Succeeded)).await.unwrap();
    let denied = test.gate.propose(&key, pay("r-4", "bot", 5_000)).await.unwrap().action;
    let refused = test.gate.propose(&key, pay("r-5", "bot", 200)).await.unwrap().action;
    test.clock.advance(3);
    let one = reviewer(1, &["finance"], None);
    let shown = test.gate.reviews(&one).unwrap()[0].payload_digest;
    let denial = DecideRequest { reason: Some("no".to_owned()), ..DecideRequest::new(Verdict::Deny, shown) };
    test.gate.decide(&one, refused, denial).await.unwrap();
    let open = test.gate.propose(&key, pay("r-6", "bot", 300)).await.unwrap().action;
    let all = ended(&test).await;
    let told: Vec<_> = all.iter().map(|one| (one.action, one.error.as_deref())).collect();
    let expected = [
        (done, None),
        (failed, Some("503")),
        (lost, None),
        (denied, Some("denied_by_policy")),
        (refused, Some("denied_by_reviewer")),
    ];
    assert_eq!(told, expected, "what came late is no second end, and {open} is open");
    assert_eq!(before[2].error.as_deref(), Some("outcome_unknown"));
    assert_eq!((all[4].waited_us, all[0].waited_us), (Some(3_000_000), None));
    assert_eq!((all[0].tool.name.as_str(), all[0].decision.is_some()), ("pay", true));
}

#[tokio::test]
async fn the_message_follows_what_became_of_a_review() {
    let test = TestGate::open(Setup::default()).await;
    let waiting = test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap();
    assert!(waiting.message.contains("waits for a person"), "{}", waiting.message);
    test.approve(&reviewer(1, &["finance"], None), waiting.action).await.unwrap();
    test.approve(&reviewer(2, &["finance"], None), waiting.action).await.unwrap();
    let approved = test.gate.action(&agent(1), waiting.action, 0).await.unwrap();
    assert_eq!(approved.message, "Approved: execute exactly this, once.");
    let started = test.gate.start(&agent(1), waiting.action, start("a", amount_of(200))).await.unwrap();
    let done = test.gate.finish(&agent(1), waiting.action, finish("a", Outcome::Unknown)).await.unwrap();
    assert_eq!(
        (started.message.as_str(), done.message.as_str()),
        ("Approved, and being executed.", "Approved; its outcome: unknown.")
    );
}
