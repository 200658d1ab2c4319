//! What policy would say.

use countersign_evidence::record::Decision;
use countersign_gate::testing::{Setup, TestGate, agent, pay, reviewer};

use crate::name;

#[tokio::test]
async fn a_request_that_is_tried_leaves_no_trace() {
    let test = TestGate::open(Setup::default()).await;
    let looking = reviewer(1, &["finance"], None);
    let before = test.gate.durable();
    let tried = test.gate.try_out(&looking, pay("r", "bot", 200)).unwrap();
    assert_eq!((tried.decision, tried.requirements[0].quorum), (Decision::Review, 2));
    assert_eq!(test.gate.try_out(&looking, pay("r", "bot", 50)).unwrap().decision, Decision::Allow);
    assert_eq!(test.gate.try_out(&looking, pay("r", "bot", 200)).unwrap(), tried, "nothing was counted");
    assert_eq!(test.gate.durable(), before, "nothing was recorded");
    assert!(test.gate.reviews(&looking).unwrap().is_empty());
    assert_eq!(name(test.gate.try_out(&agent(1), pay("r", "bot", 50))), "forbidden", "agents do not probe the policy");
    // The same proposal in earnest is decided the same.
    let view = test.gate.propose(&agent(1), pay("r", "bot", 200)).await.unwrap();
    assert_eq!(view.decision, tried.decision);
}
