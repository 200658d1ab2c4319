//! Who says what came of a call that a gateway executed.

use countersign_evidence::record::Outcome;
use countersign_gate::testing::{Setup, TestGate, agent, amount_of, gateway, pay, start};
use countersign_wire::{DefineToolsRequest, State};

use crate::{finish, name};

#[tokio::test]
async fn an_agent_does_not_write_what_came_of_its_call() {
    let test = TestGate::open(Setup::default()).await;
    let at_gateway = agent(1).at_gateway();
    let action = test.gate.propose(&at_gateway, pay("1", "bot", 50)).await.unwrap().action;
    test.gate.start(&at_gateway, action, start("a", amount_of(50))).await.unwrap();
    let by_agent = test.gate.finish(&agent(1), action, finish("a", Outcome::Failed)).await;
    assert_eq!(name(by_agent), "wrong_state");
    let done = test.gate.finish(&at_gateway, action, finish("a", Outcome::Unknown)).await.unwrap();
    assert_eq!(done.state, State::Unknown);
    let late = test.gate.finish(&agent(1), action, finish("a", Outcome::Succeeded)).await;
    assert_eq!(name(late), "wrong_state", "nor later");
    assert!(test.gate.finish(&at_gateway, action, finish("a", Outcome::Succeeded)).await.is_ok());
}

#[tokio::test]
async fn what_a_tool_says_of_itself_is_an_enforcement_points_word() {
    let test = TestGate::open(Setup::default()).await;
    let tool = countersign_gate::testing::value(r#"{"name":"look","description":"harmless"}"#);
    let digest = countersign_evidence::digest::Digest::of(tool.to_canonical().as_bytes());
    let defined = DefineToolsRequest { server: "shop".to_owned(), tools: vec![tool] };
    assert_eq!(name(test.gate.define_tools(&agent(1), defined.clone()).await), "forbidden");
    assert_eq!(test.gate.define_tools(&gateway(1), defined.clone()).await.unwrap().recorded, 1);
    test.index_all().await;
    assert_eq!(test.gate.define_tools(&gateway(1), defined).await.unwrap().recorded, 0, "once");
    // The digest of another tool's definition shows nothing.
    let mut request = pay("1", "bot", 200);
    request.tool.definition = Some(digest);
    let action = test.gate.propose(&agent(1), request).await.unwrap().action;
    let reviewer = countersign_gate::testing::reviewer(1, &["finance"], None);
    assert!(test.gate.present(&reviewer, action).await.unwrap().definition.is_none());
}

#[tokio::test]
async fn a_tool_that_changed_needs_a_person_once_and_a_restart_forgets_nothing() {
    let rules = r#"
        @id("all") permit (principal, action, resource);
        @id("changed") @review("finance") forbid (principal, action, resource) when { context.history.tool_changed };
    "#;
    let entities = r#"{"review_groups":{"finance":"who may say yes"}}"#;
    let policy = countersign_gate::testing::policy(&[("rules.cedar", rules), ("entities.json", entities)]);
    let mut test = TestGate::open(Setup { policy, ..Setup::default() }).await;
    let said = |id: &str, definition: Option<&str>| {
        let mut request = pay(id, "bot", 5);
        request.tool.definition = definition.map(|text| countersign_evidence::digest::Digest::of(text.as_bytes()));
        request
    };
    let first = test.gate.propose(&agent(1), said("1", Some("one"))).await.unwrap();
    assert_eq!(first.state, State::Authorized, "nothing was known before");
    let changed = test.gate.propose(&agent(1), said("2", Some("two"))).await.unwrap();
    assert_eq!(changed.state, State::Waiting);
    let mut hidden = said("3", None);
    hidden.source = Some(countersign_evidence::record::Source { via: "mcp".to_owned(), version: None });
    let hidden = test.gate.propose(&agent(1), hidden).await.unwrap();
    assert_eq!(hidden.state, State::Waiting, "a definition that is gone is a change too");
    let elsewhere = test.gate.propose(&agent(1), said("3a", None)).await.unwrap();
    assert_eq!(elsewhere.state, State::Authorized, "an API call, a hook, an AuthZEN question shows no definition");
    test.index_all().await;
    test.restart().await.unwrap();
    let again = test.gate.propose(&agent(1), said("4", Some("two"))).await.unwrap();
    assert_eq!(again.state, State::Waiting, "being asked about makes it no better known");
    test.approve(&countersign_gate::testing::reviewer(1, &["finance"], None), changed.action).await.unwrap();
    for (id, definition) in [("5", "two"), ("6", "one")] {
        let now = test.gate.propose(&agent(1), said(id, Some(definition))).await.unwrap();
        assert_eq!(now.state, State::Authorized, "{definition}");
    }
    test.index_all().await;
    test.restart().await.unwrap();
    let after = test.gate.propose(&agent(1), said("7", Some("two"))).await.unwrap();
    assert_eq!(after.state, State::Authorized);
}

#[tokio::test]
async fn the_gates_own_names_are_nobody_elses_for_a_start_either() {
    let test = TestGate::open(Setup::default()).await;
    let action = test.gate.propose(&agent(1), pay("1", "bot", 50)).await.unwrap().action;
    let named = countersign_wire::StartRequest {
        request_id: Some("gate:access-request:evaluation:1".to_owned()),
        ..start("a", amount_of(50))
    };
    assert_eq!(name(test.gate.start(&agent(1), action, named).await), "invalid");
    assert!(test.gate.start(&agent(1), action, start("a", amount_of(50))).await.is_ok());
}
