use std::fs::OpenOptions;
use std::path::Path;

use tokio::process::Command;

use super::ground::{Ground, quantile};
use super::latency::{micros, sync};
use crate::commands::stdio_peer::{StdioPeer, broken};
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
    let (mut bare, mut gated) = (start(&bare).await?, start(&gated).await?);
    let path = ground.path("fdatasync-mcp");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::file(&path))?;
    let (mut direct, mut through, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CALLS {
        direct.push(call(&mut bare).await?);
        through.push(call(&mut gated).await?);
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

async fn start(command: &[&str]) -> Result<StdioPeer, Failure> {
    let (program, arguments) = command.split_first().ok_or_else(|| broken("no command"))?;
    let mut server = Command::new(program);
    server.args(arguments);
    StdioPeer::start(server, "bench").await
}

/// Microseconds of one call.
async fn call(peer: &mut StdioPeer) -> Result<u64, Failure> {
    let from = tokio::time::Instant::now();
    let result = peer.call("read_file", &[("path", "note.txt")]).await?.to_canonical();
    let took = micros(from);
    if result.contains("hello") { Ok(took) } else { Err(broken(result)) }
}
