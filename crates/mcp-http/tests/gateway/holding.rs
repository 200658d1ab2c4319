//! Calls that people decide about.

use std::time::Duration;

use countersign_wire::State;

use crate::house::{House, call};

#[tokio::test]
async fn a_held_call_goes_on_once_it_is_approved() {
    let house = House::new("hold_s = 60\n").await;
    let session = house.session().await;
    let asked = house.call(&session, "echo", r#"{"look":true}"#);
    let decided = async {
        let action = house.waits().await;
        assert!(house.reached().await.is_empty());
        // Long enough to be told who is waited for.
        tokio::time::sleep(Duration::from_millis(500)).await;
        house.approve(action).await;
    };
    let (told, ()) = tokio::join!(asked, decided);
    assert!(told.answer().contains(r#""calls":1"#), "{}", told.text);
    assert!(told.text.contains("Waiting for #owners"), "progress says whom it waits for: {}", told.text);
    assert_eq!(house.stands().await, State::Succeeded);
}

#[tokio::test]
async fn one_that_was_held_too_long_is_redeemed_once_by_the_identical_call() {
    let house = House::new("hold_s = 0\n").await;
    let session = house.session().await;
    let told = house.call(&session, "echo", r#"{"look":true}"#).await;
    assert!(told.answer().contains(r#""reason":"pending""#), "{}", told.text);
    let action = told.action();
    house.approve(action).await;
    let other = house.call(&session, "echo", r#"{"look":true,"more":1}"#).await;
    assert!(other.answer().contains("pending"), "another call: {}", other.text);
    // Over another session of the same key: the approval is the agent's, not the connection's.
    let again = house.session().await;
    let told = house.call(&again, "echo", r#"{"look":true}"#).await;
    assert!(told.answer().contains(r#""calls":1"#), "{}", told.text);
    assert_eq!(house.badge(action).await, "EXACT");
    let third = house.call(&again, "echo", r#"{"look":true}"#).await;
    assert!(third.answer().contains("pending"), "{}", third.text);
    assert_eq!(house.reached().await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_takes_nothing_back_and_begins_nothing() {
    let house = House::new("hold_s = 60\n").await;
    let session = house.session().await;
    let named = [("mcp-session-id", session.as_str())];
    let response = house.begin("POST", &call("echo", r#"{"look":true}"#), &named).await;
    let action = house.waits().await;
    drop(response);
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.approve(action).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(house.reached().await.is_empty(), "nobody listens: it is not begun");
    let told = house.call(&session, "echo", r#"{"look":true}"#).await;
    assert!(told.answer().contains(r#""calls":1"#), "the approval still holds: {}", told.text);
}

#[tokio::test]
async fn a_call_that_is_cancelled_is_never_executed() {
    let house = House::new("hold_s = 60\n").await;
    let session = house.session().await;
    let named = [("mcp-session-id", session.as_str())];
    let response = house.begin("POST", &call("echo", r#"{"look":true}"#), &named).await;
    let action = house.waits().await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    assert_eq!(house.send("POST", cancel, &named).await.status, 202);
    for _ in 0..1_000 {
        if house.stands().await == State::Closed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(house.gate.approve(&countersign_gate::testing::reviewer(1, &["owners"], None), action).await.is_err());
    ends(response).await;
    assert!(house.reached().await.is_empty());
}

/// An answer's stream comes to its end, and no answer is in it.
async fn ends(response: axum::response::Response) {
    let whole = axum::body::to_bytes(response.into_body(), 1 << 20);
    let text = tokio::time::timeout(Duration::from_secs(20), whole).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("result"), "{text}");
}

#[tokio::test]
async fn the_end_of_a_session_ends_what_waits_in_it() {
    let house = House::new("hold_s = 60\n").await;
    let session = house.session().await;
    let named = [("mcp-session-id", session.as_str())];
    let held = house.begin("POST", &call("echo", r#"{"look":true}"#), &named).await;
    house.waits().await;
    let alone = [("mcp-session-id", session.as_str()), ("accept", "application/json")];
    let other = call("echo", r#"{"look":true,"more":1}"#).replace("\"id\":7", "\"id\":8");
    let as_json = house.send("POST", &other, &alone);
    let leaves = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(house.send("DELETE", "", &named).await.status, 200);
    };
    let (told, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(20), as_json), leaves);
    assert_eq!(told.unwrap().status, 502);
    ends(held).await;
    assert!(house.reached().await.is_empty());
}

#[tokio::test]
async fn a_tool_that_changed_since_it_was_judged_is_not_called() {
    let house = House::new("hold_s = 60\n").await;
    let session = house.session().await;
    let asked = house.call(&session, "echo", r#"{"look":true}"#);
    let changed = async {
        let action = house.waits().await;
        *house.upstream.definition.lock().await = 2;
        // What others are shown says nothing of this session; its own listing does.
        let list = r#"{"jsonrpc":"2.0","id":8,"method":"tools/list"}"#;
        house.send("POST", list, &[("mcp-session-id", session.as_str())]).await;
        house.approve(action).await;
    };
    let (told, ()) = tokio::join!(asked, changed);
    assert!(told.answer().contains("definition_changed"), "{}", told.text);
    assert!(house.reached().await.is_empty());
}
