//! Erasing a reviewer: the access goes at once, the name goes from every place, the decisions stay.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_evidence::open::KeyState;
use countersign_evidence::record::{Isolation, KeyKind, Verdict};
use countersign_evidence::vault;
use countersign_gate::testing::{Setup, TestGate, agent, pay, reviewer};
use countersign_gate::{Caller, GateError};
use countersign_journal::KeyId;
use countersign_journal::faulty::Fault;
use countersign_journal::faulty_keys::KeyVerb;
use countersign_wire::{DecideRequest, ErasePersonRequest, KeyRequest, PersonRequest, ProposeRequest, State};
use uuid::Uuid;

use crate::disk::Disk;
use crate::{keys, name, records};

const NAME: &str = "Wilhelmina Quibble";
const REASON: &str = "Reasonflora, of course";

fn added(person: Option<Uuid>) -> PersonRequest {
    let groups = vec!["finance".to_owned()];
    PersonRequest {
        person,
        name: NAME.to_owned(),
        user: Some("wilhelmina@example.test".to_owned()),
        groups,
        roles: None,
        until: None,
    }
}

fn laptop(person: Uuid) -> KeyRequest {
    KeyRequest {
        kind: KeyKind::Reviewer,
        label: format!("{NAME}'s laptop"),
        environments: Vec::new(),
        agents: Vec::new(),
        person: Some(person),
    }
}

/// A reviewer with a key: her id, the key's secret and who it stands for.
async fn hired(test: &TestGate) -> (Uuid, String, Caller) {
    let owner = Caller::owner();
    let person = test.gate.put_person(&owner, added(None)).await.unwrap().person;
    test.gate.put_person(&owner, added(Some(person))).await.unwrap();
    let secret = test.gate.create_key(&owner, laptop(person)).await.unwrap().secret;
    let caller = test.gate.authenticate(&secret, Isolation::Remote).unwrap();
    assert_eq!(caller.person.as_ref().unwrap().name, NAME);
    (person, secret, caller)
}

async fn approve(test: &TestGate, by: &Caller, action: Uuid) -> Result<State, countersign_gate::GateError> {
    let waits = test.gate.reviews(by)?.into_iter().find(|review| review.action == action).unwrap();
    let approval =
        DecideRequest { reason: Some(REASON.to_owned()), ..DecideRequest::new(Verdict::Approve, waits.payload_digest) };
    test.gate.decide(by, action, approval).await.map(|view| view.state)
}

/// The keys that wrap what records with her name seal.
async fn wrapping(test: &TestGate) -> Vec<Uuid> {
    let size = test.log_texts().await.len() as u64;
    let entries = test.reader().read_range(0, size).await.unwrap();
    let named = entries.iter().filter(|entry| {
        let text = String::from_utf8_lossy(&entry.envelope);
        text.contains("\"name\":\"") && text.contains("\"access.changed\"")
            || text.contains("\"review.decided\"")
            || text.contains("\"key.created\"")
    });
    let sections = named.flat_map(|entry| vault::sections(&entry.vault).unwrap());
    sections.filter_map(|section| section.wrapped.map(|(id, _)| id)).collect()
}

