use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::routing::post;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::connection::Connection;
use super::ground::{Ground, PAYLOAD_BYTES, quantile};
use super::latency::{micros, sync};
use super::load::Target;
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const SAMPLES_PER_SECOND: u64 = 60;
const VERSION: &str = "2026-07-28";
const HEAD: &str = "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: look\r\n";

/// A tool call through the MCP gateway over HTTP (decided, started durably, sent, recorded durably), beside the bare server.
pub(super) async fn run(ground: &Ground, seconds: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, format!("MCP over HTTP, allowed calls of {PAYLOAD_BYTES} bytes, starter policy"))?;
    let here = || Failure::file(Path::new("127.0.0.1"));
    let server = TcpListener::bind("127.0.0.1:0").await.map_err(here())?;
    let port = server.local_addr().map_err(here())?.port();
    let app = axum::Router::new().route("/mcp", post(answer));
    let serving = tokio::spawn(async move { axum::serve(server, app).await });
    let served =
        ground.serve_servers("mcp-http", &format!("[server.bench]\nurl = \"http://127.0.0.1:{port}/mcp\"\n")).await?;
    let bare = Target { port, path: "/mcp", key: None, expect: StatusCode::OK };
    let through =
        Target { port: served.port, path: "/mcp/bench", key: Some(served.key.clone()), expect: StatusCode::OK };
    let path = ground.path("fdatasync");
    // A client of its own: among the gate's tasks it would wait for its turn.
    let client = std::thread::spawn(move || ask(&bare, &through, path, seconds));
    let asked = tokio::task::spawn_blocking(|| client.join()).await.map_err(|error| Failure::No(error.to_string()))?;
    let [sync, plain, gated] = asked.map_err(|_| Failure::No("the client failed".to_owned()))??;
    let (over, bar) = (gated.saturating_sub(plain), 2 * sync + 1_500);
    out.line(format!(
        "  one connection: p50 {gated} µs, bare {plain} µs, overhead {over} µs; two fdatasync + 1.5 ms are {bar} µs (bar)"
    ))?;
    serving.abort();
    served.serving.stop().await?;
    Ok(())
}

/// A server with one tool.
async fn answer(Json(asked): Json<Value>) -> Json<Value> {
    let result = match asked["method"].as_str() {
        Some("tools/list") => json!({"resultType": "complete", "tools": [
            {"name": "look", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}]}),
        _ => json!({"resultType": "complete", "content": [{"type": "text", "text": "seen"}]}),
    };
    Json(json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
}

/// Medians of a sync, a bare call and a call through the gateway, in turns, once all are warm.
fn ask(bare: &Target, through: &Target, path: PathBuf, seconds: u64) -> Result<[u64; 3], Failure> {
    let (mut plain, mut gated) = (Connection::open(bare.port)?, Connection::open(through.port)?);
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::file(&path))?;
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    for n in 0..seconds.max(2) * SAMPLES_PER_SECOND {
        let body = call(n).to_string();
        let synced = sync(&mut file, &path)?;
        let from = tokio::time::Instant::now();
        plain.send_with(bare, HEAD, body.as_bytes())?;
        let alone = micros(from);
        let from = tokio::time::Instant::now();
        let told = gated.send_with(through, HEAD, body.as_bytes())?;
        let behind = micros(from);
        if !told.contains("\"seen\"") {
            return Err(Failure::No(format!("the call did not get through: {told}")));
        }
        for (all, one) in took.iter_mut().zip([synced, alone, behind]) {
            all.push(one);
        }
    }
    Ok(took.map(|mut all| {
        all.drain(..all.len().min(20));
        all.sort_unstable();
        quantile(&all, 0.5)
    }))
}

fn call(n: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {
        "name": "look", "arguments": {"n": n, "text": "x".repeat(PAYLOAD_BYTES)},
        "_meta": {"io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}}}})
}
