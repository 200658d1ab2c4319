//! Whatever the client sends: nothing panics, and no call reaches the server that the gate did not start.

use countersign_evidence::json::{Limits, Value, parse};
use proptest::prelude::*;

use crate::rig::{Rig, call};

/// Lines that look like calls, mixed with noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>().prop_filter("a line", |byte| *byte != b'\n'), 0..200);
    let tool = prop_oneof![Just("allow"), Just("deny"), Just("wait"), Just("x")];
    let whole = (0..5i64, tool, "[a-z\\\\\"{}\\[\\]:,0-9]{0,20}").prop_map(|(id, tool, text)| {
        let text = Value::from(text).to_canonical();
        call(id, tool, &format!("{{\"t\":{text}}}")).into_bytes()
    });
    let torn = (whole.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut line, at, byte)| {
        let at = at.index(line.len());
        line[at] = if byte == b'\n' { b' ' } else { byte };
        line
    });
    let stitched = (whole.clone(), any::<prop::sample::Index>(), whole.clone(), any::<prop::sample::Index>()).prop_map(
        |(first, cut, second, join)| {
            let mut line = first[..cut.index(first.len())].to_vec();
            line.extend_from_slice(&second[join.index(second.len())..]);
            line
        },
    );
    prop_oneof![1 => noise, 2 => whole, 3 => torn, 2 => stitched]
}

/// Whether any reading of `line` could take it for a call.
fn is_call(line: &str) -> bool {
    let value = parse(line.as_bytes(), Limits::default()).expect("what is passed on is strict JSON");
    assert_eq!(value.to_canonical(), line, "what is passed on is canonical");
    value.get("method").and_then(Value::as_str) == Some("tools/call")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_call_passes_without_the_gate(lines in proptest::collection::vec(line(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut rig = Rig::new().await;
            for line in &lines {
                rig.client.send_bytes(line).await;
            }
            rig.client.hang_up().await;
            let mut sent = Vec::new();
            while let Some(line) = rig.server.line().await {
                if is_call(&line) {
                    sent.push(parse(line.as_bytes(), Limits::default()).unwrap().get("params").unwrap().clone());
                }
            }
            let mut started: Vec<Value> = rig.gate.all().into_iter().filter_map(|fake| fake.started).collect();
            for params in sent {
                let names = ["arguments", "name"];
                let same = |payload: &Value| names.iter().all(|name| payload.get(name) == params.get(name));
                let at = started.iter().position(same);
                started.remove(at.expect("a call was sent that the gate did not start"));
            }
            rig.server.hang_up().await;
            rig.ended.await.unwrap().unwrap();
        });
    }

    #[test]
    fn whatever_the_server_says_the_client_hears_strict_json(lines in proptest::collection::vec(line(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut rig = Rig::new().await;
            rig.call(1, "allow", "{}").await;
            rig.server.next().await;
            for line in &lines {
                rig.server.send_bytes(line).await;
            }
            rig.server.hang_up().await;
            while let Some(line) = rig.client.line().await {
                is_call(&line);
            }
            rig.ended.await.unwrap().unwrap();
            assert_eq!(rig.gate.all()[0].finishes.len(), 1, "every call that was started is finished");
        });
    }
}
