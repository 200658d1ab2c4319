//! What is approved is what arrives, whatever numbers and names it holds.

use countersign_evidence::json::{Limits, parse};

use crate::rig::{Rig, at, call};

/// As the client writes it, and as it must arrive.
const VALUES: [(&str, &str); 12] = [
    ("12345678901234567890123", "12345678901234567890123"),
    ("9007199254740993", "9007199254740993"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("18446744073709551615", "18446744073709551615"),
    ("1e400", "1e+400"),
    ("-0", "0"),
    ("1.0", "1"),
    ("0.1000000000000000055511151231257827", "1.000000000000000055511151231257827e-1"),
    (r#""\ud83d\ude00""#, "\"\u{1f600}\""),
    (r#""\u00e9\u0000\/""#, "\"\u{e9}\\u0000/\""),
    (r#"{"b":1,"a":[null,true,"x"],"":{}}"#, r#"{"":{},"a":[null,true,"x"],"b":1}"#),
    (
        r#"{"__proto__":{"x":1},"\ufb33":1,"\ud83d\ude00":2}"#,
        "{\"__proto__\":{\"x\":1},\"\u{1f600}\":2,\"\u{fb33}\":1}",
    ),
];

#[tokio::test]
async fn arguments_arrive_exactly() {
    let mut rig = Rig::new().await;
    for (id, (written, arrives)) in VALUES.iter().enumerate() {
        let id = i64::try_from(id).unwrap();
        rig.call(id, "allow", &format!(r#"{{"v":{written},"vendor/x":1}}"#)).await;
        let sent = rig.server.line().await.unwrap();
        assert_eq!(sent, call(id, "allow", &format!(r#"{{"v":{arrives},"vendor/x":1}}"#)));
        let payload = rig.gate.all().pop().unwrap().started.unwrap();
        assert_eq!(at(&payload, "arguments.v"), *arrives);
        let back = format!(r#"{{"id":{id},"jsonrpc":"2.0","result":{{"content":[],"echo":{written}}}}}"#);
        rig.server.send(&back).await;
        assert!(rig.client.line().await.unwrap().contains(&format!("\"echo\":{arrives}")));
    }
    rig.close().await;
}

#[tokio::test]
async fn nesting_is_kept_up_to_its_limit() {
    let mut rig = Rig::new().await;
    let nested = |depth: usize| format!(r#"{{"v":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    // The message, params and arguments are three levels of the 64.
    rig.call(1, "allow", &nested(61)).await;
    assert_eq!(rig.server.line().await.unwrap(), call(1, "allow", &nested(61)));
    rig.call(2, "allow", &nested(62)).await;
    let refused = rig.client.next().await;
    assert_eq!((at(&refused, "id"), at(&refused, "error.code")), ("2".into(), "-32700".into()));
    rig.close().await;
}

#[tokio::test]
async fn ids_of_every_kind_come_back() {
    let mut rig = Rig::new().await;
    for id in ["0", "-5", "9007199254740993", "\"\"", "\"a b\u{1f600}\"", "\"1\""] {
        rig.client.send(&call(1, "allow", "{}").replace("\"id\":1", &format!("\"id\":{id}"))).await;
        assert_eq!(at(&rig.server.next().await, "id"), id);
        rig.server.send(&format!(r#"{{"id":{id},"jsonrpc":"2.0","result":{{}}}}"#)).await;
        assert_eq!(at(&rig.client.next().await, "id"), id);
    }
    let sent = parse(call(1, "allow", "{}").as_bytes(), Limits::default());
    assert!(sent.is_ok());
    rig.close().await;
}
