//! What is sent, recorded and answered when the answer is yes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_client::wire::State;
use countersign_evidence::record::Outcome;

use crate::rig::{Rig, at, call, json, result};

#[tokio::test]
async fn nothing_is_sent_before_the_start_is_recorded() {
    let mut rig = Rig::new().await;
    rig.gate.slow_ms.store(300, Ordering::SeqCst);
    rig.call(1, "allow", "{}").await;
    rig.server.silence().await;
    rig.server.next().await;
    assert_eq!(rig.gate.all()[0].state, State::Executing);
    rig.close().await;
}

#[tokio::test]
async fn the_outcome_is_recorded_before_the_client_hears_it() {
    let mut rig = Rig::new().await;
    rig.gate.slow_finish_ms.store(300, Ordering::SeqCst);
    rig.call(1, "allow", r#"{"a":1}"#).await;
    assert_eq!(rig.server.line().await.unwrap(), call(1, "allow", r#"{"a":1}"#));
    assert_eq!(rig.gate.all()[0].state, State::Executing);
    rig.client.silence().await;
    let answer =
        r#"{"id":1,"jsonrpc":"2.0","result":{"content":[],"structuredContent":[1e400],"vendor":{"x":1}},"top":1}"#;
    rig.server.send(answer).await;
    rig.client.silence().await;
    assert_eq!(rig.client.next().await, json(answer));
    let fake = &rig.gate.all()[0];
    let finish = &fake.finishes[0];
    assert_eq!((finish.outcome, finish.status.as_deref()), (Outcome::Succeeded, Some("complete")));
    assert_eq!(finish.response.as_ref(), json(answer).get("result"));
    assert!(finish.duration_us.unwrap() >= 100_000);
    rig.close().await;
}

#[tokio::test]
async fn failures_and_open_ends_are_told_apart() {
    let mut rig = Rig::new().await;
    for (id, answer, outcome, status) in [
        (1, r#""result":{"isError":true,"content":[]}"#, Outcome::Failed, "is_error"),
        (2, r#""error":{"code":-32602,"message":"bad"}"#, Outcome::Failed, "error:-32602"),
        (3, r#""result":{"resultType":"input_required","requestState":"s"}"#, Outcome::Succeeded, "input_required"),
        (4, r#""result":{"resultType":"task","taskId":"t"}"#, Outcome::Succeeded, "task"),
    ] {
        rig.call(id, "allow", "{}").await;
        rig.server.next().await;
        let answer = format!(r#"{{"id":{id},"jsonrpc":"2.0",{answer}}}"#);
        rig.server.send(&answer).await;
        assert_eq!(rig.client.next().await, json(&answer));
        let finish = rig.gate.all().pop().unwrap().finishes.pop().unwrap();
        assert_eq!((finish.outcome, finish.status.as_deref()), (outcome, Some(status)));
    }
    rig.close().await;
}

#[tokio::test]
async fn an_outcome_that_is_not_recorded_is_no_silent_success() {
    let mut rig = Rig::new().await;
    rig.gate.finish_fails.store(true, Ordering::SeqCst);
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.server.send(&result(1, "secret")).await;
    let answer = rig.client.next().await;
    assert_eq!(
        (at(&answer, "error.code"), at(&answer, "error.data.outcome")),
        ("-32603".into(), "\"not_recorded\"".into())
    );
    assert!(at(&answer, "error.message").contains("its effect happened"));
    assert!(!answer.to_canonical().contains("secret"));
    rig.close().await;
}

#[tokio::test]
async fn a_response_that_the_gate_does_not_take_is_recorded_by_its_digest() {
    let mut rig = Rig::new().await;
    rig.gate.most_response.store(100, Ordering::SeqCst);
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.server.send(&result(1, &"x".repeat(200))).await;
    assert_eq!(at(&rig.client.next().await, "result.content.0.text").len(), 202);
    let finish = rig.gate.all()[0].finishes[0].clone();
    assert_eq!((finish.outcome, finish.status.as_deref()), (Outcome::Succeeded, Some("response_refused")));
    assert!(finish.response.unwrap().get("sha256").is_some());
    rig.close().await;
}

#[tokio::test]
async fn many_calls_run_at_a_time_and_find_their_answers() {
    let mut rig = Rig::new().await;
    for id in 0..50 {
        rig.call(id, "allow", &format!(r#"{{"n":{id}}}"#)).await;
    }
    let mut sent = Vec::new();
    for _ in 0..50 {
        sent.push(at(&rig.server.next().await, "id").parse::<i64>().unwrap());
    }
    for id in sent.iter().rev() {
        rig.server.send(&result(*id, &format!("answer {id}"))).await;
    }
    for _ in 0..50 {
        let answer = rig.client.next().await;
        assert_eq!(at(&answer, "result.content.0.text"), format!("\"answer {}\"", at(&answer, "id")));
    }
    let ok = |fake: &crate::fake_gate::Fake| fake.state == State::Succeeded && fake.finishes.len() == 1;
    assert!(rig.gate.all().iter().all(ok));
    rig.close().await;
}

#[tokio::test]
async fn past_the_deadline_the_outcome_is_unknown_and_a_late_answer_is_reported() {
    let mut rig = Rig::with(|settings| settings.deadline = Duration::from_millis(100)).await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    let answer = rig.client.next().await;
    assert_eq!(at(&answer, "error.data.outcome"), "\"unknown\"");
    assert_eq!(rig.gate.all()[0].finishes[0].status.as_deref(), Some("deadline"));
    rig.server.send(&result(1, "late")).await;
    let fake = rig.gate.until(0, |fake| fake.finishes.len() == 2).await;
    assert_eq!((fake.finishes[0].outcome, fake.finishes[1].outcome), (Outcome::Unknown, Outcome::Succeeded));
    rig.client.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_outcome_unknown() {
    let mut rig = Rig::with(|settings| settings.most_line = 10_000).await;
    let bad = [
        r#"{"id":1,"jsonrpc":"2.0","result":{"a":1,"a":2}}"#.to_owned(),
        format!(r#"{{"jsonrpc":"2.0","result":{{"x":"{}"}},"id":1}}"#, "x".repeat(20_000)),
        r#"{"id":1,"jsonrpc":"2.0","result":{},"error":{}}"#.to_owned(),
    ];
    for line in bad {
        rig.call(1, "allow", "{}").await;
        rig.server.next().await;
        rig.server.send(&line).await;
        let answer = rig.client.next().await;
        assert_eq!((at(&answer, "id"), at(&answer, "error.data.outcome")), ("1".into(), "\"unknown\"".into()));
        let fake = rig.gate.all().pop().unwrap();
        assert_eq!((fake.state, fake.finishes[0].status.as_deref()), (State::Unknown, Some("bad_answer")));
    }
    rig.close().await;
}
