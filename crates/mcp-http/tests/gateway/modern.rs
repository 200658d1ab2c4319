//! Requests that say everything themselves (2026-07-28).

use countersign_wire::State;

use crate::house::{House, modern_call};

#[tokio::test]
async fn the_body_decides_and_the_headers_only_repeat_it() {
    let house = House::new("").await;
    let told = house.modern("echo", "{}", &[]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert!(told.answer().contains(r#""id":"a""#));
    let got = house.reached().await.remove(0);
    assert_eq!((got.header("mcp-method"), got.header("mcp-name")), ("tools/call", "echo"));
    assert_eq!((got.header("mcp-protocol-version"), got.header("mcp-session-id")), ("2026-07-28", ""));
    for (headers, what) in [
        ([("mcp-name", "cut")], "another tool in the header"),
        ([("mcp-name", "")], "no tool in the header"),
        ([("mcp-method", "tools/list")], "another method"),
        ([("mcp-protocol-version", "2025-11-25")], "another version"),
        ([("mcp-protocol-version", "")], "no version"),
    ] {
        let told = house.modern("echo", "{}", &headers).await;
        assert_eq!((told.status, told.answer().contains("-32020")), (400, true), "{what}: {}", told.text);
    }
    assert_eq!(house.reached().await.len(), 1);
}

#[tokio::test]
async fn mirrored_arguments_are_checked_and_written_anew() {
    let house = House::new("").await;
    let told =
        house.modern("region", r#"{"where":"Zürich"}"#, &[("mcp-param-region", "=?base64?WsO8cmljaA==?=")]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(house.reached().await[0].header("mcp-param-region"), "=?base64?WsO8cmljaA==?=");
    for header in ["Bern", "=?base64?%?=", ""] {
        let told = house.modern("region", r#"{"where":"Zürich"}"#, &[("mcp-param-region", header)]).await;
        assert_eq!((told.status, told.answer().contains("-32020")), (400, true), "{header}: {}", told.text);
    }
    let told = house.modern("region", r#"{"where":null}"#, &[("mcp-param-region", "Bern")]).await;
    assert_eq!(told.status, 400, "a header for what the body does not say: {}", told.text);
    assert_eq!(house.reached().await.len(), 1);
}

#[tokio::test]
async fn one_that_says_no_version_is_told_so() {
    let house = House::new("").await;
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let told = house.send("POST", bare, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")]).await;
    assert_eq!((told.status, told.answer().contains("-32602")), (400, true), "{}", told.text);
}

#[tokio::test]
async fn closing_the_stream_cancels_and_a_held_call_is_never_executed_later() {
    let house = House::new("hold_s = 60\n").await;
    let standard = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "echo")];
    let response = house.begin("POST", &modern_call("echo", r#"{"look":true}"#), &standard).await;
    let action = house.waits().await;
    drop(response);
    for _ in 0..1_000 {
        if house.stands().await == State::Closed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(house.stands().await, State::Closed);
    assert!(house.gate.approve(&countersign_gate::testing::reviewer(1, &["owners"], None), action).await.is_err());
    assert!(house.reached().await.is_empty());
}
