use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome;
use countersign_gate::{Caller, Gate};
use countersign_wire::FinishRequest;

use super::ground::{Ground, proposal};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const SLICES: u64 = 20;
const CALLERS: u64 = 256;

/// Whole actions (proposed, decided, authorized, started, finished) in 20 slices, index and publishing on.
pub(super) async fn run(ground: &Ground, actions: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, format!("Growth over {actions} whole actions, index with full text and publishing on"))?;
    let served = ground.serve("growth").await?;
    let gate = served.serving.deployment().gate.clone();
    let (next, per_slice) = (Arc::new(AtomicU64::new(0)), (actions / SLICES).max(1));
    let mut rates = Vec::new();
    for slice in 1..=SLICES {
        let from = tokio::time::Instant::now();
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(tokio::spawn(act(gate.clone(), Arc::clone(&next), slice * per_slice)));
        }
        for caller in callers {
            caller.await.map_err(|error| Failure::No(error.to_string()))??;
        }
        #[allow(clippy::cast_precision_loss)]
        let rate = per_slice as f64 / from.elapsed().as_secs_f64();
        next.store(slice * per_slice, Ordering::Relaxed);
        rates.push(rate);
        let (durable, held) = (gate.durable(), gate.held_actions());
        out.line(format!(
            "  {:>9} actions: {rate:>7.0}/s, {:>5} MiB resident, {durable} records durable, {held} actions held",
            slice * per_slice,
            resident_mib()
        ))?;
        out.flush()?;
    }
    if let (Some(first), Some(last)) = (rates.first(), rates.last()) {
        out.line(format!(
            "  last slice over first: {:.2} (bar 0.9); slope {:+.2} % a slice",
            last / first,
            slope(&rates)
        ))?;
    }
    served.serving.stop().await?;
    let bytes = folder_bytes(&served.data)?;
    out.line(format!("  {} bytes on disk per action, all files counted", bytes / actions.max(1)))?;
    Ok(())
}

/// Whole actions up to the one with this number.
pub(super) async fn act(gate: Gate, next: Arc<AtomicU64>, until: u64) -> Result<(), Failure> {
    let caller = Caller::owner();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= until {
            return Ok(());
        }
        let failed = |error: countersign_gate::GateError| Failure::No(error.to_string());
        let view = gate.propose(&caller, proposal(n, true)).await.map_err(failed)?;
        let finish = FinishRequest {
            attempt: format!("attempt-{n}"),
            outcome: Outcome::Succeeded,
            status: None,
            response: Some(Value::Object(Object::from_iter([("written", true)]))),
            error: None,
            downstream_request_id: None,
            duration_us: Some(1),
        };
        gate.finish(&caller, view.action, finish).await.map_err(failed)?;
    }
}

/// Least squares: per cent of the mean per slice.
#[allow(clippy::cast_precision_loss)]
fn slope(rates: &[f64]) -> f64 {
    let count = rates.len() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, rates.iter().sum::<f64>() / count);
    let over: f64 = rates.iter().enumerate().map(|(x, y)| (x as f64 - mean_x) * (y - mean_y)).sum();
    let under: f64 = (0..rates.len()).map(|x| (x as f64 - mean_x).powi(2)).sum();
    if under == 0.0 { 0.0 } else { over / under / mean_y * 100.0 }
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

fn folder_bytes(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(Failure::file(folder))? {
        let entry = entry.map_err(Failure::file(folder))?;
        let path = entry.path();
        let metadata = entry.metadata().map_err(Failure::file(&path))?;
        bytes += if metadata.is_dir() { folder_bytes(&path)? } else { metadata.len() };
    }
    Ok(bytes)
}
