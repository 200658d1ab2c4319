//! Standing approvals: what they cover, what they never do, and what ends them.

use countersign_evidence::time::Clock;
use countersign_gate::testing::{
    ENTITIES, RULES, Setup, TestGate, agent, amount_of, gateway, on_behalf, pay, policy, reviewer, start,
};
use countersign_gate::{Caller, GateError};
use countersign_wire::{
    ActionView, ErasePersonRequest, EraseRequest, ImportPolicy, PersonRequest, ProposeRequest, StandingRequest,
    StandingView, StartNow, State,
};
use uuid::Uuid;

use crate::{kinds, name, records};

fn lenient() -> String {
    RULES.replace("@id(\"large\")", "@id(\"large\") @standing(\"1h\")")
}

async fn open() -> TestGate {
    let policy = policy(&[("rules.cedar", &lenient()), ("entities.json", ENTITIES)]);
    TestGate::open(Setup { policy, ..Setup::default() }).await
}

/// Somebody who is on record, as a caller.
async fn hire(test: &TestGate, n: u128, groups: &[&str], user: Option<&str>) -> Caller {
    let mut caller = reviewer(n, groups, user);
    let known = caller.person.as_mut().unwrap();
    let request = PersonRequest {
        person: None,
        name: known.name.clone(),
        user: user.map(str::to_owned),
        groups: known.groups.clone(),
        roles: None,
        until: None,
    };
    known.id = test.gate.put_person(&Caller::owner(), request).await.unwrap().person;
    caller
}

async fn propose(test: &TestGate, request_id: &str, amount: i64) -> ActionView {
    test.gate.propose(&agent(1), pay(request_id, "bot", amount)).await.unwrap()
}

/// Grants what covers the like of this action, after a look at it.
async fn grant(test: &TestGate, by: &Caller, action: Uuid, lasts_s: i64) -> Result<StandingView, GateError> {
    let shown = test.gate.present(by, action).await?;
    let request = StandingRequest {
        action,
        payload_digest: shown.review.payload_digest,
        any_payload: false,
        uses: 2,
        until: test.clock.now().plus_seconds(lasts_s),
        reason: "the same every hour".to_owned(),
    };
    test.gate.grant_standing(by, request).await
}

/// Two of finance grant what covers the like of a payment of 200.
async fn granted(test: &TestGate) -> [Caller; 2] {
    let two = [hire(test, 1, &["finance"], None).await, hire(test, 2, &["finance"], Some("grace")).await];
    let example = propose(test, "example", 200).await.action;
    for one in &two {
        grant(test, one, example, 1_800).await.unwrap();
    }
    two
}

#[tokio::test]
async fn the_same_again_goes_ahead_so_often_and_not_once_more() {
    let mut test = open().await;
    granted(&test).await;
    let first = propose(&test, "1", 200).await;
    assert_eq!(first.state, State::Authorized);
    let told =
        ["action.proposed", "action.decided", "review.standing_used", "review.standing_used", "action.authorized"];
    assert_eq!(kinds(&test, first.action).await, told);
    let by = records(&test).await.into_iter().rfind(|record| record["type"] == "action.authorized").unwrap();
    assert_eq!(by["body"]["by"], "standing");
    let story = test.gate.story(&Caller::owner(), first.action).await.unwrap();
    assert!(story.answers[2].sentence.ends_with("Nobody looked at this one."), "{}", story.answers[2].sentence);
    assert_eq!(propose(&test, "other", 201).await.state, State::Waiting, "another payload");
    assert_eq!(
        test.gate.propose(&agent(1), pay("b", "bot2", 200)).await.unwrap().state,
        State::Waiting,
        "another agent"
    );
    test.delete_index();
    test.restart().await.unwrap();
    assert_eq!(propose(&test, "2", 200).await.state, State::Authorized, "the second of two uses");
    assert_eq!(propose(&test, "3", 200).await.state, State::Waiting, "used up");
    test.restart().await.unwrap();
    assert_eq!(propose(&test, "4", 200).await.state, State::Waiting, "and it stays so");
    let listed = test.gate.standing(&Caller::owner()).unwrap();
    assert!(listed.iter().all(|one| one.used == 2 && !one.in_force && one.reason.is_some()), "{listed:?}");
}

