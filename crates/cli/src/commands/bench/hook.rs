use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::ground::{Ground, quantile};
use super::latency::{micros, sync};
use crate::commands::stdio_peer::broken;
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

const CALLS: usize = 120;
/// Not counted: what is read from the disk for the first time.
const WARM: usize = 20;

/// One allowed event of a hook, from the start of its process to its end, in turns with a sync of the same disk.
pub(super) async fn run(ground: &Ground, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, "One allowed hook event, process and all")?;
    let served = ground.serve("hook").await?;
    let path = ground.path("fdatasync-hook");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::file(&path))?;
    let (mut answers, mut syncs) = (Vec::new(), Vec::new());
    for n in 0..CALLS {
        answers.push(call(&served.data, n).await?);
        syncs.push(sync(&mut file, &path)?);
    }
    for list in [&mut answers, &mut syncs] {
        list.drain(..WARM);
        list.sort_unstable();
    }
    let (answer, worst, sync) = (quantile(&answers, 0.5), quantile(&answers, 0.95), quantile(&syncs, 0.5));
    out.line(format!(
        "  p50 {answer} µs, p95 {worst} µs; one fdatasync {sync} µs; one fdatasync + 15 ms = {} µs",
        sync + 15_000
    ))?;
    served.serving.stop().await?;
    Ok(())
}

/// Microseconds of one event.
async fn call(data: &Path, n: usize) -> Result<u64, Failure> {
    let own = std::env::current_exe().map_err(Failure::file(Path::new("countersign")))?;
    let event = format!(
        r#"{{"session_id":"bench","hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{{"file_path":"/dev/null"}},"tool_use_id":"call-{n}","cwd":"/"}}"#
    );
    let from = tokio::time::Instant::now();
    let mut hook = Command::new(own);
    hook.args(["hook", "claude", "--data"]).arg(data).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut hook = hook.spawn().map_err(Failure::file(Path::new("countersign hook")))?;
    if let Some(mut input) = hook.stdin.take() {
        input.write_all(event.as_bytes()).await?;
    }
    let ended = hook.wait_with_output().await?;
    let took = micros(from);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.status.success() && said.contains("\"allow\"") { Ok(took) } else { Err(broken(said)) }
}
