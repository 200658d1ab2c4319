use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hyper::StatusCode;
use tokio::net::TcpListener;

use super::connection::Connection;
use super::ground::{Ground, PAYLOAD_BYTES, quantile};
use super::latency::{micros, sync};
use super::load::{self, Target};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const SAMPLES_PER_SECOND: u64 = 60;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
const UPSTREAM: &str =
    "[[upstream.bench.route]]\nmethod = \"POST\"\npath = \"/trivial\"\ntool = \"ask\"\ncategory = \"read\"\n";

/// An API call through the HTTP gateway (decided, started durably, sent, recorded durably), beside the bare upstream.
pub(super) async fn run(ground: &Ground, seconds: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, format!("HTTP gateway, allowed calls of {PAYLOAD_BYTES} bytes, starter policy"))?;
    let here = Failure::file(Path::new("127.0.0.1"));
    let trivial = TcpListener::bind("127.0.0.1:0").await.map_err(here)?;
    let port = trivial.local_addr().map_err(Failure::file(Path::new("127.0.0.1")))?.port();
    let serving = tokio::spawn(async move { axum::serve(trivial, countersign_http::trivial_router()).await });
    let upstreams = format!("[upstream.bench]\nbase = \"http://127.0.0.1:{port}\"\n{UPSTREAM}");
    let served = ground.serve_before("proxy", &upstreams).await?;
    let bare = Target { port, path: "/trivial", key: None, expect: StatusCode::CREATED };
    let key = Some(served.key.clone());
    let through =
        Target { port: served.port, path: "/proxy/bench/trivial", key: key.clone(), expect: StatusCode::CREATED };
    let gate = Target { port: served.port, path: "/v1/actions", key, expect: StatusCode::CREATED };
    let path = ground.path("fdatasync");
    // A client of its own: among the gate's tasks it would wait for its turn.
    let (one, other) = (bare.clone(), through.clone());
    let client = std::thread::spawn(move || ask(&one, &other, path, seconds));
    let asked = tokio::task::spawn_blocking(|| client.join()).await.map_err(|error| Failure::No(error.to_string()))?;
    let [sync, plain, gated] = asked.map_err(|_| Failure::No("the client failed".to_owned()))??;
    let over = gated.saturating_sub(plain);
    let bar = 2 * sync + 1_500;
    out.line(format!(
        "  one connection: p50 {gated} µs, bare {plain} µs, overhead {over} µs; two fdatasync + 1.5 ms are {bar} µs (bar)"
    ))?;
    let next = Arc::new(AtomicU64::new(1_000_000));
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let gate = load::run(&gate, CONNECTIONS, seconds, &next).await?;
        let through = load::run(&through, CONNECTIONS, seconds, &next).await?;
        ratios.push((through / gate, through, gate));
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((ratio, through, gate)) = ratios.get(ROUNDS / 2) {
        out.line(format!(
            "  {CONNECTIONS:>4} connections: {through:>6.0} calls/s, the gate's API alone {gate:>6.0} decisions/s, ratio {ratio:.2} (bar 0.5)"
        ))?;
    }
    serving.abort();
    served.serving.stop().await?;
    Ok(())
}

/// Medians of a sync, a bare call and a call through the gateway, in turns, once all are warm.
fn ask(bare: &Target, through: &Target, path: PathBuf, seconds: u64) -> Result<[u64; 3], Failure> {
    let (mut plain, mut gated) = (Connection::open(bare.port)?, Connection::open(through.port)?);
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::file(&path))?;
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    for n in 0..seconds.max(2) * SAMPLES_PER_SECOND {
        let body = load::body(n)?;
        let synced = sync(&mut file, &path)?;
        let from = tokio::time::Instant::now();
        plain.send(bare, &body)?;
        let alone = micros(from);
        let from = tokio::time::Instant::now();
        gated.send(through, &body)?;
        for (all, one) in took.iter_mut().zip([synced, alone, micros(from)]) {
            all.push(one);
        }
    }
    Ok(took.map(|mut all| {
        all.drain(..all.len().min(20));
        all.sort_unstable();
        quantile(&all, 0.5)
    }))
}
