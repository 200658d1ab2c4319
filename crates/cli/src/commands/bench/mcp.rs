use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;

use countersign_evidence::json::{Object, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::ground::{Ground, quantile};
use super::latency::{micros, sync};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const CALLS: usize = 150;

/// The bundled server, bare and behind the gate, call by call in turns.
pub(super) async fn run(ground: &Ground, _seconds: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, "One allowed MCP tool call over stdio")?;
    let served = ground.serve("mcp").await?;
    let work = ground.path("work");
    std::fs::create_dir_all(&work).map_err(Failure::file(&work))?;
    std::fs::write(work.join("note.txt"), "hello").map_err(Failure::file(&work))?;
    let own = std::env::current_exe().map_err(Failure::file(Path::new("countersign")))?;
    let (own, folder) = (own.display().to_string(), work.display().to_string());
    let data = served.data.display().to_string();
    let bare = vec![own.as_str(), "demo-server", folder.as_str()];
    let gated = [vec![own.as_str(), "mcp", "--data", &data, "--server", "files", "--"], bare.clone()].concat();
    let (mut bare, mut gated) = (Peer::start(&bare).await?, Peer::start(&gated).await?);
    let path = ground.path("fdatasync-mcp");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::file(&path))?;
    let (mut direct, mut through, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..CALLS {
        direct.push(bare.call(n).await?);
        through.push(gated.call(n).await?);
        syncs.push(sync(&mut file, &path)?);
    }
    for list in [&mut direct, &mut through, &mut syncs] {
        list.drain(..20);
        list.sort_unstable();
    }
    let (direct, through, sync) = (quantile(&direct, 0.5), quantile(&through, 0.5), quantile(&syncs, 0.5));
    let overhead = through.saturating_sub(direct);
    out.line(format!(
        "  bare p50 {direct} µs, gated p50 {through} µs: overhead {overhead} µs; two fdatasync + 1 ms = {} µs",
        2 * sync + 1_000
    ))?;
    bare.stop().await;
    gated.stop().await;
    served.serving.stop().await?;
    Ok(())
}

struct Peer {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::No(format!("the MCP server does not answer: {what}"))
}

impl Peer {
    async fn start(command: &[&str]) -> Result<Self, Failure> {
        let (program, args) = command.split_first().ok_or_else(|| broken("no command"))?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no standard streams"));
        };
        let mut peer = Peer { child, input, output: BufReader::new(output).lines() };
        let client = Object::from_iter([("name", "bench"), ("version", "1")]);
        let hello = Object::from_iter([
            ("protocolVersion", Value::from("2025-11-25")),
            ("capabilities", Value::Object(Object::new())),
            ("clientInfo", Value::Object(client)),
        ]);
        peer.exchange("initialize", hello, 0).await?;
        Ok(peer)
    }

    /// Microseconds of one call.
    async fn call(&mut self, n: usize) -> Result<u64, Failure> {
        let arguments = Object::from_iter([("path", "note.txt")]);
        let params = Object::from_iter([("name", Value::from("read_file")), ("arguments", Value::Object(arguments))]);
        let from = tokio::time::Instant::now();
        let line = self.exchange("tools/call", params, i64::try_from(n).unwrap_or_default() + 1).await?;
        let took = micros(from);
        match line.contains("hello") {
            true => Ok(took),
            false => Err(broken(line)),
        }
    }

    async fn exchange(&mut self, method: &str, params: Object, id: i64) -> Result<String, Failure> {
        let mut message = Object::from_iter([("jsonrpc", "2.0"), ("method", method)]);
        message.insert("params", params);
        message.insert("id", id);
        let line = Value::Object(message).to_canonical() + "\n";
        self.input.write_all(line.as_bytes()).await.map_err(broken)?;
        self.input.flush().await.map_err(broken)?;
        let marker = format!("\"id\":{id}");
        loop {
            let line = self.output.next_line().await.map_err(broken)?.ok_or_else(|| broken("it ended"))?;
            if line.contains(&marker) {
                return Ok(line);
            }
        }
    }

    async fn stop(mut self) {
        drop(self.input);
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), self.child.wait()).await;
    }
}
