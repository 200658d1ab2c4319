//! Accounts at an OpenID provider: whose they are, and which groups come with them.

use countersign_evidence::record::{Role, Strength};
use countersign_gate::testing::{Setup, TestGate};
use countersign_gate::{Caller, Managed, ProvedAccount};
use countersign_wire::{PersonRequest, PersonView};

use crate::{name, records};

fn account(subject: &str, email: Option<&str>, held: Option<&[&str]>) -> ProvedAccount {
    ProvedAccount {
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
        name: Some("Ida".to_owned()),
        email: email.map(str::to_owned),
        strength: Strength::Federated,
        groups: Managed {
            all: vec!["finance".to_owned()],
            held: held.map(|held| held.iter().map(|group| (*group).to_owned()).collect()),
        },
        adds_people: true,
    }
}

fn people(test: &TestGate) -> Vec<PersonView> {
    test.gate.people(&Caller::owner()).unwrap()
}

#[tokio::test]
async fn an_account_is_the_person_that_it_was_and_its_groups_follow() {
    let test = TestGate::open(Setup::default()).await;
    assert_eq!(name(test.gate.sign_in_by_account(account("1", None, Some(&["finance"]))).await.map(drop)), "forbidden");
    assert_eq!(name(test.gate.sign_in_by_account(account("1", Some("i@x"), Some(&[]))).await.map(drop)), "forbidden");
    assert!(people(&test).is_empty(), "nobody was added");
    test.gate.sign_in_by_account(account("1", Some("i@x"), Some(&["finance"]))).await.map(drop).unwrap();
    let added = people(&test).remove(0);
    assert_eq!(
        (added.groups.as_slice(), added.roles.as_slice()),
        (["finance".to_owned()].as_slice(), [Role::Reviewer].as_slice())
    );
    // Another address by now, or none: it is the same account.
    test.gate.sign_in_by_account(account("1", None, Some(&[]))).await.map(drop).unwrap();
    assert!(people(&test)[0].groups.is_empty(), "the provider has taken the group away");
    // A provider that says nothing of groups changes none.
    let again = PersonRequest {
        person: Some(added.person),
        name: added.name.clone(),
        user: None,
        groups: vec!["finance".to_owned()],
        roles: None,
        until: None,
    };
    test.gate.put_person(&Caller::owner(), again).await.unwrap();
    test.gate.sign_in_by_account(account("1", None, None)).await.map(drop).unwrap();
    assert_eq!(people(&test)[0].groups, ["finance"]);
    assert_eq!(people(&test).len(), 1);
    let log = records(&test).await;
    let changed = log.iter().filter(|record| record["type"] == "access.changed" && record["actor"]["id"] == "oidc");
    assert_eq!(changed.count(), 2, "added, and the group taken away: by the provider's word");
    assert!(log.iter().any(|record| record["type"] == "access.signed_in" && record["body"]["strength"] == "federated"));
}

#[tokio::test]
async fn who_has_no_access_any_more_does_not_come_in_by_an_account() {
    let test = TestGate::open(Setup::default()).await;
    test.gate.sign_in_by_account(account("1", Some("i@x"), Some(&["finance"]))).await.map(drop).unwrap();
    let person = people(&test)[0].person;
    test.gate.end_person(&Caller::owner(), person).await.unwrap();
    let again = ProvedAccount { adds_people: false, ..account("1", Some("i@x"), Some(&["finance"])) };
    assert_eq!(name(test.gate.sign_in_by_account(again).await.map(drop)), "forbidden");
}
