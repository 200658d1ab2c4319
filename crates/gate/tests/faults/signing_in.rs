//! People who sign in: every change on record, nobody locked out for good, nobody more than the log says.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_evidence::record::{CredentialKind, Isolation, Role, Strength};
use countersign_evidence::time::Clock;
use countersign_gate::testing::{Setup, TestGate};
use countersign_gate::{Caller, GateError, NewCredential};
use countersign_wire::{DelegationRequest, PersonRequest};
use uuid::Uuid;

use crate::disk::Disk;

fn somebody(name: &str, roles: &[Role]) -> PersonRequest {
    let (name, user) = (name.to_owned(), Some(format!("{}@example.org", name.to_lowercase())));
    PersonRequest { person: None, name, user, groups: Vec::new(), roles: Some(roles.to_vec()), until: None }
}

async fn hired(test: &TestGate, name: &str, roles: &[Role]) -> Uuid {
    test.gate.put_person(&Caller::owner(), somebody(name, roles)).await.unwrap().person
}

async fn signed_in(test: &TestGate, person: Uuid) -> String {
    test.gate.sign_in(person, CredentialKind::Password, Strength::SingleFactor).await.unwrap().token
}

fn token_of(link: &str) -> String {
    link.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_is_invited_until_there_is_one() {
    let mut test = TestGate::open(Setup::default()).await;
    let first = test.gate.invite_first_admin().await.unwrap().unwrap();
    let again = test.gate.invite_first_admin().await.unwrap().unwrap();
    assert_eq!(first.person, again.person, "one person, another link");
    assert!(test.gate.invited(&token_of(&first.link)).is_err(), "the earlier link has ended");
    let token = token_of(&again.link);
    assert_eq!(test.gate.invited(&token).unwrap().roles, [Role::Admin, Role::Operator, Role::Reviewer]);
    assert!(test.gate.use_invitation(&token).unwrap() && !test.gate.use_invitation(&token).unwrap());
    let password = NewCredential::Password("$argon2id$…".to_owned());
    test.gate.add_credential(again.person, password, "password").await.unwrap();
    test.restart().await.unwrap();
    assert_eq!(test.gate.invite_first_admin().await.unwrap().map(|invited| invited.link), None);
    let late = test.gate.invite(&Caller::owner(), again.person).await.unwrap();
    test.clock.advance(25 * 3_600);
    assert!(test.gate.invited(&token_of(&late.link)).is_err(), "it holds for a day");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays() {
    let test = TestGate::open(Setup::default()).await;
    let owner = Caller::owner();
    let ada = hired(&test, "Ada", &[Role::Admin]).await;
    let refused =
        |answer: Result<(), GateError>| matches!(answer, Err(GateError::Invalid(why)) if why.contains("last admin"));
    assert!(refused(test.gate.end_person(&owner, ada).await));
    let demoted = PersonRequest { person: Some(ada), ..somebody("Ada", &[Role::Reviewer]) };
    assert!(refused(test.gate.put_person(&owner, demoted.clone()).await.map(drop)));
    let timed = PersonRequest { until: Some(test.clock.now().plus_seconds(60)), ..somebody("Ada", &[Role::Admin]) };
    assert!(refused(test.gate.put_person(&owner, PersonRequest { person: Some(ada), ..timed }).await.map(drop)));
    hired(&test, "Bea", &[Role::Admin]).await;
    test.gate.put_person(&owner, demoted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_a_restart_and_end_with_the_access() {
    let mut test = TestGate::open(Setup::default()).await;
    let ada = hired(&test, "Ada", &[Role::Reviewer]).await;
    let token = signed_in(&test, ada).await;
    test.restart().await.unwrap();
    let caller = test.gate.session(&token, Isolation::Remote).unwrap();
    assert_eq!((caller.method, caller.strength), ("password", Strength::SingleFactor));
    assert!(caller.has(Role::Reviewer) && !caller.has(Role::Operator) && caller.is_session());
    let until = test.clock.now().plus_seconds(60);
    let timed = PersonRequest { person: Some(ada), until: Some(until), ..somebody("Ada", &[Role::Reviewer]) };
    test.gate.put_person(&Caller::owner(), timed).await.unwrap();
    test.gate.session(&token, Isolation::Remote).unwrap();
    test.clock.advance(61);
    assert_eq!(test.gate.session(&token, Isolation::Remote), Err(GateError::Unauthenticated));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_is_another_token_of_the_same_session() {
    let test = TestGate::open(Setup::default()).await;
    let ada = hired(&test, "Ada", &[Role::Reviewer]).await;
    let token = signed_in(&test, ada).await;
    let caller = test.gate.session(&token, Isolation::Remote).unwrap();
    let stronger = test.gate.step_up(&caller, CredentialKind::Passkey, Strength::MultiFactor).await.unwrap();
    assert_eq!(test.gate.session(&token, Isolation::Remote), Err(GateError::Unauthenticated), "the old token is over");
    let now = test.gate.session(&stronger.token, Isolation::Remote).unwrap();
    assert_eq!((now.key, now.strength), (caller.key, Strength::MultiFactor));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_that_could_not_be_recorded() {
    let disk = Arc::new(Disk::default());
    let mut test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let ada = hired(&test, "Ada", &[Role::Reviewer]).await;
    disk.full.store(true, Ordering::SeqCst);
    assert!(test.gate.sign_in(ada, CredentialKind::Password, Strength::SingleFactor).await.is_err());
    let password = || NewCredential::Password("x".to_owned());
    assert!(test.gate.add_credential(ada, password(), "password").await.is_err());
    let more = PersonRequest { person: Some(ada), ..somebody("Ada", &[Role::Reviewer, Role::Operator]) };
    assert!(test.gate.put_person(&Caller::owner(), more).await.is_err());
    disk.full.store(false, Ordering::SeqCst);
    test.restart().await.unwrap();
    assert_eq!(test.gate.sessions(&Caller::owner()).unwrap(), []);
    assert_eq!(test.gate.account("ada@example.org").unwrap().unwrap().password, None);
    let people = test.gate.people(&Caller::owner()).unwrap();
    assert_eq!(people[0].roles, [Role::Reviewer]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_is_gone_though_it_could_not_be_recorded_and_the_log_decides_at_the_next_start() {
    let disk = Arc::new(Disk::default());
    let mut test = TestGate::open(Setup { wrap: disk.wrap(), ..Setup::default() }).await;
    let ada = hired(&test, "Ada", &[Role::Reviewer, Role::Operator]).await;
    let token = signed_in(&test, ada).await;
    disk.full.store(true, Ordering::SeqCst);
    let less = PersonRequest { person: Some(ada), ..somebody("Ada", &[Role::Reviewer]) };
    assert!(test.gate.put_person(&Caller::owner(), less).await.is_err());
    assert!(!test.gate.session(&token, Isolation::Remote).unwrap().has(Role::Operator));
    disk.full.store(false, Ordering::SeqCst);
    test.restart().await.unwrap();
    // The log never took it away: it is the truth about roles.
    assert!(test.gate.session(&token, Isolation::Remote).unwrap().has(Role::Operator));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_often_waits_and_that_is_on_record() {
    let test = TestGate::open(Setup::default()).await;
    let ada = hired(&test, "Ada", &[Role::Reviewer]).await;
    let before = test.gate.durable();
    for _ in 0..4 {
        test.gate.may_try("ADA@example.org", "192.0.2.1").unwrap();
        test.gate.tried(" ada@example.org", "192.0.2.1", Some(ada), false).await.unwrap();
    }
    assert_eq!(test.gate.durable(), before);
    test.gate.tried("ada@example.org", "192.0.2.1", Some(ada), false).await.unwrap();
    assert_eq!(test.gate.durable(), before + 1, "access.locked");
    assert!(matches!(test.gate.may_try("ada@example.org", "198.51.100.7"), Err(GateError::TooMany(_))));
    assert!(matches!(test.gate.may_try("somebody else", "192.0.2.1"), Err(GateError::TooMany(_))));
    test.gate.may_try("somebody else", "198.51.100.7").unwrap();
    // Nobody is kept out of a passkey by somebody who guesses passwords.
    test.gate.sign_in(ada, CredentialKind::Passkey, Strength::MultiFactor).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegation_lends_what_one_has_and_nothing_that_was_lent() {
    let test = TestGate::open(Setup::default()).await;
    let owner = Caller::owner();
    let mut people = Vec::new();
    for name in ["Ada", "Bea", "Cyd"] {
        people.push(hired(&test, name, &[Role::Reviewer]).await);
    }
    let until = test.clock.now().plus_seconds(3_600);
    let lend =
        |from, to| DelegationRequest { from: Some(from), to, since: None, until, reason: Some("away".to_owned()) };
    test.gate.delegate(&owner, lend(people[0], people[1])).await.unwrap();
    let second = test.gate.delegate(&owner, lend(people[1], people[2])).await.unwrap();
    let own = test.gate.delegate(&owner, lend(people[0], people[0])).await;
    assert!(matches!(own, Err(GateError::Invalid(_))));
    let token = signed_in(&test, people[2]).await;
    let stands_in = |token: &str| -> Vec<Uuid> {
        let caller = test.gate.session(token, Isolation::Remote).unwrap();
        caller.person.unwrap().stands_in(test.clock.now()).map(|absent| absent.person).collect()
    };
    assert_eq!(stands_in(&token), [people[1]], "one step, no chain");
    let caller = test.gate.session(&token, Isolation::Remote).unwrap();
    assert!(matches!(test.gate.end_delegation(&caller, second.delegation).await, Err(GateError::NotFound(_))));
    test.gate.end_delegation(&owner, second.delegation).await.unwrap();
    assert_eq!(stands_in(&token), [] as [Uuid; 0]);
    let token = signed_in(&test, people[1]).await;
    assert_eq!(stands_in(&token), [people[0]]);
    test.clock.advance(3_601);
    assert_eq!(stands_in(&token), [] as [Uuid; 0], "its time is up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_can_change_and_two_people_never_have_one_identity() {
    let mut test = TestGate::open(Setup::default()).await;
    let owner = Caller::owner();
    let ada = hired(&test, "Ada", &[Role::Reviewer]).await;
    let bea = hired(&test, "Bea", &[Role::Reviewer]).await;
    let renamed =
        PersonRequest { person: Some(ada), name: "Ada of Finance".to_owned(), user: None, ..somebody("Ada", &[]) };
    test.gate.put_person(&owner, PersonRequest { roles: None, ..renamed }).await.unwrap();
    test.restart().await.unwrap();
    let account = test.gate.account("ada@example.org").unwrap().unwrap();
    assert_eq!((account.person, account.name.as_str()), (ada, "Ada of Finance"));
    let taken = PersonRequest {
        person: Some(bea),
        user: Some("ADA@example.org".to_owned()),
        ..somebody("Bea", &[Role::Reviewer])
    };
    assert!(matches!(test.gate.put_person(&owner, taken).await, Err(GateError::Invalid(_))));
    assert!(matches!(test.gate.put_person(&owner, somebody("Ada", &[])).await, Err(GateError::Invalid(_))));
}
