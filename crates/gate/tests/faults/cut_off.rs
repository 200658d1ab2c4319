//! An erasure that is cut off at each of its steps, in both ways: the next start completes what was asked for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_evidence::open::KeyState;
use countersign_gate::testing::{Setup, TestGate, agent, on_behalf, pay};
use countersign_gate::{Caller, GateError, Settings};
use countersign_journal::faulty::{Fault, FaultyJournal, Verb};
use countersign_journal::faulty_keys::{FaultyKeyStore, KeyVerb};
use countersign_journal::{Journal, KeyId, KeyKind, Owner};
use countersign_wire::EraseRequest;
use parking_lot::Mutex;

use crate::disk::Disk;
use crate::{keys, name, records};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Requested,
    Destroyed,
    Erased,
}

struct Broken {
    test: TestGate,
    journal: Arc<FaultyJournal>,
    keys: Arc<FaultyKeyStore>,
}

impl Broken {
    /// Two actions of alice's, one of bob's.
    async fn gate() -> Broken {
        let slot: Arc<Mutex<Option<Arc<FaultyJournal>>>> = Arc::default();
        let filled = Arc::clone(&slot);
        let wrap = move |inner: Arc<dyn Journal>| -> Arc<dyn Journal> {
            let failing = Arc::new(FaultyJournal::new(inner));
            *filled.lock() = Some(Arc::clone(&failing));
            failing
        };
        let (test, keys) = keys::failing_gate(Setup { wrap: Box::new(wrap), ..Setup::default() }).await;
        let journal = slot.lock().take().unwrap();
        for (id, user) in [("r-1", "alice"), ("r-2", "alice"), ("r-3", "bob")] {
            test.gate.propose(&agent(1), on_behalf(pay(id, "bot", 50), user)).await.unwrap();
        }
        Broken { test, journal, keys }
    }

    /// `before` counts the appends that still succeed.
    fn fail(&self, step: Step, fault: Fault, before: u64) {
        match step {
            Step::Requested => self.journal.fail(Verb::Append, 0, fault),
            Step::Destroyed => self.keys.fail(KeyVerb::Destroy, fault),
            Step::Erased => self.journal.fail(Verb::Append, before, fault),
        }
    }

    fn ids(&self, user: &str) -> Vec<KeyId> {
        let settings = Settings::default();
        let owner = Owner { kind: KeyKind::Subject, workspace: &settings.workspace, identity: user };
        self.test.keys.keys_of(owner).unwrap().into_iter().map(|info| info.id).collect()
    }

    fn lives(&self, id: KeyId) -> bool {
        matches!(self.test.keys.open(id).unwrap(), KeyState::Live(_))
    }

    async fn erase(&self) -> Result<countersign_wire::Erased, GateError> {
        self.test.gate.erase_subject(&Caller::owner(), EraseRequest { user: "alice".to_owned() }).await
    }

    /// The keys that records of this type list, record by record.
    async fn listed(&self, kind: &str) -> Vec<Vec<String>> {
        let all = records(&self.test).await;
        let lists = all.iter().filter(|record| record["type"] == kind).map(|record| record["body"]["keys"].clone());
        lists.map(|list| serde_json::from_value(list).unwrap()).collect()
    }

    /// What was asked for is done and on record, once; nobody else has lost anything.
    async fn check_done(&self) {
        let alice = self.ids("alice");
        assert!(alice.iter().all(|id| !self.lives(*id)));
        assert!(self.ids("bob").iter().all(|id| self.lives(*id)));
        let requested = self.listed("subject.erasure_requested").await;
        assert_eq!(requested, [alice.iter().map(ToString::to_string).collect::<Vec<_>>()]);
        assert_eq!(self.listed("subject.erased").await, requested);
    }
}

fn every_fault() -> impl Iterator<Item = (Step, Fault)> {
    let steps = [Step::Requested, Step::Destroyed, Step::Erased];
    steps.into_iter().flat_map(|step| [(step, Fault::Before), (step, Fault::After)])
}

#[tokio::test(flavor = "multi_thread")]
async fn at_each_step_it_is_completed_by_the_next_start() {
    for (step, fault) in every_fault() {
        let mut broken = Broken::gate().await;
        broken.fail(step, fault, 1);
        assert_eq!(name(broken.erase().await), "unavailable", "{step:?} {fault:?}");
        broken.keys.mend();
        broken.test.restart().await.unwrap();
        if (step, fault) == (Step::Requested, Fault::Before) {
            // Nothing was asked for: nothing is destroyed.
            assert!(broken.lives(broken.ids("alice")[0]));
            assert_eq!(broken.listed("subject.erased").await.len(), 0);
            continue;
        }
        broken.check_done().await;
        // Another start finds nothing to do, with the same index or with a new one.
        broken.test.restart().await.unwrap();
        broken.test.delete_index();
        broken.test.restart().await.unwrap();
        broken.check_done().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_cut_off_itself_is_completed_by_the_one_after_it() {
    for (step, fault) in every_fault().filter(|(step, _)| *step != Step::Requested) {
        let mut broken = Broken::gate().await;
        broken.keys.fail(KeyVerb::Destroy, Fault::Before);
        assert_eq!(name(broken.erase().await), "unavailable");
        broken.keys.mend();
        broken.fail(step, fault, 0);
        // The gate does not open as if everything were in order.
        assert_eq!(name(broken.test.restart().await), "unavailable", "{step:?} {fault:?}");
        broken.keys.mend();
        broken.test.restart().await.unwrap();
        broken.check_done().await;
    }
}

/// Completing an erasure ends something: it has the room that is kept for that.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_too() {
    let disk = Arc::new(Disk::default());
    let (mut test, failing) = keys::failing_gate(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    test.gate.propose(&agent(1), on_behalf(pay("r-1", "bot", 50), "alice")).await.unwrap();
    failing.fail(KeyVerb::Destroy, Fault::Before);
    let erase = || EraseRequest { user: "alice".to_owned() };
    assert_eq!(name(test.gate.erase_subject(&Caller::owner(), erase()).await), "unavailable");
    failing.mend();
    disk.full.store(true, Ordering::SeqCst);
    test.restart().await.unwrap();
    let last = records(&test).await.pop().unwrap();
    assert_eq!(last["type"], "subject.erased");
    assert_eq!(last["actor"]["type"], "system");
}

/// Who was erased before and comes back just then gets a key that the first look does not see: it goes, too, and is on record.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_meanwhile_goes_along() {
    let broken = Broken::gate().await;
    broken.erase().await.unwrap();
    let back = broken.test.gate.propose(&agent(1), on_behalf(pay("r-9", "bot", 50), "alice")).await.unwrap().action;
    let ids = broken.ids("alice");
    broken.keys.list_from_before(ids[1]);
    let erased = broken.erase().await.unwrap();
    assert_eq!(erased.closed_actions, [back]);
    assert!(ids.iter().all(|id| !broken.lives(*id)));
    let (first, both) = (vec![ids[0].to_string()], vec![ids[0].to_string(), ids[1].to_string()]);
    let requested = broken.listed("subject.erasure_requested").await;
    assert_eq!(requested, [first.clone(), first.clone(), both.clone()]);
    assert_eq!(broken.listed("subject.erased").await, [first, both]);
}