#[tokio::test]
async fn a_start_that_comes_with_the_proposal_begins() {
    let test = open().await;
    granted(&test).await;
    let mut request = pay("now", "bot", 200);
    request.start_if_allowed =
        Some(countersign_wire::StartNow { attempt: "a".to_owned(), executor: None, deadline_s: None });
    assert_eq!(test.gate.propose(&gateway(1), request).await.unwrap().state, State::Executing);
}

#[tokio::test]
async fn it_fills_the_seat_of_one_person_alone() {
    let test = open().await;
    let one = hire(&test, 1, &["finance"], None).await;
    let example = propose(&test, "example", 200).await.action;
    grant(&test, &one, example, 1_800).await.unwrap();
    assert_eq!(name(test.approve(&hire(&test, 3, &["legal"], None).await, example).await), "not_a_reviewer");
    let waiting = propose(&test, "1", 200).await;
    assert_eq!(waiting.state, State::Waiting, "the rule asks for two");
    // Who looks at it after all fills the seat by looking; nobody fills two.
    let pending = test.gate.reviews(&one).unwrap();
    let pending = pending.iter().find(|review| review.action == waiting.action).unwrap();
    assert_eq!(pending.requirements[0].approvals.len(), 1);
    assert!(pending.requirements[0].approvals[0].standing.is_some());
    assert_eq!(test.approve(&one, waiting.action).await.unwrap().state, State::Waiting);
    assert_eq!(name(test.approve(&one, waiting.action).await), "not_a_reviewer");
    let done = test.approve(&hire(&test, 2, &["finance"], None).await, waiting.action).await.unwrap();
    assert_eq!(done.state, State::Authorized);
    let by = records(&test).await.into_iter().rfind(|record| record["type"] == "action.authorized").unwrap();
    assert_eq!(by["body"]["by"], "review");
    test.gate.start(&agent(1), waiting.action, start("a", amount_of(200))).await.unwrap();
}

#[tokio::test]
async fn nobody_covers_what_it_may_not_decide() {
    let test = open().await;
    let [one, grace] = granted(&test).await;
    // Grace's own request: one seat is filled, hers is not.
    let own = test.gate.propose(&agent(1), on_behalf(pay("own", "bot", 200), "grace")).await.unwrap();
    assert_eq!(own.state, State::Waiting);
    assert_eq!(kinds(&test, own.action).await.iter().filter(|kind| *kind == "review.standing_used").count(), 0);
    assert_eq!(name(grant(&test, &grace, own.action, 60).await), "not_a_reviewer");
    // 600 needs legal as well, whose rule takes nothing in advance.
    let legal = hire(&test, 5, &["legal"], None).await;
    let huge = propose(&test, "huge", 600).await.action;
    assert_eq!(name(grant(&test, &legal, huge, 60).await), "invalid");
    let other = propose(&test, "300", 300).await.action;
    assert_eq!(name(grant(&test, &one, other, 7_200).await), "invalid", "longer than the rule lets it");
    assert_eq!(name(grant(&test, &one, other, -1).await), "invalid", "it ended");
    let unseen = StandingRequest {
        action: other,
        payload_digest: test.gate.reviews(&one).unwrap().iter().find(|one| one.action == other).unwrap().payload_digest,
        any_payload: true,
        uses: 1,
        until: test.clock.now().plus_seconds(60),
        reason: "so".to_owned(),
    };
    assert_eq!(test.gate.grant_standing(&one, unseen.clone()).await.unwrap().uses, 1, "it looked before");
    let stranger = hire(&test, 6, &["finance"], None).await;
    assert_eq!(name(test.gate.grant_standing(&stranger, unseen.clone()).await), "invalid", "it did not look");
    let wordless = StandingRequest { reason: " ".to_owned(), ..unseen.clone() };
    assert_eq!(name(test.gate.grant_standing(&one, wordless).await), "invalid");
    for uses in [0, 1_001] {
        let request = StandingRequest { uses, ..unseen.clone() };
        assert_eq!(name(test.gate.grant_standing(&one, request).await), "invalid");
    }
    assert_eq!(name(test.gate.grant_standing(&agent(1), unseen).await), "not_a_reviewer");
    // Any payload of the agent's: but Grace's own request she still does not cover.
    let shown = test.gate.present(&one, own.action).await.unwrap();
    let any = StandingRequest {
        action: own.action,
        payload_digest: shown.review.payload_digest,
        any_payload: true,
        uses: 5,
        until: test.clock.now().plus_seconds(60),
        reason: "so".to_owned(),
    };
    test.gate.grant_standing(&one, any).await.unwrap();
    let other = propose(&test, "250", 250).await.action;
    let shown = test.gate.present(&grace, other).await.unwrap();
    let any = StandingRequest {
        action: other,
        payload_digest: shown.review.payload_digest,
        any_payload: true,
        uses: 5,
        until: test.clock.now().plus_seconds(60),
        reason: "so".to_owned(),
    };
    test.gate.grant_standing(&grace, any).await.unwrap();
    assert_eq!(propose(&test, "260", 260).await.state, State::Authorized, "both cover it");
    let own = test.gate.propose(&agent(1), on_behalf(pay("own2", "bot", 270), "grace")).await.unwrap();
    assert_eq!(own.state, State::Waiting);
    assert_eq!(kinds(&test, own.action).await.iter().filter(|kind| *kind == "review.standing_used").count(), 1);
}

