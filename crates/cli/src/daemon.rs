//! The per-user gate behind `countersign mcp`: the first process starts it, the rest attach.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use countersign_client::Client;

use crate::connect::attach;
use crate::error::Failure;

/// The daemon's own log, beside the data.
const LOG: &str = "daemon.log";
/// Seconds without a question after which it ends. Each gateway asks more often than that.
const IDLE_S: u64 = 120;
/// How often a gateway shows that it is there.
const BEAT: Duration = Duration::from_secs(20);
/// How long a start may take: the index may have to be built anew.
const PATIENCE: Duration = Duration::from_secs(120);

/// Attaches to the folder's server, or starts one that outlives this process and ends when nobody uses it any more.
///
/// # Errors
/// [`Failure::Unreachable`] with the daemon's last words where it does not start.
pub(crate) async fn attach_or_start(data: &Path, key: Option<String>) -> Result<Client, Failure> {
    if let Some(client) = attach(data, key.clone()).await? {
        return Ok(client);
    }
    let mut daemon = start(data)?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        if let Some(client) = attach(data, key.clone()).await? {
            return Ok(client);
        }
        // Where two start at once the one that comes second is refused by the folder's lock; the first will answer.
        let ended = daemon.try_wait().map_err(Failure::file(data))?;
        if ended.is_some_and(|status| !status.success()) && attach(data, None).await?.is_none() {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if attach(data, None).await?.is_none() {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Failure::Unreachable(format!("the gate of {} does not start: {}", data.display(), last_words(data))))
}

fn start(data: &Path) -> Result<std::process::Child, Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(Failure::file(data))?;
    let path = data.join(LOG);
    let log = std::fs::File::create(&path).map_err(Failure::file(&path))?;
    let own = std::env::current_exe().map_err(Failure::file(Path::new("countersign")))?;
    let mut command = std::process::Command::new(own);
    command.args(["serve", "--local", "--create", "--idle-exit", &IDLE_S.to_string(), "--data"]).arg(data);
    for name in foreign(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    // A group of its own, so that the terminal's interrupt does not reach it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    spawned.map_err(Failure::file(Path::new("countersign serve")))
}

/// Settings that whoever calls has in its environment. They are not the deployment's: its file is. Only what opens it goes along.
fn foreign(names: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    names.filter(|name| {
        name.to_str().is_some_and(|name| {
            name.starts_with("COUNTERSIGN_") && !["COUNTERSIGN_MASTER_KEY", "COUNTERSIGN_LOG"].contains(&name)
        })
    })
}

fn last_words(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}

/// Shows the daemon that this gateway is there, for as long as it runs.
pub(crate) async fn beat(client: Client) {
    loop {
        tokio::time::sleep(BEAT).await;
        // Where it is gone the next call fails closed, and says so.
        let _ = client.bytes("/healthz").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_settings_reach_the_daemon() {
        let names =
            ["COUNTERSIGN_SOLO", "COUNTERSIGN_MASTER_KEY", "COUNTERSIGN_NOTIFY_WEBHOOK", "PATH"].map(OsString::from);
        assert_eq!(foreign(names.into_iter()).collect::<Vec<_>>(), ["COUNTERSIGN_SOLO", "COUNTERSIGN_NOTIFY_WEBHOOK"]);
    }
}
