use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use hyper::StatusCode;

use super::connection::Connection;
use super::ground::{Ground, quantile};
use super::load::{self, Target};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const SAMPLES_PER_SECOND: u64 = 100;

/// One connection, one request at a time, each beside a bare fdatasync of 4 KiB on the same disk.
pub(super) async fn run(ground: &Ground, seconds: u64, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, "Latency at one connection")?;
    let served = ground.serve("latency").await?;
    let target =
        Target { port: served.port, path: "/v1/actions", key: Some(served.key.clone()), expect: StatusCode::CREATED };
    let path = ground.path("fdatasync");
    // A client of its own: among the gate's tasks it would wait for its turn.
    let client = std::thread::spawn(move || ask(&target, &path, seconds));
    let asked = tokio::task::spawn_blocking(|| client.join()).await.map_err(|error| Failure::No(error.to_string()))?;
    let (mut syncs, mut answers) = asked.map_err(|_| Failure::No("the client failed".to_owned()))??;
    syncs.sort_unstable();
    answers.sort_unstable();
    let (sync, answer) = (quantile(&syncs, 0.5), quantile(&answers, 0.5));
    #[allow(clippy::cast_precision_loss)]
    let ratio = answer as f64 / sync.max(1) as f64;
    out.line(format!(
        "  decision p50 {answer} µs, p99 {} µs; fdatasync p50 {sync} µs; ratio {ratio:.2} (bar 2.5)",
        quantile(&answers, 0.99)
    ))?;
    served.serving.stop().await?;
    Ok(())
}

/// Microseconds of each sync and of each answer, in turns, once both are warm.
fn ask(target: &Target, path: &Path, seconds: u64) -> Result<(Vec<u64>, Vec<u64>), Failure> {
    let mut connection = Connection::open(target.port)?;
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(Failure::file(path))?;
    let (mut syncs, mut answers) = (Vec::new(), Vec::new());
    for n in 0..seconds.max(2) * SAMPLES_PER_SECOND {
        syncs.push(sync(&mut file, path)?);
        let body = load::body(n)?;
        let from = tokio::time::Instant::now();
        connection.send(target, &body)?;
        answers.push(micros(from));
    }
    let warm = usize::try_from(SAMPLES_PER_SECOND / 2).unwrap_or_default();
    Ok((syncs.split_off(warm), answers.split_off(warm)))
}

/// Microseconds of one appended and synced 4 KiB.
pub(super) fn sync(file: &mut File, path: &Path) -> Result<u64, Failure> {
    let from = tokio::time::Instant::now();
    file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).map_err(Failure::file(path))?;
    Ok(micros(from))
}

/// Microseconds since then.
pub(super) fn micros(from: tokio::time::Instant) -> u64 {
    u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX)
}
