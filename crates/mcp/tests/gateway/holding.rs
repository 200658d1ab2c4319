//! Calls that wait for people.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_client::wire::State;
use countersign_mcp::HoldPolicy;

use crate::rig::{Rig, at, call, json, result};

const WITH_TOKEN: &str = r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"_meta":{"progressToken":"p"},"arguments":{"n":1},"name":"wait"}}"#;

#[tokio::test]
async fn an_approved_call_is_sent_as_it_was_proposed() {
    let mut rig = Rig::new().await;
    rig.client.send(WITH_TOKEN).await;
    let progress = rig.client.next().await;
    assert_eq!(
        (at(&progress, "method"), at(&progress, "params.progressToken")),
        ("\"notifications/progress\"".into(), "\"p\"".into())
    );
    assert!(at(&progress, "params.message").contains("#finance"));
    rig.server.silence().await;
    let fake = rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    rig.gate.approve(fake.id, None);
    assert_eq!(rig.server.next().await, json(WITH_TOKEN));
    assert_eq!(rig.gate.get(fake.id).started.as_ref(), Some(&fake.request.payload));
    rig.server.send(&result(1, "done")).await;
    assert_eq!(at(&rig.client.next().await, "result.content.0.text"), "\"done\"");
    assert_eq!(rig.gate.get(fake.id).state, State::Succeeded);
    rig.close().await;
}

#[tokio::test(start_paused = true)]
async fn progress_rises_while_it_waits() {
    let mut rig = Rig::with(|settings| settings.hold = HoldPolicy::Fixed(Duration::from_secs(27))).await;
    rig.client.send(WITH_TOKEN).await;
    let mut before = 0.0;
    for _ in 0..6 {
        let progress = rig.client.next().await;
        let now = progress.get("params").unwrap().get("progress").unwrap().as_number().unwrap().as_f64();
        assert!(now > before && now < 0.01);
        before = now;
    }
    let answer = rig.client.next().await;
    assert!(at(&answer, "result._meta").contains("pending"));
}

#[tokio::test]
async fn without_a_token_there_is_no_progress() {
    let mut rig = Rig::with(|settings| settings.hold = HoldPolicy::Fixed(Duration::from_millis(100))).await;
    rig.call(1, "wait", "{}").await;
    assert_eq!(at(&rig.client.next().await, "id"), "1");
    rig.close().await;
}

#[tokio::test]
async fn after_the_hold_the_identical_call_redeems_the_approval_once() {
    let mut rig = Rig::with(|settings| settings.hold = HoldPolicy::Fixed(Duration::from_millis(100))).await;
    rig.call(1, "wait", r#"{"n":1}"#).await;
    let answer = rig.client.next().await;
    let fake = rig.gate.all()[0].clone();
    let text = format!(
        "\"Approval {} is pending with #finance. Call the same tool again with identical arguments after it is approved.\"",
        fake.id
    );
    assert_eq!((at(&answer, "result.content.0.text"), at(&answer, "result.isError")), (text, "true".into()));
    rig.gate.approve(fake.id, None);
    rig.server.silence().await;
    rig.call(2, "wait", r#"{"n":2}"#).await;
    assert!(at(&rig.client.next().await, "result._meta").contains("pending"), "other arguments redeem nothing");
    rig.call(3, "wait", r#"{"n":1}"#).await;
    assert_eq!(at(&rig.server.next().await, "id"), "3");
    rig.server.send(&result(3, "done")).await;
    assert_eq!(at(&rig.client.next().await, "result.content.0.text"), "\"done\"");
    rig.call(4, "wait", r#"{"n":1}"#).await;
    assert!(at(&rig.client.next().await, "result._meta").contains("pending"), "an approval counts once");
    rig.server.silence().await;
    rig.close().await;
}

/// A call that takes a waiting approval over is the one that is recorded, with what it carries; not the one that first asked.
#[tokio::test]
async fn the_start_says_which_call_it_is_of() {
    let mut rig = Rig::with(|settings| settings.hold = HoldPolicy::Fixed(Duration::from_millis(300))).await;
    let traced = |id: i64| {
        let meta = format!(r#""_meta":{{"traceparent":"of-{id}"}},"arguments""#);
        call(id, "wait", "{}").replace("\"arguments\"", &meta)
    };
    rig.client.send(&traced(1)).await;
    assert!(at(&rig.client.next().await, "result._meta").contains("pending"));
    rig.client.send(&traced(2)).await;
    while rig.gate.proposals.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    let fake = rig.gate.all()[0].clone();
    rig.gate.approve(fake.id, None);
    assert_eq!(at(&rig.server.next().await, "id"), "2");
    let (request_id, context) = rig.gate.get(fake.id).started_by.unwrap();
    assert!(request_id.is_some_and(|request_id| request_id != fake.request.request_id));
    assert_eq!(context, Some(json(r#"{"transport":{"traceparent":"of-2"}}"#)));
    rig.close().await;
}

#[tokio::test]
async fn an_edited_payload_is_what_is_sent() {
    let mut rig = Rig::new().await;
    rig.client.send(WITH_TOKEN).await;
    let fake = rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    let edited = fake.request.payload.to_canonical().replace(r#"{"n":1}"#, r#"{"n":2}"#);
    rig.gate.approve(fake.id, Some(json(&edited)));
    assert_eq!(rig.server.next().await, json(&WITH_TOKEN.replace(r#"{"n":1}"#, r#"{"n":2}"#)));
    assert_eq!(rig.gate.get(fake.id).started, Some(json(&edited)));
    rig.close().await;
}

#[tokio::test]
async fn an_edit_that_names_another_tool_is_not_sent() {
    let mut rig = Rig::new().await;
    for (id, from, to) in [(1, r#""name":"wait""#, r#""name":"other""#), (2, r#""server":"files""#, r#""server":"x""#)]
    {
        rig.call(id, "wait", &format!(r#"{{"n":{id}}}"#)).await;
        let fake = rig.gate.until(usize::try_from(id).unwrap() - 1, |fake| fake.state == State::Waiting).await;
        rig.gate.approve(fake.id, Some(json(&fake.request.payload.to_canonical().replace(from, to))));
        assert!(at(&rig.client.next().await, "result._meta").contains("not_sendable"));
        assert_eq!(rig.gate.get(fake.id).cancelled.as_deref(), Some("edit_refused"));
    }
    rig.server.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn a_denied_review_and_a_refused_start_are_told() {
    let mut rig = Rig::new().await;
    rig.call(1, "wait", "{}").await;
    let fake = rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    rig.gate.deny(fake.id);
    assert!(at(&rig.client.next().await, "result._meta").contains("review_denied"));
    rig.gate.start_refused.store(true, Ordering::SeqCst);
    rig.call(2, "wait", "{}").await;
    let fake = rig.gate.until(1, |fake| fake.state == State::Waiting).await;
    rig.gate.approve(fake.id, None);
    let answer = rig.client.next().await;
    assert!(at(&answer, "result.content.0.text").contains("expired"));
    assert!(at(&answer, "result._meta").contains(r#""reason":"expired""#));
    rig.server.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn a_gate_that_is_away_for_a_moment_does_not_end_a_hold() {
    let mut rig = Rig::new().await;
    rig.call(1, "wait", "{}").await;
    let fake = rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    rig.gate.lose_answers.store(1, Ordering::SeqCst);
    rig.gate.approve(fake.id, None);
    rig.server.next().await;
    rig.server.send(&result(1, "done")).await;
    assert_eq!(at(&rig.client.next().await, "result.content.0.text"), "\"done\"");
    rig.close().await;
}
