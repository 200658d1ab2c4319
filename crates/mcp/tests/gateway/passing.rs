//! What is not a call passes through.

use crate::rig::{Rig, at, json};

#[tokio::test]
async fn everything_but_calls_passes_in_both_directions() {
    let mut rig = Rig::bare(|_| {});
    for line in [
        r#"{"id":1,"jsonrpc":"2.0","method":"initialize","params":{"clientInfo":{"name":"c"},"vendor":1e400}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"id":"x","jsonrpc":"2.0","method":"server/discover","topExtra":[1],"params":{}}"#,
        r#"{"id":-1,"jsonrpc":"2.0","method":"resources/read","params":{"uri":"file:///\u00e9"}}"#,
        r#"{"error":{"code":-1,"message":"no"},"id":7,"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
    ] {
        rig.client.send(line).await;
        assert_eq!(rig.server.next().await, json(line));
    }
    for line in [
        r#"{"id":1,"jsonrpc":"2.0","result":{"capabilities":{"x":12345678901234567890123},"protocolVersion":"2025-06-18"}}"#,
        r#"{"error":{"code":-32601,"message":"?","data":{"a":1}},"id":"x","jsonrpc":"2.0","vendor":true}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}"#,
        r#"{"id":1,"jsonrpc":"2.0","method":"sampling/createMessage","params":{"messages":[]}}"#,
        r#"{"id":"r","jsonrpc":"2.0","method":"tools/call","params":{"name":"not ours"}}"#,
    ] {
        rig.server.send(line).await;
        assert_eq!(rig.client.next().await, json(line));
    }
    assert!(rig.gate.all().is_empty());
    rig.close().await;
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_dropped() {
    let mut rig = Rig::new().await;
    rig.server.send(r#"{"id":42,"jsonrpc":"2.0","result":{}}"#).await;
    rig.client.silence().await;
    rig.close().await;
}

#[tokio::test]
async fn an_id_is_used_once_at_a_time() {
    let mut rig = Rig::new().await;
    rig.call(1, "allow", "{}").await;
    rig.server.next().await;
    rig.call(1, "allow", "{}").await;
    let refused = rig.client.next().await;
    assert_eq!((at(&refused, "id"), at(&refused, "error.code")), ("null".into(), "-32600".into()));
    rig.client.send(r#"{"id":1,"jsonrpc":"2.0","method":"ping"}"#).await;
    assert_eq!(at(&rig.client.next().await, "id"), "null");
    rig.server.silence().await;
    assert_eq!(rig.gate.all().len(), 1);
    rig.close().await;
}

#[tokio::test]
async fn calls_at_a_time_are_limited() {
    let mut rig = Rig::with(|settings| settings.most_calls = 2).await;
    for id in 1..=3 {
        rig.call(id, "allow", "{}").await;
    }
    let refused = rig.client.next().await;
    assert_eq!((at(&refused, "id"), at(&refused, "error.code")), ("3".into(), "-32603".into()));
    assert_eq!(rig.gate.until(1, |_| true).await.request.tool.name, "allow");
    rig.close().await;
}