/// What is left of both after this happened; a payment of 200 waits then.
async fn ends(what: &str, happens: impl AsyncFnOnce(&mut TestGate, &[Caller; 2], Uuid)) {
    let mut test = open().await;
    let two = granted(&test).await;
    assert_eq!(propose(&test, "before", 200).await.state, State::Authorized);
    let standing = test.gate.standing(&two[0]).unwrap();
    let own = standing.iter().find(|one| one.name == "Reviewer 1").unwrap().standing;
    happens(&mut test, &two, own).await;
    assert_eq!(propose(&test, "after", 200).await.state, State::Waiting, "{what}");
    test.restart().await.unwrap();
    assert_eq!(propose(&test, "later", 200).await.state, State::Waiting, "{what}, after a restart");
}

#[tokio::test]
async fn many_things_end_it() {
    ends("revoked", async |test, [one, other], own| {
        assert_eq!(name(test.gate.revoke_standing(other, own).await), "forbidden");
        test.gate.revoke_standing(one, own).await.unwrap();
        assert_eq!(name(test.gate.revoke_standing(&Caller::owner(), own).await), "not_found");
    })
    .await;
    ends("its time is over", async |test, _, _| test.clock.advance(1_800)).await;
    ends("the person has left", async |test, [one, _], _| {
        test.gate.end_person(&Caller::owner(), one.person.as_ref().unwrap().id).await.unwrap();
    })
    .await;
    ends("the person has another task", async |test, [one, _], _| {
        let person = one.person.as_ref().unwrap();
        let request = PersonRequest {
            person: Some(person.id),
            name: person.name.clone(),
            user: None,
            groups: vec!["legal".to_owned()],
            roles: None,
            until: None,
        };
        test.gate.put_person(&Caller::owner(), request).await.unwrap();
    })
    .await;
    ends("the person was erased", async |test, [one, _], _| {
        let person = one.person.as_ref().unwrap().id;
        test.gate.erase_person(&Caller::owner(), ErasePersonRequest { person }).await.unwrap();
    })
    .await;
    ends("policy takes none any more", async |test, _, _| {
        let files = policy(&[("rules.cedar", RULES), ("entities.json", ENTITIES)]);
        test.gate.activate_policy(&Caller::owner(), ImportPolicy { files }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_tells_the_payload_goes_with_its_subject() {
    let mut test = open().await;
    let two = [hire(&test, 1, &["finance"], None).await, hire(&test, 2, &["finance"], None).await];
    let ours = |request_id: &str| on_behalf(pay(request_id, "bot", 200), "ada");
    let example = test.gate.propose(&agent(1), ours("example")).await.unwrap().action;
    for one in &two {
        grant(&test, one, example, 1_800).await.unwrap();
    }
    assert_eq!(test.gate.propose(&agent(1), ours("1")).await.unwrap().state, State::Authorized);
    assert_eq!(propose(&test, "nobody's", 200).await.state, State::Waiting, "on nobody's behalf it is another action");
    test.gate.erase_subject(&Caller::owner(), EraseRequest { user: "ada".to_owned() }).await.unwrap();
    assert_eq!(test.gate.propose(&agent(1), ours("2")).await.unwrap().state, State::Waiting, "at once");
    test.restart().await.unwrap();
    assert_eq!(test.gate.propose(&agent(1), ours("3")).await.unwrap().state, State::Waiting);
    assert_eq!(test.gate.standing(&two[0]).unwrap().len(), 2, "they are listed still");
    let person = two[0].person.as_ref().unwrap().id;
    test.gate.erase_person(&Caller::owner(), ErasePersonRequest { person }).await.unwrap();
    let listed = test.gate.standing(&two[1]).unwrap();
    assert!(listed.iter().any(|one| one.reason.is_none() && one.name == person.to_string()), "{listed:?}");
}

#[tokio::test]
async fn what_is_of_high_risk_is_looked_at_each_time() {
    let test = open().await;
    let [one, _] = granted(&test).await;
    let points = "@id(\"money\") @risk(\"70\") permit (principal, action == Action::\"payment\", resource);";
    let files = policy(&[("rules.cedar", &lenient()), ("entities.json", ENTITIES), ("risk/points.cedar", points)]);
    test.gate.activate_policy(&Caller::owner(), ImportPolicy { files }).await.unwrap();
    let waiting = propose(&test, "1", 200).await;
    assert_eq!((waiting.state, waiting.risk), (State::Waiting, 70));
    assert_eq!(name(grant(&test, &one, waiting.action, 60).await), "invalid");
}

#[tokio::test]
async fn a_new_policy_takes_back_what_was_approved_in_advance() {
    let test = open().await;
    granted(&test).await;
    let authorized = propose(&test, "1", 200).await;
    assert_eq!(authorized.state, State::Authorized);
    let files = policy(&[("rules.cedar", RULES), ("entities.json", ENTITIES)]);
    test.gate.activate_policy(&Caller::owner(), ImportPolicy { files }).await.unwrap();
    let refused = test.gate.start(&agent(1), authorized.action, start("a", amount_of(200))).await;
    assert_eq!(name(refused), "unauthorized");
    assert_eq!(test.gate.action(&agent(1), authorized.action, 0).await.unwrap().state, State::Waiting);
}

#[tokio::test]
async fn an_evaluation_uses_it_up_only_where_it_is_enough() {
    let test = open().await;
    let two = [hire(&test, 1, &["finance"], None).await, hire(&test, 2, &["finance"], None).await];
    let waiting = propose(&test, "shown", 200).await.action;
    let start = StartNow { attempt: "pep".to_owned(), executor: None, deadline_s: None };
    let question = || ProposeRequest { start_if_allowed: Some(start.clone()), ..pay("", "bot", 200) };
    let used = || test.gate.standing(&Caller::owner()).unwrap().iter().map(|one| one.used).sum::<u32>();
    grant(&test, &two[0], waiting, 3_600).await.unwrap();
    let view = test.gate.evaluate(&agent(1), question()).await.unwrap().view;
    assert_eq!((view.state, used()), (State::Closed, 0), "one of two seats is not enough");
    assert_eq!(kinds(&test, view.action).await, ["action.proposed", "action.decided", "review.cancelled"]);
    grant(&test, &two[1], waiting, 3_600).await.unwrap();
    let view = test.gate.evaluate(&agent(1), question()).await.unwrap().view;
    assert_eq!((view.state, used()), (State::Executing, 2));
}
