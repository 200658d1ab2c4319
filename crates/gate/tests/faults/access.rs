//! Changes of keys and people that are cut off between `keys.db` and the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_evidence::record::{Isolation, KeyKind, Role};
use countersign_gate::Caller;
use countersign_gate::testing::{Setup, TestGate};
use countersign_journal::{ApiKey, Person};
use countersign_wire::{KeyCreatedView, KeyRequest, PersonRequest};
use uuid::Uuid;

use crate::disk::Disk;
use crate::{name, records};

async fn key(test: &TestGate) -> KeyCreatedView {
    let request = KeyRequest {
        kind: KeyKind::Agent,
        label: "ci".to_owned(),
        environments: Vec::new(),
        agents: Vec::new(),
        person: None,
    };
    test.gate.create_key(&Caller::owner(), request).await.unwrap()
}

/// How many records say that this key is revoked, and by whom the last one is.
async fn revocations(test: &TestGate, key: Uuid) -> (usize, Option<String>) {
    let all = records(test).await;
    let own = all.iter().filter(|one| one["type"] == "key.revoked" && one["body"]["key"] == key.to_string());
    let by: Vec<String> = own.map(|one| one["actor"]["type"].as_str().unwrap().to_owned()).collect();
    (by.len(), by.last().cloned())
}

fn grace(person: Option<Uuid>, groups: &[&str]) -> PersonRequest {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    PersonRequest { person, name: "Grace".to_owned(), user: None, groups, roles: None, until: None }
}

fn is_let_in(test: &TestGate, secret: &str) -> bool {
    test.gate.authenticate(secret, Isolation::Remote).is_ok()
}

#[tokio::test]
async fn a_key_that_is_revoked_and_not_recorded_is_out_of_use_and_is_recorded_at_the_next_start() {
    let disk = Arc::new(Disk::default());
    let mut test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let KeyCreatedView { key, secret } = key(&test).await;
    assert!(is_let_in(&test, &secret));
    disk.full.store(true, Ordering::SeqCst);
    assert_eq!(name(test.gate.revoke_key(&Caller::owner(), key).await), "disk_full");
    assert!(!is_let_in(&test, &secret), "it stops working whatever becomes of the record");
    // A start that still cannot record it lets nobody in either.
    test.restart().await.unwrap();
    assert!(!is_let_in(&test, &secret));
    assert_eq!(revocations(&test, key).await.0, 0);
    disk.full.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        test.restart().await.unwrap();
        assert_eq!(revocations(&test, key).await, (1, Some("system".to_owned())));
    }
    test.delete_index();
    test.restart().await.unwrap();
    assert_eq!(revocations(&test, key).await.0, 1);
}

#[tokio::test]
async fn revoking_again_records_what_could_not_be_recorded() {
    let disk = Arc::new(Disk::default());
    let test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let KeyCreatedView { key, .. } = key(&test).await;
    disk.full.store(true, Ordering::SeqCst);
    assert_eq!(name(test.gate.revoke_key(&Caller::owner(), key).await), "disk_full");
    disk.full.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(test.gate.revoke_key(&Caller::owner(), key).await.unwrap().revoked_at.is_some());
        assert_eq!(revocations(&test, key).await, (1, Some("operator".to_owned())));
    }
    assert_eq!(name(test.gate.revoke_key(&Caller::owner(), Uuid::from_u128(1)).await), "not_found");
}

/// `keys.db` may also be an older copy.
#[tokio::test]
async fn what_the_log_says_of_access_is_stored_at_start() {
    let mut test = TestGate::open(Setup::default()).await;
    let operator = Caller::owner();
    let person = test.gate.put_person(&operator, grace(None, &["finance", "legal"])).await.unwrap().person;
    test.gate.put_person(&operator, grace(Some(person), &["legal"])).await.unwrap();
    // As if it had died between record and store.
    test.credentials.set_access(person, &["finance".to_owned(), "legal".to_owned()], &[Role::Reviewer], None).unwrap();
    for _ in 0..2 {
        test.restart().await.unwrap();
        assert_eq!(test.gate.people(&operator).unwrap()[0].groups, ["legal"]);
        test.delete_index();
    }
    let before = records(&test).await.len();
    test.restart().await.unwrap();
    assert_eq!(records(&test).await.len(), before, "nothing of that is news");
}

