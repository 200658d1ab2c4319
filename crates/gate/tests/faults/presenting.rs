//! Looking at a review again and again.

use countersign_evidence::record::Verdict;
use countersign_gate::testing::{Setup, TestGate, agent, pay, reviewer};
use countersign_wire::DecideRequest;

use crate::{kinds, name};

async fn waiting(test: &TestGate) -> uuid::Uuid {
    test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap().action
}

async fn presented(test: &TestGate, action: uuid::Uuid) -> usize {
    kinds(test, action).await.iter().filter(|kind| *kind == "review.presented").count()
}

#[tokio::test]
async fn the_same_presentation_is_recorded_once() {
    let mut test = TestGate::open(Setup::default()).await;
    let action = waiting(&test).await;
    let (first, second) = (reviewer(1, &["finance"], None), reviewer(2, &["finance"], None));
    let shown = test.gate.present(&first, action).await.unwrap();
    assert_eq!(test.gate.present(&first, action).await.unwrap(), shown);
    test.restart().await.unwrap();
    assert_eq!(test.gate.present(&first, action).await.unwrap(), shown, "also after a restart");
    assert_eq!(presented(&test, action).await, 1);
    // Another person is another presentation; two looks at once are one.
    let looks = futures::future::join_all((0..5).map(|_| test.gate.present(&second, action))).await;
    let digests: Vec<_> = looks.into_iter().map(|look| look.unwrap().presentation_digest.unwrap()).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    assert_ne!(Some(digests[0]), shown.presentation_digest);
    assert_eq!(presented(&test, action).await, 2);
    // What it shows has changed, so it is recorded anew, and each of both counts as seen.
    test.approve(&second, action).await.unwrap();
    let later = test.gate.present(&first, action).await.unwrap();
    assert_ne!(later.presentation_digest, shown.presentation_digest);
    assert_eq!(presented(&test, action).await, 3);
    let approval = DecideRequest {
        presentation_digest: shown.presentation_digest,
        ..DecideRequest::new(Verdict::Approve, shown.review.payload_digest)
    };
    test.gate.decide(&first, action, approval).await.unwrap();
}

#[tokio::test]
async fn a_review_gathers_a_bounded_number_of_presentations() {
    let test = TestGate::open(Setup::default()).await;
    let action = waiting(&test).await;
    for n in 1..=128 {
        test.gate.present(&reviewer(n, &["finance"], None), action).await.unwrap();
    }
    let late = reviewer(129, &["finance"], None);
    assert_eq!(name(test.gate.present(&late, action).await), "too_many");
    assert_eq!(presented(&test, action).await, 128);
    // Who has seen it still sees it, and who has not may still decide.
    test.gate.present(&reviewer(1, &["finance"], None), action).await.unwrap();
    test.approve(&late, action).await.unwrap();
}
