//! One side ends while calls are under way.

use std::time::Duration;

use countersign_client::wire::State;

use crate::rig::{Rig, at, call, result};

#[tokio::test]
async fn when_the_client_leaves_held_calls_are_cancelled_and_running_ones_unknown() {
    let mut rig = Rig::new().await;
    rig.call(1, "wait", "{}").await;
    rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    rig.call(2, "allow", "{}").await;
    rig.server.next().await;
    rig.client.hang_up().await;
    let fake = rig.gate.until(1, |fake| fake.state == State::Unknown).await;
    assert_eq!(fake.finishes[0].status.as_deref(), Some("client_gone"));
    let fake = rig.gate.until(0, |fake| fake.state == State::Closed).await;
    assert_eq!(fake.cancelled.as_deref(), Some("client_disconnected"));
    assert_eq!(rig.server.line().await, None, "the server's input is closed, and nothing else was sent");
    rig.close().await;
}

#[tokio::test]
async fn what_waits_for_people_is_given_up_at_once() {
    let mut rig = Rig::with(|settings| settings.grace = Duration::from_secs(3600)).await;
    rig.call(1, "wait", "{}").await;
    rig.gate.until(0, |fake| fake.state == State::Waiting).await;
    rig.client.hang_up().await;
    assert_eq!(rig.gate.until(0, |fake| fake.state == State::Closed).await.finishes, []);
    rig.close().await;
}

#[tokio::test]
async fn an_answer_within_the_grace_period_still_counts() {
    let mut rig = Rig::with(|settings| settings.grace = Duration::from_secs(5)).await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.client.hang_up().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.server.send(&result(1, "done")).await;
    assert_eq!(
        at(&rig.client.next().await, "result.content.0.text"),
        "\"done\"",
        "a client may close its side and listen"
    );
    assert_eq!(rig.gate.all()[0].state, State::Succeeded);
    rig.close().await;
}

#[tokio::test]
async fn calls_piped_in_before_the_end_are_executed() {
    let mut rig = Rig::with(|settings| settings.grace = Duration::from_secs(5)).await;
    for id in 1..=20 {
        rig.client.send(&call(id, "allow", "{}")).await;
    }
    rig.client.hang_up().await;
    for _ in 1..=20 {
        let id = at(&rig.server.next().await, "id").parse().unwrap();
        rig.server.send(&result(id, "done")).await;
        assert_eq!(at(&rig.client.next().await, "result.content.0.text"), "\"done\"");
    }
    rig.close().await;
}

#[tokio::test]
async fn when_the_server_ends_nothing_stays_open() {
    let mut rig = Rig::new().await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.client.send(r#"{"id":2,"jsonrpc":"2.0","method":"resources/list"}"#).await;
    rig.server.next().await;
    rig.call(3, "wait", "{}").await;
    rig.gate.until(1, |fake| fake.state == State::Waiting).await;
    rig.server.hang_up().await;
    let mut answers = Vec::new();
    while let Some(line) = rig.client.line().await {
        let answer = crate::rig::json(&line);
        answers.push((at(&answer, "id"), at(&answer, "error.code"), at(&answer, "error.data.outcome")));
    }
    answers.sort();
    let error = |id: &str, outcome: &str| (id.to_owned(), "-32603".to_owned(), outcome.to_owned());
    assert_eq!(answers, [error("1", "\"unknown\""), error("2", "nothing"), error("3", "nothing")]);
    assert_eq!(rig.gate.all()[0].finishes[0].status.as_deref(), Some("server_gone"));
    assert_eq!(rig.gate.all()[1].cancelled.as_deref(), Some("server_ended"));
    tokio::time::timeout(Duration::from_secs(5), rig.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_signal_does_not_wait_for_the_grace_period() {
    let mut rig = Rig::with(|settings| settings.grace = Duration::from_secs(3600)).await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.hurry.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), rig.ended).await.unwrap().unwrap().unwrap();
    assert_eq!(rig.gate.all()[0].state, State::Unknown);
}
