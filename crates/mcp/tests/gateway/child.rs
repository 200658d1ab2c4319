//! A real child process, through a shell that does what a server would.

use std::process::Stdio;

use countersign_mcp::{Pipes, Settings, serve};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};
use tokio::process::Command;

use crate::fake_gate::FakeGate;
use crate::rig::{Counter, at, call, json};

struct Fixed;

impl countersign_evidence::time::Clock for Fixed {
    fn now(&self) -> countersign_evidence::time::Timestamp {
        countersign_evidence::time::Timestamp::from_micros(1_700_000_000_000_000)
    }

    fn monotonic_us(&self) -> i64 {
        0
    }
}

/// A server of two lines: it answers the listing, takes a call, and dies.
const DIES: &str = r#"
read -r list; id=$(printf %s "$list" | sed 's/.*"id":\("[^"]*"\).*/\1/')
printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}\n' "$id"
read -r call; exit 3
"#;

#[tokio::test]
async fn a_server_that_dies_in_a_call_leaves_it_unknown() {
    let gate = FakeGate::new();
    let settings = Settings::new("files", gate.client(), Arc::new(Counter::default()), Arc::new(Fixed));
    let mut server =
        Command::new("sh").args(["-c", DIES]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (client, gateway) = duplex(1 << 16);
    let (from_client, to_client) = split(gateway);
    let pipes = Pipes {
        from_client,
        to_client,
        from_server: server.stdout.take().unwrap(),
        to_server: server.stdin.take().unwrap(),
    };
    let ended = tokio::spawn(serve(settings, pipes, std::future::pending()));
    let (reader, mut writer) = split(client);
    writer.write_all(format!("{}\n", call(1, "allow", "{}")).as_bytes()).await.unwrap();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).await.unwrap();
    assert_eq!(at(&json(&line), "error.data.outcome"), "\"unknown\"");
    ended.await.unwrap().unwrap();
    assert_eq!(server.wait().await.unwrap().code(), Some(3));
    assert_eq!(gate.all()[0].finishes[0].status.as_deref(), Some("server_gone"));
}