/// One row that was changed is shown as lost: the others are listed, and it can be taken out of use.
#[tokio::test]
async fn a_label_or_a_name_that_does_not_open_is_in_nobodys_way() {
    let test = TestGate::open(Setup::default()).await;
    let (operator, id) = (Caller::owner(), Uuid::from_u128(0xdead));
    key(&test).await;
    test.gate.put_person(&operator, grace(None, &["finance"])).await.unwrap();
    let scope = r#"{"agents":[],"environments":[],"person":null}"#.to_owned();
    for (number, label) in [(0xdead_u128, Vec::new()), (0xdeaf, vec![7; 100])] {
        let (id, hash) = (Uuid::from_u128(number), [number.to_le_bytes()[0]; 32]);
        let row =
            ApiKey { id, kind: KeyKind::Agent, hash, scope: scope.clone(), label, created: i64::MAX, revoked: None };
        test.credentials.insert_api_key(&row).unwrap();
    }
    let row = Person {
        id,
        groups: vec!["legal".to_owned()],
        name: vec![7; 100],
        created: i64::MAX,
        revoked: None,
        roles: vec![Role::Reviewer],
        until: None,
    };
    test.credentials.insert_person(&row).unwrap();
    let labels: Vec<String> = test.gate.keys(&operator).unwrap().into_iter().map(|key| key.label).collect();
    assert_eq!(labels, ["ci", "(lost)", "(lost)"]);
    let names: Vec<String> = test.gate.people(&operator).unwrap().into_iter().map(|person| person.name).collect();
    assert_eq!(names, ["Grace", "(lost)"]);
    assert_eq!(test.gate.revoke_key(&operator, id).await.unwrap().label, "(lost)");
    assert_eq!(revocations(&test, id).await.0, 1);
}

async fn reviewers_key(test: &TestGate, person: Uuid) -> String {
    let request = KeyRequest {
        kind: KeyKind::Reviewer,
        label: "laptop".to_owned(),
        environments: Vec::new(),
        agents: Vec::new(),
        person: Some(person),
    };
    test.gate.create_key(&Caller::owner(), request).await.unwrap().secret
}

/// The groups that the last record about this person gives.
async fn on_record(test: &TestGate, person: Uuid) -> serde_json::Value {
    let all = records(test).await;
    let own = |one: &&serde_json::Value| one["type"] == "access.changed" && one["body"]["person"] == person.to_string();
    all.iter().rfind(own).unwrap()["body"]["groups"].clone()
}

#[tokio::test]
async fn a_group_that_is_taken_away_is_gone_whatever_becomes_of_the_rest_of_the_change() {
    let disk = Arc::new(Disk::default());
    let mut test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let operator = Caller::owner();
    let person = test.gate.put_person(&operator, grace(None, &["finance", "legal"])).await.unwrap().person;
    let secret = reviewers_key(&test, person).await;
    let groups = |test: &TestGate| test.gate.authenticate(&secret, Isolation::Remote).unwrap().person.unwrap().groups;
    assert_eq!(groups(&test), ["finance", "legal"]);
    disk.full.store(true, Ordering::SeqCst);
    assert_eq!(name(test.gate.put_person(&operator, grace(Some(person), &["legal"])).await), "disk_full");
    assert_eq!(groups(&test), ["legal"]);
    // What would be given is not there yet.
    assert_eq!(name(test.gate.put_person(&operator, grace(Some(person), &["finance"])).await), "disk_full");
    assert!(groups(&test).is_empty());
    disk.full.store(false, Ordering::SeqCst);
    test.gate.put_person(&operator, grace(Some(person), &["finance"])).await.unwrap();
    for _ in 0..2 {
        assert_eq!(groups(&test), ["finance"]);
        assert_eq!(on_record(&test, person).await, serde_json::json!(["finance"]));
        test.restart().await.unwrap();
    }
}
