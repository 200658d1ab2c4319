//! Fresh deployments to measure on, and what is proposed to them.

use std::path::{Path, PathBuf};

use countersign_client::Client;
use countersign_client::Transport;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Agent, Correlation, KeyKind, ToolRef};
use countersign_wire::{KeyCreatedView, KeyRequest, ProposeRequest, StartNow};
use tempfile::TempDir;

use crate::commands::serve::Serving;
use crate::config::Config;
use crate::connect::SOCKET;
use crate::deployment::{self, Starter};
use crate::error::Failure;

/// Actions of one agent in a row: the starter policy sends an agent to review from 300 effects an hour on.
const ACTIONS_PER_AGENT: u64 = 200;
/// Bytes of a proposed payload.
pub(super) const PAYLOAD_BYTES: usize = 2_048;

/// A folder that goes when the benchmark ends.
pub(super) struct Ground {
    folder: TempDir,
}

impl Ground {
    pub(super) fn build(folder: Option<&Path>) -> Result<Self, Failure> {
        let builder = tempfile::Builder::new().prefix("countersign-bench-").to_owned();
        let made = match folder {
            Some(folder) => builder.tempdir_in(folder).map_err(Failure::file(folder))?,
            None => builder.tempdir().map_err(Failure::file(&std::env::temp_dir()))?,
        };
        Ok(Ground { folder: made })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A fresh deployment under the starter policy, served at its socket and at a TCP port; with an agent's key.
    pub(super) async fn serve(&self, name: &str) -> Result<Served, Failure> {
        self.serve_with(name, Config::default(), None).await
    }

    /// The same, with these upstreams behind its HTTP gateway.
    pub(super) async fn serve_before(&self, name: &str, upstreams: &str) -> Result<Served, Failure> {
        let config = Config { upstreams_file: PathBuf::from("upstreams.toml"), ..Config::default() };
        let file = config.upstreams_file.clone();
        self.serve_with(name, config, Some((file, upstreams))).await
    }

    /// The same, with these servers behind its MCP gateway.
    pub(super) async fn serve_servers(&self, name: &str, servers: &str) -> Result<Served, Failure> {
        let config = Config { mcp_servers_file: PathBuf::from("mcp.toml"), ..Config::default() };
        let file = config.mcp_servers_file.clone();
        self.serve_with(name, config, Some((file, servers))).await
    }

    /// The same, where the owner may approve alone.
    pub(super) async fn serve_alone(&self, name: &str) -> Result<Served, Failure> {
        self.serve_with(name, Config { solo: true, ..Config::default() }, None).await
    }

    async fn serve_with(
        &self,
        name: &str,
        mut config: Config,
        file: Option<(PathBuf, &str)>,
    ) -> Result<Served, Failure> {
        let data = self.path(name);
        // Proposals are left open here; a real deployment refuses so many.
        config.limits.open_actions = 10_000_000;
        deployment::create(&data, &config, Starter::Whole).await?;
        if let Some((file, text)) = file {
            let file = data.join(file);
            std::fs::write(&file, text).map_err(Failure::file(&file))?;
        }
        let port = free_port()?;
        let serving = Serving::start(&data, &config, Some(([127, 0, 0, 1], port).into()), |_, _| {}).await?;
        let owner = Client::new(Transport::unix(data.join(SOCKET)), None);
        let request = KeyRequest {
            kind: KeyKind::Gateway,
            label: "bench".to_owned(),
            environments: Vec::new(),
            agents: Vec::new(),
            person: None,
        };
        let made: KeyCreatedView = owner.post("/v1/keys", &request).await?;
        Ok(Served { data, serving, port, key: made.secret })
    }
}

/// A gate that is being measured.
pub(super) struct Served {
    pub(super) data: PathBuf,
    pub(super) serving: Serving,
    pub(super) port: u16,
    pub(super) key: String,
}

/// A port that nothing listens at now.
pub(super) fn free_port() -> Result<u16, Failure> {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(bound.map_err(|error| Failure::Usage(format!("no port is free on loopback: {error}")))?.port())
}

/// The n-th proposal: a write that the starter policy allows, about 2 KB of payload with a few dozen members.
pub(super) fn proposal(n: u64, start: bool) -> ProposeRequest {
    let agent = format!("agent-{}", n / ACTIONS_PER_AGENT);
    ProposeRequest {
        request_id: format!("request-{n}"),
        agent: Agent { id: agent, version: Some("1.0".to_owned()) },
        model: Some("bench-model".to_owned()),
        user: None,
        environment: None,
        tool: ToolRef { name: "write_file".to_owned(), server: "files".to_owned(), definition: None },
        category: None,
        resource: None,
        payload: payload(n),
        intent: Some("Keep the notes up to date.".to_owned()),
        context: None,
        correlation: Correlation { session_id: Some(format!("session-{}", n / 50)), ..Correlation::default() },
        source: None,
        start_if_allowed: start.then(|| StartNow { attempt: format!("attempt-{n}"), executor: None, deadline_s: None }),
        redeem: false,
        wait_s: 0,
    }
}

fn payload(n: u64) -> Value {
    let mut arguments = Object::from_iter([("path", format!("notes/{n}.txt"))]);
    for line in 0..16 {
        arguments.insert(
            format!("field_{line:02}"),
            format!("value {line} of note {n} {}", "lorem ipsum dolor sit amet ".repeat(3)),
        );
    }
    let mut payload = Object::from_iter([("name", Value::from("write_file")), ("arguments", Value::Object(arguments))]);
    let length = Value::Object(payload.clone()).to_canonical().len();
    payload.insert("pad", "x".repeat(PAYLOAD_BYTES.saturating_sub(length + 9)));
    Value::Object(payload)
}

/// Middle of a sorted list of microseconds.
pub(super) fn quantile(sorted: &[u64], part: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let at = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}
