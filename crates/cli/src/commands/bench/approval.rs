use std::path::Path;

use countersign_evidence::record::Verdict;
use countersign_gate::{Caller, Gate, GateError};
use countersign_wire::DecideRequest;
use tokio::process::Command;
use tokio::time::{Duration, Instant, sleep};

use super::ground::{Ground, quantile};
use super::latency::micros;
use crate::commands::stdio_peer::{StdioPeer, broken};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const CALLS: usize = 40;
/// Looks for a review that waits, before it is given up.
const LOOKS: usize = 5_000;

/// From an approval's commit to the answer of the MCP call that was held for it: the gate wakes the call, its start is made
/// durable, the real server executes it, the outcome is made durable, the client has its answer.
pub(super) async fn run(ground: &Ground, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, "An approval and the MCP call that is held for it")?;
    let served = ground.serve_alone("approval").await?;
    let work = ground.path("approval-work");
    std::fs::create_dir_all(work.join("reports")).map_err(Failure::file(&work))?;
    let own = std::env::current_exe().map_err(Failure::file(Path::new("countersign")))?;
    let mut command = Command::new(&own);
    command.args(["mcp", "--server", "files", "--data"]).arg(&served.data).arg("--");
    command.arg(&own).arg("demo-server").arg(&work);
    let mut peer = StdioPeer::start(command, "bench").await?;
    let gate = served.serving.deployment().gate.clone();
    let file = work.join("reports/quarter.txt").display().to_string();
    let mut delays = Vec::new();
    for n in 0..CALLS {
        let approving = tokio::spawn(approve(gate.clone()));
        let content = format!("Revenue: {n}\n");
        let answer = peer.call("write_file", &[("path", &file), ("content", &content)]).await?.to_canonical();
        let answered = Instant::now();
        let committed = approving.await.map_err(broken)?.map_err(|error| Failure::No(error.to_string()))?;
        let written = std::fs::read_to_string(&file).map_err(Failure::file(Path::new(&file)))?;
        if written != content {
            return Err(broken(answer));
        }
        delays.push(micros(committed) - micros(answered));
    }
    delays.sort_unstable();
    let (middle, late, worst) = (quantile(&delays, 0.5), quantile(&delays, 0.95), quantile(&delays, 1.0));
    out.line(format!("  {CALLS} calls: p50 {middle} µs, p95 {late} µs, longest {worst} µs (bar 100000)"))?;
    peer.stop().await;
    served.serving.stop().await?;
    Ok(())
}

/// Approves what waits next; when that was durable.
async fn approve(gate: Gate) -> Result<Instant, GateError> {
    let owner = Caller::owner();
    for _ in 0..LOOKS {
        let Some(review) = gate.reviews(&owner)?.into_iter().next() else {
            sleep(Duration::from_millis(2)).await;
            continue;
        };
        // The client is waiting by now, as it would while a person reads.
        sleep(Duration::from_millis(50)).await;
        let request = DecideRequest::new(Verdict::Approve, review.payload_digest);
        gate.decide(&owner, review.action, request).await?;
        return Ok(Instant::now());
    }
    Err(GateError::NotFound("review"))
}
