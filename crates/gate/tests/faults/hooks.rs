//! One call of a client, told by its hook and by the gateway that executes it: one action where both tell the same, none that
//! runs where they do not.

use countersign_evidence::record::{Correlation, Outcome, Source};
use countersign_gate::Caller;
use countersign_gate::testing::{Setup, TestGate, amount_of, gateway, pay, reviewer, start};
use countersign_wire::{ProposeRequest, StartNow, State};

use crate::{finish, name, records};

fn told(request_id: &str, amount: i64, via: &str, call_id: &str) -> ProposeRequest {
    let start = StartNow { attempt: format!("attempt-{request_id}"), executor: None, deadline_s: None };
    ProposeRequest {
        redeem: true,
        start_if_allowed: (via == "mcp").then_some(start),
        correlation: Correlation { call_id: Some(call_id.to_owned()), ..Correlation::default() },
        source: Some(Source { via: via.to_owned(), version: None }),
        ..pay(request_id, "bot", amount)
    }
}

async fn denied_by(test: &TestGate, caller: &Caller, request: ProposeRequest) -> Option<String> {
    let view = test.gate.propose(caller, request).await.unwrap();
    (view.state == State::Denied).then(|| view.reasons.iter().map(|reason| reason.rule.clone()).collect())
}

#[tokio::test]
async fn the_same_call_is_one_action() {
    let test = TestGate::open(Setup::default()).await;
    let asked = test.gate.propose(&gateway(1), told("hook", 50, "hook", "c1")).await.unwrap();
    assert_eq!(asked.state, State::Authorized);
    let executed = test.gate.propose(&gateway(1), told("wire", 50, "mcp", "c1")).await.unwrap();
    assert_eq!((executed.action, executed.state), (asked.action, State::Executing));
    assert_eq!(executed.execution.unwrap().enforcement, "wire");
}

#[tokio::test]
async fn another_call_under_its_id_is_denied_and_burns_what_was_authorized() {
    let test = TestGate::open(Setup::default()).await;
    for (n, amount) in [(1, 50), (2, 200)] {
        // The first is allowed, the second waits for people.
        let call = format!("c{n}");
        let asked = test.gate.propose(&gateway(1), told(&format!("hook-{n}"), amount, "hook", &call)).await.unwrap();
        let denied = denied_by(&test, &gateway(1), told(&format!("wire-{n}"), 51, "mcp", &call)).await;
        assert_eq!(denied.as_deref(), Some("call-mismatch"));
        let after = test.gate.action(&gateway(1), asked.action, 0).await.unwrap();
        assert_eq!(after.state, State::Closed);
        let late = test.gate.start(&gateway(1), asked.action, start("late", amount_of(amount))).await;
        assert_eq!(name(late), "unauthorized");
        // It is over: what comes then is a call of its own.
        assert_eq!(denied_by(&test, &gateway(1), told(&format!("then-{n}"), 52, "mcp", &call)).await, None);
    }
    let denied = records(&test).await.into_iter().filter(|record| record["type"] == "action.decided");
    assert_eq!(denied.filter(|record| record["body"]["reasons"][0]["rule"] == "call-mismatch").count(), 2);
}

#[tokio::test]
async fn another_tool_under_its_id_is_denied() {
    let test = TestGate::open(Setup::default()).await;
    test.gate.propose(&gateway(1), told("hook", 50, "hook", "c1")).await.unwrap();
    let mut other = told("wire", 50, "mcp", "c1");
    other.tool.name = "give".to_owned();
    assert_eq!(denied_by(&test, &gateway(1), other).await.as_deref(), Some("call-mismatch"));
}

#[tokio::test]
async fn another_key_agent_or_call_has_nothing_to_do_with_it() {
    let test = TestGate::open(Setup::default()).await;
    let asked = test.gate.propose(&gateway(1), told("hook", 50, "hook", "c1")).await.unwrap();
    assert_eq!(denied_by(&test, &gateway(2), told("wire", 51, "mcp", "c1")).await, None);
    assert_eq!(denied_by(&test, &gateway(1), told("other", 51, "mcp", "c2")).await, None);
    let mut agent = told("agent", 51, "mcp", "c1");
    agent.agent.id = "other".to_owned();
    assert_eq!(denied_by(&test, &gateway(1), agent).await, None);
    assert_eq!(test.gate.action(&gateway(1), asked.action, 0).await.unwrap().state, State::Authorized);
}

#[tokio::test]
async fn it_holds_after_a_restart() {
    let mut test = TestGate::open(Setup::default()).await;
    test.gate.propose(&gateway(1), told("hook", 50, "hook", "c1")).await.unwrap();
    test.restart().await.unwrap();
    assert_eq!(denied_by(&test, &gateway(1), told("wire", 51, "mcp", "c1")).await.as_deref(), Some("call-mismatch"));
}

#[tokio::test]
async fn a_hook_attests_what_its_client_executes() {
    let test = TestGate::open(Setup::default()).await;
    let mut request = told("hook", 200, "hook", "c1");
    request.start_if_allowed =
        Some(StartNow { attempt: "a".to_owned(), executor: Some("hook-claude".to_owned()), deadline_s: None });
    let asked = test.gate.propose(&gateway(1), request).await.unwrap();
    for n in [1, 2] {
        test.approve(&reviewer(n, &["finance"], None), asked.action).await.unwrap();
    }
    let mut begin = start("a", amount_of(200));
    begin.executor = Some("hook-claude".to_owned());
    let started = test.gate.start(&gateway(1), asked.action, begin).await.unwrap();
    assert_eq!(started.execution.unwrap().enforcement, "attested");
    let done = test.gate.finish(&gateway(1), asked.action, finish("a", Outcome::Succeeded)).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
}
