//! Lines that are refused: nothing of them is passed on, proposed or executed.

use countersign_mcp::MOST_TRANSPORT;

use crate::rig::{Rig, at, call};

fn table() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let ok = call(1, "allow", "{}");
    let with = |arguments: &str| call(1, "allow", arguments).into_bytes();
    let mut not_utf8 = ok.clone().into_bytes();
    not_utf8.splice(1..1, *b"\"x\":\"\xff\xfe\",");
    vec![
        (with(r#"{"to":"a","to":"b"}"#), "-32700", "1"),
        (ok.replace("\"allow\"", "\"allow\",\"name\":\"deny\"").into_bytes(), "-32700", "1"),
        (ok.replacen("\"id\":1", "\"id\":1,\"id\":2", 1).into_bytes(), "-32700", "null"),
        (with(r#"{"x":"\ud800"}"#), "-32700", "1"),
        (with(r#"{"x":"\udc00\ud800"}"#), "-32700", "1"),
        (with(r#"{"x":NaN}"#), "-32700", "1"),
        (with(r#"{"x":1e10000}"#), "-32700", "1"),
        (with(r#"{"x":01}"#), "-32700", "1"),
        (with(&format!("{{\"x\":{}{}}}", "[".repeat(100), "]".repeat(100))), "-32700", "1"),
        (with(&format!("{{\"x\":\"{}\"}}", "x".repeat(20_000))), "-32600", "1"),
        (not_utf8, "-32700", "1"),
        (ok.replace('}', "").into_bytes(), "-32700", "1"),
        (format!("{ok} {ok}").into_bytes(), "-32700", "null"),
        (b"hello".to_vec(), "-32700", "null"),
        (b"\xef\xbb\xbf{}".to_vec(), "-32700", "null"),
        (format!("[{ok}]").into_bytes(), "-32600", "null"),
        (b"[]".to_vec(), "-32600", "null"),
        (b"\"tools/call\"".to_vec(), "-32600", "null"),
        (ok.replace("\"2.0\"", "\"1.0\"").into_bytes(), "-32600", "1"),
        (ok.replace("\"jsonrpc\":\"2.0\",", "").into_bytes(), "-32600", "1"),
        (ok.replacen("\"id\":1", "\"id\":null", 1).into_bytes(), "-32600", "null"),
        (ok.replacen("\"id\":1", "\"id\":1.5", 1).into_bytes(), "-32600", "null"),
        (ok.replacen("\"id\":1", "\"id\":[1]", 1).into_bytes(), "-32600", "null"),
        (ok.replace("\"tools/call\"", "[\"tools/call\"]").into_bytes(), "-32600", "1"),
        (ok.replacen('{', "{\"result\":{},", 1).into_bytes(), "-32600", "1"),
    ]
}

#[tokio::test]
async fn bad_lines_of_the_client_are_answered_and_go_nowhere() {
    let mut rig = Rig::with(|settings| settings.most_line = 10_000).await;
    for (line, code, id) in table() {
        let text = String::from_utf8_lossy(&line).chars().take(120).collect::<String>();
        rig.client.send_bytes(&line).await;
        let answer = rig.client.next().await;
        assert_eq!((at(&answer, "error.code").as_str(), at(&answer, "id").as_str()), (code, id), "{text}");
        assert!(at(&answer, "error.message").contains("nothing"), "{text}");
    }
    rig.server.silence().await;
    assert!(rig.gate.all().is_empty());
    rig.close().await;
}

#[tokio::test]
async fn bad_lines_of_the_server_are_dropped_and_their_requests_answered() {
    let mut rig = Rig::with(|settings| settings.most_line = 10_000).await;
    let ok = r#"{"id":1,"jsonrpc":"2.0","result":{"x":1}}"#;
    for line in [
        ok.replace("{\"x\":1}", "{\"x\":1,\"x\":2}"),
        ok.replace("{\"x\":1}", &format!("\"{}\"", "x".repeat(20_000))),
        ok.replace("\"2.0\"", "2.0"),
        ok.replace("{\"x\":1}", "\"\\ud800\""),
    ] {
        rig.client.send(r#"{"id":1,"jsonrpc":"2.0","method":"resources/read"}"#).await;
        rig.server.next().await;
        rig.server.send(&line).await;
        let answer = rig.client.next().await;
        assert_eq!((at(&answer, "id"), at(&answer, "error.code")), ("1".into(), "-32603".into()));
    }
    for line in [
        "Server started on stdio",
        "[]",
        r#"{"id":77,"jsonrpc":"2.0"}"#,
        r#"{"method":"x","params":{"a":1,"a":2},"jsonrpc":"2.0"}"#,
    ] {
        rig.server.send(line).await;
    }
    rig.client.silence().await;
    rig.close().await;
}

/// What passes along unjudged is bounded, and of the protocol's form.
#[tokio::test]
async fn transport_keys_that_could_carry_anything_are_refused() {
    let mut rig = Rig::new().await;
    let meta = |meta: &str| call(1, "allow", "{}").replace("\"arguments\"", &format!("\"_meta\":{meta},\"arguments\""));
    for (line, said) in [
        (meta(r#"{"progressToken":{"do":"this"}}"#), "a string or an integer"),
        (meta(r#"{"traceparent":["x"]}"#), "a string"),
        (meta(&format!(r#"{{"baggage":"{}"}}"#, "x".repeat(MOST_TRANSPORT))), "over the limit"),
        (meta(&format!(r#"{{"itemId":["{}"]}}"#, "x".repeat(MOST_TRANSPORT))), "over the limit"),
    ] {
        rig.client.send(&line).await;
        let answer = rig.client.next().await;
        assert_eq!((at(&answer, "id"), at(&answer, "error.code")), ("1".into(), "-32602".into()));
        assert!(at(&answer, "error.message").contains(said), "{said}");
    }
    rig.server.silence().await;
    assert!(rig.gate.all().is_empty());
    rig.close().await;
}
