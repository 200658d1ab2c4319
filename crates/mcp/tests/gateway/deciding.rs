//! What is proposed, and what the client hears when the answer is no.

use std::sync::atomic::Ordering;

use countersign_client::wire::{State, UserRef};
use countersign_evidence::digest::Digest;
use countersign_evidence::record::Category;

use crate::rig::{Rig, at, call, json, result};

const MODERN: &str = r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"Claude Code","version":"2.1"},"claudecode/toolUseId":"toolu_1","progressToken":1,"vendor":true},"arguments":{"path":"a"},"name":"NAME"}}"#;

#[tokio::test]
async fn a_proposal_says_who_what_and_where() {
    let mut rig = Rig::with(|settings| {
        settings.user = Some(UserRef { id: "u1".into(), groups: vec!["g".into()] });
        settings.environment = Some("staging".into());
        settings.model = Some("m".into());
    })
    .await;
    rig.client.send(&MODERN.replace("NAME", "allow")).await;
    let fake = rig.gate.until(0, |_| true).await;
    let definition = Digest::of(br#"{"annotations":{"readOnlyHint":true},"name":"allow"}"#);
    let request = fake.request;
    assert_eq!(request.agent.id, "Claude-Code");
    assert_eq!(request.agent.version.as_deref(), Some("2.1"));
    assert_eq!((request.tool.server.as_str(), request.tool.name.as_str()), ("files", "allow"));
    assert_eq!(request.tool.definition, Some(definition));
    assert_eq!(request.category, Some(Category::Read));
    assert_eq!(request.correlation.call_id.as_deref(), Some("toolu_1"));
    assert_eq!((request.user.unwrap().id.as_str(), request.environment.as_deref()), ("u1", Some("staging")));
    assert_eq!((request.model.as_deref(), request.redeem), (Some("m"), true));
    assert_eq!(request.source.unwrap().via, "mcp");
    assert!(request.start_if_allowed.unwrap().deadline_s.unwrap() > 300);
    let expected = format!(
        r#"{{"_meta":{{"vendor":true}},"arguments":{{"path":"a"}},"definition":"{definition}","name":"allow","server":"files"}}"#
    );
    assert_eq!(request.payload.to_canonical(), expected);
    // What goes along without being judged is recorded as it was received.
    let transport = r#"{"transport":{"claudecode/toolUseId":"toolu_1","io.modelcontextprotocol/clientInfo":{"name":"Claude Code","version":"2.1"},"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":1}}"#;
    assert_eq!(request.context.unwrap().to_canonical(), transport);
    assert_eq!(rig.server.next().await, json(&MODERN.replace("NAME", "allow")));
    rig.close().await;
}

#[tokio::test]
async fn initialize_names_the_agent_of_a_legacy_client() {
    let mut rig = Rig::with(|settings| settings.agent_version = Some("9".into())).await;
    rig.client
        .send(r#"{"id":0,"jsonrpc":"2.0","method":"initialize","params":{"clientInfo":{"name":"codex-mcp-client","version":"0.1"}}}"#)
        .await;
    rig.server.next().await;
    rig.call(1, "deny", "{}").await;
    // `initialize` makes the earlier listing stale: the gateway asks again by itself.
    let listing = rig.server.next().await;
    rig.server
        .send(&format!(r#"{{"id":{},"jsonrpc":"2.0","error":{{"code":-32601,"message":"no"}}}}"#, at(&listing, "id")))
        .await;
    let request = rig.gate.until(0, |_| true).await.request;
    assert_eq!((request.agent.id.as_str(), request.agent.version.as_deref()), ("codex-mcp-client", Some("9")));
    assert_eq!((request.tool.definition, request.category), (None, Some(Category::Execute)));
    rig.close().await;
}

#[tokio::test]
async fn a_denied_call_never_reaches_the_server() {
    let mut rig = Rig::new().await;
    rig.client.send(&MODERN.replace("NAME", "deny")).await;
    let answer = rig.client.next().await;
    let action = rig.gate.all()[0].id;
    let expected = format!(
        r#"{{"id":1,"jsonrpc":"2.0","result":{{"_meta":{{"dev.countersign/decision":{{"action":"{action}","decision":"deny","reason":"policy_denied"}}}},"content":[{{"text":"Not allowed here.","type":"text"}}],"isError":true,"resultType":"complete"}}}}"#
    );
    assert_eq!(answer.to_canonical(), expected);
    rig.call(2, "deny", "{}").await;
    assert_eq!(at(&rig.client.next().await, "result.resultType"), "nothing");
    rig.server.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn a_gate_that_gives_no_good_answer_means_no() {
    let mut rig = Rig::new().await;
    rig.gate.unreachable.store(true, Ordering::SeqCst);
    rig.call(1, "allow", "{}").await;
    let answer = rig.client.next().await;
    assert_eq!(at(&answer, "result.isError"), "true");
    assert!(at(&answer, "result._meta").contains("gate_unreachable"));
    rig.gate.unreachable.store(false, Ordering::SeqCst);
    rig.gate.babbles.store(true, Ordering::SeqCst);
    rig.call(2, "allow", "{}").await;
    assert!(at(&rig.client.next().await, "result._meta").contains("gate_unreachable"));
    rig.gate.babbles.store(false, Ordering::SeqCst);
    rig.call(3, "refuse", "{}").await;
    let answer = rig.client.next().await;
    assert!(at(&answer, "result.content.0.text").contains("too large for this gate"));
    assert!(at(&answer, "result._meta").contains("payload_too_large"));
    rig.gate.other_attempt.store(true, Ordering::SeqCst);
    rig.call(4, "allow", "{}").await;
    assert!(at(&rig.client.next().await, "result._meta").contains("already_executed"));
    rig.server.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_ids() {
    let mut rig = Rig::new().await;
    rig.gate.lose_answers.store(2, Ordering::SeqCst);
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.gate.lose_answers.store(3, Ordering::SeqCst);
    rig.server.send(&result(1, "done")).await;
    assert_eq!(at(&rig.client.next().await, "result.content.0.text"), "\"done\"");
    let actions = rig.gate.all();
    assert_eq!((actions.len(), actions[0].state), (1, State::Succeeded));
    rig.close().await;
}

#[tokio::test]
async fn calls_that_say_more_than_is_judged_are_refused() {
    let mut rig = Rig::new().await;
    for (line, code) in [
        (call(1, "allow", "{}").replacen('{', r#"{"extra":1,"#, 1), "-32600"),
        (call(1, "allow", "[]"), "-32602"),
        (call(1, "allow", "{}").replace(r#""name""#, r#""server":"x","name""#), "-32602"),
        (call(1, "allow", "{}").replace(r#""name""#, r#""definition":"x","name""#), "-32602"),
        (r#"{"id":1,"jsonrpc":"2.0","method":"tools/call"}"#.to_owned(), "-32602"),
        (r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"name":7}}"#.to_owned(), "-32602"),
    ] {
        rig.client.send(&line).await;
        let answer = rig.client.next().await;
        assert_eq!((at(&answer, "id"), at(&answer, "error.code")), ("1".into(), code.into()), "{line}");
    }
    // A call without an id is no call: nobody could be told what came of it.
    rig.client.send(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{},"name":"allow"}}"#).await;
    rig.server.silence().await;
    assert!(rig.gate.all().is_empty());
    rig.close().await;
}
