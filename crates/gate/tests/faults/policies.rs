//! Another policy comes into force between authorization and start.

use countersign_gate::Caller;
use countersign_gate::testing::{ENTITIES, RULES, Setup, TestGate, agent, amount_of, pay, policy, reviewer, start};
use countersign_wire::{ImportPolicy, State};

use crate::{kinds, name, records};

async fn activate(test: &TestGate, rules: &str) {
    let files = policy(&[("rules.cedar", rules), ("entities.json", ENTITIES)]);
    test.gate.activate_policy(&Caller::owner(), ImportPolicy { files }).await.unwrap();
}

async fn authorized(test: &TestGate, request_id: &str) -> uuid::Uuid {
    let view = test.gate.propose(&agent(1), pay(request_id, "bot", 50)).await.unwrap();
    assert_eq!(view.state, State::Authorized);
    view.action
}

#[tokio::test]
async fn it_is_decided_again() {
    let mut test = TestGate::open(Setup::default()).await;
    let key = agent(1);
    let [denied, reviewed, allowed] =
        [authorized(&test, "1").await, authorized(&test, "2").await, authorized(&test, "3").await];
    activate(&test, &RULES.replace("<= 1000", "<= 10")).await;
    assert_eq!(name(test.gate.start(&key, denied, start("a", amount_of(50))).await), "policy_changed");
    assert_eq!(test.gate.action(&key, denied, 0).await.unwrap().state, State::Denied);
    assert_eq!(kinds(&test, denied).await[2..], ["action.authorized", "action.decided", "execution.refused"]);
    test.restart().await.unwrap();
    activate(&test, &RULES.replace("amount > 100", "amount > 20")).await;
    assert_eq!(name(test.gate.start(&key, reviewed, start("a", amount_of(50))).await), "unauthorized");
    assert_eq!(test.gate.action(&key, reviewed, 0).await.unwrap().state, State::Waiting);
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), reviewed).await.unwrap();
    }
    assert_eq!(test.gate.start(&key, reviewed, start("a", amount_of(50))).await.unwrap().state, State::Executing);
    activate(&test, &RULES.replace("amount > 100", "amount > 60")).await;
    assert_eq!(test.gate.start(&key, allowed, start("a", amount_of(50))).await.unwrap().state, State::Executing);
    let all = records(&test).await;
    let versions: Vec<&str> = all
        .iter()
        .filter(|record| record["action"] == allowed.to_string() && record["type"] == "action.decided")
        .map(|record| record["body"]["policy_set"]["version"].as_str().unwrap())
        .collect();
    assert_eq!(versions.len(), 2);
    assert_ne!(versions[0], versions[1], "both are on record");
}

#[tokio::test]
async fn a_bad_set_is_refused_and_the_old_one_stays() {
    let test = TestGate::open(Setup::default()).await;
    let before = records(&test).await.len();
    for rules in [
        "permit (principal, action, resource);",
        "not cedar",
        "@id(\"a\") @reveiw(\"finance\") forbid (principal, action, resource);",
    ] {
        let files = policy(&[("rules.cedar", rules), ("entities.json", ENTITIES)]);
        let refused = test.gate.activate_policy(&Caller::owner(), ImportPolicy { files }).await;
        assert_eq!(name(refused), "bad_policy", "{rules}");
    }
    assert_eq!(records(&test).await.len(), before);
    authorized(&test, "1").await;
}

#[tokio::test]
async fn without_a_policy_everything_is_denied() {
    let test = TestGate::open(Setup { policy: policy(&[]), ..Setup::default() }).await;
    assert_eq!(test.gate.propose(&agent(1), pay("1", "bot", 1)).await.unwrap().state, State::Denied);
}