/// What she told the agent's side goes with her, also where nobody has heard it yet.
#[tokio::test]
async fn the_reason_of_a_denial_goes_too() {
    let test = TestGate::open(Setup::default()).await;
    let (person, _, caller) = hired(&test).await;
    let action = test.gate.propose(&agent(1), pay("r-1", "bot", 200)).await.unwrap().action;
    let shown = test.gate.present(&caller, action).await.unwrap();
    let no = DecideRequest {
        reason: Some(REASON.to_owned()),
        ..DecideRequest::new(Verdict::Deny, shown.review.payload_digest)
    };
    let denied = test.gate.decide(&caller, action, no).await.unwrap();
    assert!(denied.message.contains(REASON), "{}", denied.message);
    let owner = Caller::owner();
    test.gate.erase_person(&owner, ErasePersonRequest { person }).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            test.gate.action(&owner, action, 0).await.unwrap().message,
            "A reviewer denied this. Do not try it again."
        );
        test.index_all().await;
    }
    let again = ProposeRequest { redeem: true, ..pay("r-2", "bot", 200) };
    let told = test.gate.propose(&agent(1), again).await.unwrap();
    assert_eq!((told.action, told.message.contains(REASON)), (action, false), "{}", told.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_goes_and_the_decisions_stay() {
    let mut test = TestGate::open(Setup::default()).await;
    let owner = Caller::owner();
    let (person, secret, caller) = hired(&test).await;
    let first = test.gate.propose(&agent(1), pay("r-1", "bot", 200)).await.unwrap().action;
    let second = test.gate.propose(&agent(1), pay("r-2", "bot", 200)).await.unwrap().action;
    assert_eq!(approve(&test, &caller, first).await.unwrap(), State::Waiting);
    let wrapped = wrapping(&test).await;
    assert_eq!(wrapped.len(), 4, "added, changed, given a key, decided");
    let erased = test.gate.erase_person(&owner, ErasePersonRequest { person }).await.unwrap();
    assert!(erased.purged && erased.closed_actions.is_empty());
    // Everything that names her lay under her key.
    assert!(wrapped.iter().all(|id| erased.keys.contains(id)), "{wrapped:?} {:?}", erased.keys);
    assert!(erased.keys.iter().all(|id| matches!(test.keys.open(KeyId(*id)).unwrap(), KeyState::Destroyed)));
    // She gets in no more, and what is under way comes too late.
    assert_eq!(name(test.gate.authenticate(&secret, Isolation::Remote)), "unauthenticated");
    assert_eq!(name(approve(&test, &caller, second).await), "not_a_reviewer");
    assert_eq!(name(test.gate.put_person(&owner, added(Some(person))).await), "not_found");
    let kinds: Vec<String> =
        records(&test).await.iter().map(|record| record["type"].as_str().unwrap().to_owned()).collect();
    let last: Vec<&str> = kinds.iter().rev().take(4).rev().map(String::as_str).collect();
    assert_eq!(last, ["key.revoked", "access.changed", "subject.erasure_requested", "subject.erased"]);
    for _ in 0..2 {
        assert!(test.gate.people(&owner).unwrap().is_empty());
        assert_eq!(test.gate.keys(&owner).unwrap()[0].label, "(erased)");
        let auditor = Caller { isolation: Isolation::Remote, ..Caller::owner() };
        let story = format!("{:?}", test.gate.story(&auditor, first).await.unwrap());
        assert!(story.contains(&person.to_string()), "her decision is there");
        assert!(!story.contains(NAME) && !story.contains(REASON), "{story}");
        test.restart().await.unwrap();
    }
    // Her seat counts: one more is enough.
    assert_eq!(approve(&test, &reviewer(1, &["finance"], None), first).await.unwrap(), State::Authorized);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_it_is_completed_by_the_next_start() {
    let (mut test, failing) = keys::failing_gate(Setup::default()).await;
    let owner = Caller::owner();
    let (person, secret, _) = hired(&test).await;
    failing.fail(KeyVerb::Destroy, Fault::Before);
    assert_eq!(name(test.gate.erase_person(&owner, ErasePersonRequest { person }).await), "unavailable");
    assert_eq!(name(test.gate.authenticate(&secret, Isolation::Remote)), "unauthenticated");
    failing.mend();
    test.restart().await.unwrap();
    assert_eq!(records(&test).await.pop().unwrap()["type"], "subject.erased");
    assert!(test.gate.people(&owner).unwrap().is_empty());
    assert_eq!(name(test.gate.authenticate(&secret, Isolation::Remote)), "unauthenticated");
}

/// Whatever comes in beside an erasure comes before it or is refused: it gives nothing to whom nobody is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_beside_the_erasure_is_taken_by_it() {
    let disk = Arc::new(Disk::default());
    let test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let owner = Caller::owner();
    for gives_key in [true, false] {
        let person = test.gate.put_person(&owner, added(None)).await.unwrap().person;
        disk.hold();
        let (gate, by) = (test.gate.clone(), owner.clone());
        let giving = tokio::spawn(async move {
            match gives_key {
                true => gate.create_key(&by, laptop(person)).await.map(drop),
                false => gate.put_person(&by, added(Some(person))).await.map(drop),
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (gate, by) = (test.gate.clone(), owner.clone());
        let erasing = tokio::spawn(async move { gate.erase_person(&by, ErasePersonRequest { person }).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        disk.release();
        let given = giving.await.unwrap();
        assert!(matches!(given, Ok(()) | Err(GateError::NotFound(_))), "{given:?}");
        erasing.await.unwrap().unwrap();
        check_nothing_is_left(&test, person).await;
    }
}

/// The store and the log say that this person has nothing, in this order.
async fn check_nothing_is_left(test: &TestGate, person: Uuid) {
    assert!(test.credentials.find_person(person).unwrap().unwrap().groups.is_empty());
    assert!(test.gate.keys(&Caller::owner()).unwrap().iter().all(|key| key.revoked_at.is_some()));
    let all = records(test).await;
    let about = |kind: &str| {
        let of = all.iter().enumerate().filter(|(_, one)| one["type"] == kind);
        of.filter(|(_, one)| one["body"]["person"] == person.to_string()).collect::<Vec<_>>()
    };
    let (left, last) = about("access.changed").pop().unwrap();
    assert_eq!(last["body"]["groups"], serde_json::json!([]));
    for (created, record) in about("key.created") {
        let key = &record["body"]["key"];
        let revoked = all.iter().rposition(|one| one["type"] == "key.revoked" && one["body"]["key"] == *key);
        assert!(created < revoked.unwrap() && revoked.unwrap() < left, "{all:#?}");
    }
}

/// The process dies when her access is gone and nothing of that is on record.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_access_any_more_has_no_groups_on_record() {
    let disk = Arc::new(Disk::default());
    let mut test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let owner = Caller::owner();
    let (person, secret, _) = hired(&test).await;
    test.credentials.revoke_person(person, 1).unwrap();
    // A start that cannot record it lets her in no more either.
    disk.full.store(true, Ordering::SeqCst);
    test.restart().await.unwrap();
    assert_eq!(name(test.gate.authenticate(&secret, Isolation::Remote)), "unauthenticated");
    assert!(test.credentials.find_person(person).unwrap().unwrap().groups.is_empty());
    disk.full.store(false, Ordering::SeqCst);
    test.restart().await.unwrap();
    let all = records(&test).await;
    let last = all.last().unwrap();
    assert_eq!((&last["type"], &last["actor"]["type"]), (&"access.changed".into(), &"system".into()));
    assert_eq!(last["body"], serde_json::json!({"person": person.to_string(), "groups": [], "roles": []}));
    test.restart().await.unwrap();
    assert_eq!(records(&test).await.len(), all.len(), "that is on record once");
    // Asked for again, the erasure takes what is left.
    test.gate.erase_person(&owner, ErasePersonRequest { person }).await.unwrap();
    check_nothing_is_left(&test, person).await;
}
