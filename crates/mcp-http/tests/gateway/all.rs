//! All servers behind one path, each side in its own era.

use countersign_wire::State;

use crate::house::{House, INITIALIZE, call, modern_call};

#[tokio::test]
async fn a_session_calls_tools_under_their_servers_names() {
    let house = House::new("").await;
    let told = house.send("POST /mcp", INITIALIZE, &[]).await;
    assert!(told.answer().contains(r#""protocolVersion":"2025-11-25""#), "{}", told.text);
    let session = told.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let named = [("mcp-session-id", session.as_str())];
    let listed = house.send("POST /mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, &named).await;
    assert!(listed.answer().contains(r#""name":"u__echo""#), "{}", listed.text);
    let told = house.send("POST /mcp", &call("u__echo", "{}"), &named).await;
    assert!(told.answer().contains(r#""calls":1"#) && told.answer().contains(r#""id":7"#), "{}", told.text);
    let got = house.reached().await.remove(0);
    assert_eq!(got.body.get("params").unwrap().get("name").unwrap().as_str(), Some("echo"));
    assert_eq!(house.stands().await, State::Succeeded);
    let story = house.story().await;
    assert!(story.contains("u/echo") && story.contains("\"t\""), "the client's own name is on record: {story}");
    for tool in ["echo", "v__echo", "u_echo"] {
        let told = house.send("POST /mcp", &call(tool, "{}"), &named).await;
        assert!(told.answer().contains("-32602"), "{tool}: {}", told.text);
    }
    let told = house.send("POST /mcp", r#"{"jsonrpc":"2.0","id":1,"method":"prompts/list"}"#, &named).await;
    assert!(told.answer().contains("-32601"), "{}", told.text);
    assert_eq!(house.send("DELETE /mcp", "", &named).await.status, 200);
    assert_eq!(house.send("POST /mcp", &call("u__echo", "{}"), &named).await.status, 404);
}

#[tokio::test]
async fn a_modern_client_reaches_a_server_that_is_not() {
    let house = House::new("").await;
    let standard = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "u__echo")];
    let told = house.send("POST /mcp", &modern_call("u__echo", "{}"), &standard).await;
    assert!(told.answer().contains(r#""resultType":"complete""#), "{}", told.text);
    let got = house.reached().await.remove(0);
    assert!(!got.body.to_canonical().contains("io.modelcontextprotocol"), "{:?}", got.body);
    assert_eq!(got.header("mcp-session-id"), "up-1", "the gateway began a session of its own");
    let told = house.send("POST /mcp", &modern_call("u__echo", r#"{"bad":true}"#), &standard).await;
    assert!(told.answer().contains("policy_denied"), "{}", told.text);
    assert_eq!(house.reached().await.len(), 1);
    let told = house.send("POST /mcp", &modern_call("u__events", "{}"), &standard).await;
    assert_eq!((told.status, told.answer().contains("-32020")), (400, true), "{}", told.text);
}

#[tokio::test]
async fn a_modern_clients_ids_are_its_own_affair() {
    let house = House::new("hold_s = 60\nagent = \"the-same\"\n").await;
    let standard = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "u__echo")];
    let text = modern_call("u__echo", r#"{"look":true}"#);
    let asked = house.send("POST /mcp", &text, &standard);
    let other = async {
        let action = house.waits().await;
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#;
        let said = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "notifications/cancelled")];
        assert_eq!(house.send("POST /mcp", cancel, &said).await.status, 202);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        house.approve(action).await;
    };
    let (told, ()) = tokio::join!(asked, other);
    assert!(told.answer().contains("complete"), "{}", told.text);
}

#[tokio::test]
async fn a_session_is_on_behalf_of_whom_it_began_for() {
    let house = House::new("").await;
    let told = house.send("POST /mcp", INITIALIZE, &[("x-countersign-user", "ada")]).await;
    let session = told.headers["mcp-session-id"].to_str().unwrap();
    let bob = [("mcp-session-id", session), ("x-countersign-user", "bob")];
    let told = house.send("POST /mcp", &call("u__echo", "{}"), &bob).await;
    assert_eq!((told.status, told.text.contains("begin another session")), (422, true), "{}", told.text);
    let told = house.send("POST /mcp", &call("u__echo", "{}"), &[("mcp-session-id", session)]).await;
    assert!(told.answer().contains("calls"), "{}", told.text);
    assert!(house.intended().await[0].contains("ada"), "{:?}", house.intended().await);
}
