//! Load: so many connections, each sending its next request when the last is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::ground::proposal;
use crate::error::Failure;

/// Where to send what.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) port: u16,
    pub(super) path: &'static str,
    pub(super) key: Option<String>,
    /// The answer that counts.
    pub(super) expect: StatusCode,
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::No(format!("the load did not get through: {what}"))
}

/// Answers per second over `seconds`, from `connections`. Numbers of proposals come from `next`, so that none repeats.
pub(super) async fn run(
    target: &Target,
    connections: usize,
    seconds: u64,
    next: &Arc<AtomicU64>,
) -> Result<f64, Failure> {
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut workers = Vec::with_capacity(connections);
    for _ in 0..connections {
        let sender = connect(target.port).await?;
        let work = work(sender, target.clone(), Arc::clone(next), Arc::clone(&stop), Arc::clone(&answered));
        workers.push(tokio::spawn(work));
    }
    // The first moments warm caches and are not counted.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (from, started) = (answered.load(Ordering::Relaxed), tokio::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (count, elapsed) = (answered.load(Ordering::Relaxed) - from, started.elapsed());
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.map_err(failed)??;
    }
    #[allow(clippy::cast_precision_loss)]
    Ok(count as f64 / elapsed.as_secs_f64())
}

pub(super) async fn connect(port: u16) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn work(
    mut sender: SendRequest<Full<Bytes>>,
    target: Target,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> Result<(), Failure> {
    while !stop.load(Ordering::Relaxed) {
        let body = body(next.fetch_add(1, Ordering::Relaxed))?;
        send(&mut sender, &target, body).await?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The n-th proposal as bytes.
pub(super) fn body(n: u64) -> Result<Bytes, Failure> {
    countersign_evidence::json::to_string(&proposal(n, false)).map(Bytes::from).map_err(failed)
}

/// Sends one request and reads the whole answer.
pub(super) async fn send(sender: &mut SendRequest<Full<Bytes>>, target: &Target, body: Bytes) -> Result<(), Failure> {
    let mut request = Request::post(target.path).header("host", "127.0.0.1").header("content-type", "application/json");
    if let Some(key) = &target.key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.body(Full::new(body)).map_err(failed)?;
    sender.ready().await.map_err(failed)?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status();
    let text = answer.into_body().collect().await.map_err(failed)?.to_bytes();
    match status == target.expect {
        true => Ok(()),
        false => Err(failed(format!("{status}: {}", String::from_utf8_lossy(&text)))),
    }
}
