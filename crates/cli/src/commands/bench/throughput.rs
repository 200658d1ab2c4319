use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hyper::StatusCode;
use tokio::net::TcpListener;

use super::ground::{Ground, PAYLOAD_BYTES};
use super::load::{self, Target};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const ROUNDS: usize = 3;

/// Decisions per second, beside a trivial JSON handler, in turns.
pub(super) async fn run(ground: &Ground, seconds: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, format!("Gate over HTTP, allowed actions of {PAYLOAD_BYTES} bytes, starter policy"))?;
    let served = ground.serve("throughput").await?;
    let trivial = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::file(std::path::Path::new("127.0.0.1")))?;
    let port = trivial.local_addr().map_err(Failure::file(std::path::Path::new("127.0.0.1")))?.port();
    let serving = tokio::spawn(async move { axum::serve(trivial, countersign_http::trivial_router()).await });
    let bare = Target { port, path: "/trivial", key: None, expect: StatusCode::CREATED };
    let gate =
        Target { port: served.port, path: "/v1/actions", key: Some(served.key.clone()), expect: StatusCode::CREATED };
    let next = Arc::new(AtomicU64::new(0));
    for connections in [64, 256] {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let bare = load::run(&bare, connections, seconds, &Arc::new(AtomicU64::new(0))).await?;
            let gate = load::run(&gate, connections, seconds, &next).await?;
            ratios.push((gate / bare, gate, bare));
        }
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((ratio, gate, bare)) = ratios.get(ROUNDS / 2) {
            out.line(format!(
                "  {connections:>4} connections: {gate:>7.0} decisions/s, trivial handler {bare:>7.0}/s, ratio {ratio:.2} \
                 (bar 0.25, aim 0.5)"
            ))?;
        }
    }
    serving.abort();
    served.serving.stop().await?;
    Ok(())
}
