//! The key store that does not answer, and the one that has lost a key or has it damaged.

use std::sync::Arc;

use countersign_evidence::record::Isolation;
use countersign_gate::testing::{Setup, TestGate, agent, on_behalf, pay};
use countersign_gate::{Caller, GateError, Settings};
use countersign_journal::faulty::Fault;
use countersign_journal::faulty_keys::{FaultyKeyStore, KeyVerb};
use countersign_journal::{KeyKind, KeyStore, Owner};
use countersign_wire::{EraseRequest, ProposeRequest, State};
use parking_lot::Mutex;

use crate::name;

/// A gate over a key store that fails when told.
pub async fn failing_gate(setup: Setup) -> (TestGate, Arc<FaultyKeyStore>) {
    let slot: Arc<Mutex<Option<Arc<FaultyKeyStore>>>> = Arc::default();
    let filled = Arc::clone(&slot);
    let wrap_keys = move |inner: Arc<dyn KeyStore>| -> Arc<dyn KeyStore> {
        let failing = Arc::new(FaultyKeyStore::new(inner));
        *filled.lock() = Some(Arc::clone(&failing));
        failing
    };
    let test = TestGate::open(Setup { wrap_keys: Box::new(wrap_keys), ..setup }).await;
    let failing = slot.lock().take().unwrap();
    (test, failing)
}

fn proposed(request_id: &str) -> ProposeRequest {
    on_behalf(pay(request_id, "bot", 50), "alice")
}

fn auditor() -> Caller {
    Caller { isolation: Isolation::Remote, ..Caller::owner() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_is_an_error_and_no_erasure() {
    let (mut test, keys) = failing_gate(Setup::default()).await;
    let done = test.gate.propose(&agent(1), proposed("r-1")).await.unwrap().action;
    keys.fail(KeyVerb::Open, Fault::Before);
    let told = test.gate.story(&auditor(), done).await;
    assert!(matches!(&told, Err(GateError::Unavailable(why)) if why.contains("cannot be read")), "{told:?}");
    assert_eq!(name(test.gate.records(&auditor(), done).await), "unavailable");
    // Nor does the gate start as if the open action had been erased.
    assert_eq!(name(test.restart().await), "unavailable");
    keys.mend();
    test.restart().await.unwrap();
    assert_eq!(test.gate.action(&agent(1), done, 0).await.unwrap().state, State::Authorized);
    let again = test.gate.propose(&agent(1), proposed("r-1")).await.unwrap();
    assert_eq!(again.action, done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_store_does_not_know_is_lost_and_not_erased() {
    let (mut test, keys) = failing_gate(Setup::default()).await;
    let (lost, erased) = ("r-1", "r-2");
    let lost = test.gate.propose(&agent(1), proposed(lost)).await.unwrap().action;
    let erased = test.gate.propose(&agent(1), on_behalf(pay(erased, "bot", 50), "bob")).await.unwrap().action;
    test.gate.erase_subject(&Caller::owner(), EraseRequest { user: "bob".to_owned() }).await.unwrap();
    let settings = Settings::default();
    let alice = Owner { kind: KeyKind::Subject, workspace: &settings.workspace, identity: "alice" };
    keys.lose(test.keys.keys_of(alice).unwrap()[0].id);
    test.restart().await.unwrap();
    let told = async |action| format!("{:?}", test.gate.records(&auditor(), action).await.unwrap()[0].closed);
    let (lost_told, erased_told) = (told(lost).await, told(erased).await);
    assert!(lost_told.contains("lost") && !lost_told.contains("erased"), "{lost_told}");
    assert!(erased_told.contains("erased") && !erased_told.contains("lost"), "{erased_told}");
    let story = format!("{:?}", test.gate.story(&auditor(), lost).await.unwrap());
    assert!(story.contains("lost_fields") && !story.contains("erased"), "{story}");
    // Nobody can say that it is the same again, so it is not executed again.
    assert_eq!(name(test.gate.propose(&agent(1), proposed("r-1")).await), "request_replayed");
}

/// One row of `keys.db` was changed: that is no reason for the others to stop.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_is_lost_stops_nobody_and_can_be_erased() {
    let (mut test, keys) = failing_gate(Setup::default()).await;
    let damaged = test.gate.propose(&agent(1), proposed("r-1")).await.unwrap().action;
    let settings = Settings::default();
    let alice = Owner { kind: KeyKind::Subject, workspace: &settings.workspace, identity: "alice" };
    keys.damage(test.keys.keys_of(alice).unwrap()[0].id);
    for _ in 0..2 {
        // Its index reads on, also from the beginning.
        test.restart().await.unwrap();
        test.index_all().await;
        let other = on_behalf(pay(&format!("r-{}", test.indexed()), "bot", 50), "bob");
        assert_eq!(test.gate.propose(&agent(1), other).await.unwrap().state, State::Authorized);
        test.delete_index();
    }
    let told = async |test: &TestGate| format!("{:?}", test.gate.records(&auditor(), damaged).await.unwrap()[0].closed);
    let before = told(&test).await;
    assert!(before.contains("lost") && !before.contains("erased"), "{before}");
    assert!(test.gate.erase_subject(&Caller::owner(), EraseRequest { user: "alice".to_owned() }).await.unwrap().purged);
    let after = told(&test).await;
    assert!(after.contains("erased") && !after.contains("lost"), "{after}");
}
