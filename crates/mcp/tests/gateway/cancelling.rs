//! The client gives a call up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_client::wire::State;
use countersign_evidence::record::Outcome;

use crate::rig::{Rig, at, result};

const CANCEL: &str = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"user","requestId":1}}"#;

#[tokio::test]
async fn a_held_call_that_is_cancelled_is_never_executed() {
    let mut rig = Rig::new().await;
    rig.call(1, "wait", "{}").await;
    let fake = rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    rig.client.send(CANCEL).await;
    let fake = rig.gate.until(0, |now| now.id == fake.id && now.cancelled.is_some()).await;
    assert_eq!(fake.cancelled.as_deref(), Some("client_cancelled"));
    rig.server.silence().await;
    rig.client.silence().await;
    rig.call(1, "allow", "{}").await;
    assert_eq!(at(&rig.server.next().await, "params.name"), "\"allow\"", "the id is free again");
    rig.close().await;
}

#[tokio::test]
async fn a_call_cancelled_while_it_is_decided_is_not_sent_and_recorded_so() {
    let mut rig = Rig::new().await;
    rig.gate.slow_ms.store(200, Ordering::SeqCst);
    rig.call(1, "allow", "{}").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.client.send(CANCEL).await;
    let fake = rig.gate.until(0, |fake| !fake.finishes.is_empty()).await;
    assert_eq!((fake.finishes[0].outcome, fake.finishes[0].status.as_deref()), (Outcome::Failed, Some("not_sent")));
    rig.server.silence().await;
    rig.client.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn a_running_call_is_cancelled_at_the_server_and_its_outcome_recorded() {
    let mut rig = Rig::with(|settings| settings.deadline = Duration::from_millis(300)).await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.client.send(CANCEL).await;
    assert_eq!(at(&rig.server.next().await, "params.requestId"), "1");
    let fake = rig.gate.until(0, |fake| !fake.finishes.is_empty()).await;
    assert_eq!((fake.state, fake.finishes[0].status.as_deref()), (State::Unknown, Some("deadline")));
    rig.client.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn a_server_that_answers_a_cancelled_call_is_recorded_and_not_passed_on() {
    let mut rig = Rig::new().await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.client.send(CANCEL).await;
    rig.server.next().await;
    rig.server.send(&result(1, "done all the same")).await;
    rig.gate.until(0, |fake| fake.state == State::Succeeded).await;
    rig.client.silence().await;
    rig.close().await;
}
