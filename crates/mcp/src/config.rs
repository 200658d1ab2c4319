//! What a gateway is told when it starts.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_client::Client;
use countersign_client::wire::UserRef;
use countersign_evidence::key::Random;
use countersign_evidence::time::Clock;

/// Everything that [`crate::run`] needs.
#[derive(Debug)]
pub struct Config {
    /// The real server.
    pub program: Program,
    /// The gateway's own settings.
    pub settings: Settings,
}

/// A real server as a program.
#[derive(Clone)]
pub struct Program {
    /// The program.
    pub command: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables that it does not get, besides all that begin with `COUNTERSIGN_`.
    pub hidden_env: Vec<OsString>,
    /// Environment variables that it gets: secrets may be among them.
    pub env: Vec<(OsString, OsString)>,
}

impl fmt::Debug for Program {
    /// Without the environment's values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("command", &self.command).field("args", &self.args).finish_non_exhaustive()
    }
}

/// How the gateway behaves.
#[derive(Clone)]
pub struct Settings {
    /// The server's name, as policies know it: `tool.server` of every action.
    pub server: String,
    /// The gate.
    pub client: Client,
    /// The agent's id; what the client calls itself where absent.
    pub agent: Option<String>,
    /// The agent's version; what the client says where neither is given.
    pub agent_version: Option<String>,
    /// The model behind the agent.
    pub model: Option<String>,
    /// On whose behalf.
    pub user: Option<UserRef>,
    /// The environment; the gate's default where absent.
    pub environment: Option<String>,
    /// How long a call is held for a review.
    pub hold: HoldPolicy,
    /// How long the server may take for a call before its outcome counts as unknown.
    pub deadline: Duration,
    /// How long calls in flight may go on after the client is gone.
    pub grace: Duration,
    /// Most bytes of one message, in both directions.
    pub most_line: usize,
    /// Most calls at a time.
    pub most_calls: usize,
    /// Where ids come from.
    pub random: Arc<dyn Random>,
    /// Where times come from.
    pub clock: Arc<dyn Clock>,
}

/// How long a call is held before "pending" is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldPolicy {
    /// As long as the client was measured to bear; 45 s for an unknown one.
    PerClient,
    /// So long, whoever calls.
    Fixed(Duration),
}

impl Settings {
    /// Settings for a server named `server`, with the defaults: hold per client, 300 s deadline, 5 s grace, messages of
    /// up to 16 MiB, 256 calls at a time.
    pub fn new(server: impl Into<String>, client: Client, random: Arc<dyn Random>, clock: Arc<dyn Clock>) -> Self {
        Settings {
            server: server.into(),
            client,
            agent: None,
            agent_version: None,
            model: None,
            user: None,
            environment: None,
            hold: HoldPolicy::PerClient,
            deadline: Duration::from_secs(300),
            grace: Duration::from_secs(5),
            most_line: 16 << 20,
            most_calls: 256,
            random,
            clock,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the client, which holds a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("server", &self.server).field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's program did not start.
    #[error("the MCP server {command:?} did not start: {source}. Check its command")]
    Spawn {
        /// The program.
        command: OsString,
        /// Why not.
        source: std::io::Error,
    },
    /// The gateway's own input or output broke.
    #[error("{what} broke: {source}")]
    Io {
        /// Which stream or process.
        what: &'static str,
        /// How.
        source: std::io::Error,
    },
}

/// Programs that only start another one.
const LAUNCHERS: [&str; 13] =
    ["npx", "bunx", "uvx", "pipx", "uv", "run", "node", "bun", "deno", "python", "python3", "exec", "env"];

/// A server name taken from its command, where none is configured: the first word that is neither a launcher nor an
/// option, without folder, extension and version.
///
/// `npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /data` gives `server-filesystem`.
pub fn default_server_name(command: &OsStr, args: &[OsString]) -> String {
    let words = std::iter::once(command).chain(args.iter().map(OsString::as_os_str));
    let named = words.filter_map(word_name).find(|name| !LAUNCHERS.contains(&name.as_str()));
    named.unwrap_or_else(|| "server".to_owned())
}

fn word_name(word: &OsStr) -> Option<String> {
    let file = Path::new(word).file_name()?.to_str().filter(|file| !file.starts_with('-') && !file.contains('='))?;
    let unversioned = file.split('@').find(|part| !part.is_empty())?;
    let stem = [".js", ".mjs", ".cjs", ".ts", ".py"].iter().find_map(|end| unversioned.strip_suffix(end));
    let name: String = stem
        .unwrap_or(unversioned)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(64)
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_the_command() {
        for (words, name) in [
            ("npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /data", "server-filesystem"),
            ("uvx mcp-server-git --repository /r", "mcp-server-git"),
            ("/usr/bin/python3 -m mcp_server_time", "mcp_server_time"),
            ("node /opt/tools/files.mjs", "files"),
            ("/opt/bin/payments", "payments"),
            ("npx", "server"),
        ] {
            let mut words = words.split(' ').map(OsString::from);
            let command = words.next().unwrap_or_default();
            assert_eq!(default_server_name(&command, &words.collect::<Vec<_>>()), name);
        }
    }
}
