//! The configuration: one TOML file and the environment, every key documented, unknown ones refused.

mod keys;
mod load;
mod sample;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub(crate) use load::ConfigError;
pub(crate) use sample::sample;

/// File name within the data folder.
pub(crate) const FILE: &str = "countersign.toml";

/// What a deployment is told. [`keys::KEYS`] says what each key means, and its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)] // read by whoever assembles the gate
pub(crate) struct Config {
    /// First part of each log's origin.
    pub(crate) deployment: String,
    /// The workspace whose log this is.
    pub(crate) workspace: String,
    /// The environment of a proposal that names none.
    pub(crate) environment: String,
    /// Where the HTTP API listens.
    pub(crate) listen: SocketAddr,
    /// Where people reach it, as they type it; `http://localhost` with the port where empty.
    pub(crate) public_url: String,
    /// Seconds without use after which a session is over.
    pub(crate) session_idle_s: u32,
    /// Seconds after which a session is over in any case.
    pub(crate) session_s: u32,
    /// Seconds after which somebody proves again who it is before an approval of high risk.
    pub(crate) step_up_s: u32,
    /// The file with the upstreams of the HTTP gateway, as written; none where empty.
    pub(crate) upstreams_file: PathBuf,
    /// The file with the servers of the MCP gateway, as written; none where empty.
    pub(crate) mcp_servers_file: PathBuf,
    /// The policy folder as written; see [`Config::policy_folder_in`].
    pub(crate) policy_folder: PathBuf,
    /// IANA name; see [`Config::zone`].
    pub(crate) time_zone: String,
    /// Whether the owner may approve alone.
    pub(crate) solo: bool,
    /// Seconds that an authorization holds.
    pub(crate) authorization_ttl_s: u32,
    /// Seconds until an execution without outcome is unknown.
    pub(crate) execution_deadline_s: u32,
    /// Milliseconds between checkpoints.
    pub(crate) publish_interval_ms: u64,
    /// Seconds that the MCP gateway holds a call; by client where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold_s: Option<u32>,
    /// The OpenID provider that people sign in with.
    pub(crate) oidc: Oidc,
    /// Who is told what waits and what came of it.
    pub(crate) notify: Notify,
    /// What is kept of the agents' own reports.
    pub(crate) runtime: Runtime,
    /// The collector that is told of each action that ended.
    pub(crate) otlp: Otlp,
    /// Limits that protect the gate.
    pub(crate) limits: Limits,
}

/// What is kept of the agents' own reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Runtime {
    /// Most spans and events; none are taken where 0.
    pub(crate) reports: u64,
    /// Most bytes of their texts.
    pub(crate) bytes: u64,
    /// Seconds that one is kept.
    pub(crate) age_s: u32,
    /// Whether prompts, arguments and results are kept, too.
    pub(crate) content: bool,
}

impl Default for Runtime {
    fn default() -> Self {
        Runtime { reports: 200_000, bytes: 256 << 20, age_s: 7 * 86_400, content: false }
    }
}

/// The collector that is told of each action that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Otlp {
    /// Its address; none where empty.
    pub(crate) endpoint: String,
    /// Where headers lie that go along, as written.
    pub(crate) headers_file: PathBuf,
    /// The name under which it knows this gate.
    pub(crate) service_name: String,
    /// Where the place in the log is kept, as written.
    pub(crate) folder: PathBuf,
}

impl Default for Otlp {
    fn default() -> Self {
        Otlp {
            endpoint: String::new(),
            headers_file: PathBuf::new(),
            service_name: "countersign".to_owned(),
            folder: PathBuf::from("otlp"),
        }
    }
}

/// Who is told what waits and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notify {
    /// A web service; none where empty.
    pub(crate) webhook: String,
    /// Where the secret lies that signs its messages, as written.
    pub(crate) webhook_secret_file: PathBuf,
    /// Where the address of a Slack incoming webhook lies, as written; none where empty.
    pub(crate) slack_file: PathBuf,
    /// The server for e-mail; none where empty.
    pub(crate) smtp: String,
    /// Where its password lies, as written.
    pub(crate) smtp_password_file: PathBuf,
    /// From whom e-mail comes.
    pub(crate) mail_from: String,
    /// To whom it goes.
    pub(crate) mail_to: String,
    /// Whether webhooks may lead to private addresses.
    pub(crate) private_addresses: bool,
    /// Where the places in the log are kept, as written.
    pub(crate) folder: PathBuf,
}

impl Default for Notify {
    fn default() -> Self {
        Notify {
            webhook: String::new(),
            webhook_secret_file: PathBuf::new(),
            slack_file: PathBuf::new(),
            smtp: String::new(),
            smtp_password_file: PathBuf::new(),
            mail_from: String::new(),
            mail_to: String::new(),
            private_addresses: false,
            folder: PathBuf::from("notify"),
        }
    }
}

/// The OpenID provider that people sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Oidc {
    /// Its issuer URL; none where empty.
    pub(crate) issuer: String,
    /// What people know it as.
    pub(crate) name: String,
    /// The name by which it knows this gate.
    pub(crate) client_id: String,
    /// Where the secret lies that goes with it, as written; relative to the data folder.
    pub(crate) client_secret_file: PathBuf,
    /// The claim that lists groups.
    pub(crate) groups_claim: String,
    /// `theirs = ours`, with commas between.
    pub(crate) groups: String,
    /// Whether somebody new is added.
    pub(crate) add_people: bool,
}

impl Default for Oidc {
    fn default() -> Self {
        Oidc {
            issuer: String::new(),
            name: "single sign-on".to_owned(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            groups_claim: "groups".to_owned(),
            groups: String::new(),
            add_people: false,
        }
    }
}

/// Pairs of their groups and ours.
///
/// # Errors
/// The part that is no such pair.
pub(crate) fn group_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (theirs, ours) = part.split_once('=').ok_or_else(|| part.to_owned())?;
        let (theirs, ours) = (theirs.trim(), ours.trim());
        let both = !theirs.is_empty() && !ours.is_empty();
        both.then(|| (theirs.to_owned(), ours.to_owned())).ok_or_else(|| part.to_owned())
    };
    parts.map(pair).collect()
}

/// Limits that protect the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)] // read by whoever assembles the gate
pub(crate) struct Limits {
    /// Largest payload in bytes of canonical form.
    pub(crate) payload_bytes: usize,
    /// Most open actions.
    pub(crate) open_actions: usize,
    /// Most open actions of one agent.
    pub(crate) open_actions_per_agent: usize,
    /// Refused starts after which an authorization ends.
    pub(crate) mismatches_per_authorization: u32,
    /// Longest wait of one request in seconds.
    pub(crate) wait_s: u32,
    /// Longest execution deadline in seconds.
    pub(crate) deadline_s: u32,
    /// Requests that may wait for the writer.
    pub(crate) queue: usize,
    /// Most records in one commit.
    pub(crate) batch_records: usize,
    /// Most bytes in one commit.
    pub(crate) batch_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            deployment: "countersign.local".to_owned(),
            workspace: "default".to_owned(),
            environment: "default".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8640)),
            public_url: String::new(),
            session_idle_s: 4 * 3_600,
            session_s: 24 * 3_600,
            step_up_s: 900,
            upstreams_file: PathBuf::new(),
            mcp_servers_file: PathBuf::new(),
            policy_folder: PathBuf::from("policy"),
            time_zone: "UTC".to_owned(),
            solo: false,
            authorization_ttl_s: 900,
            execution_deadline_s: 300,
            publish_interval_ms: 500,
            hold_s: None,
            oidc: Oidc::default(),
            notify: Notify::default(),
            runtime: Runtime::default(),
            otlp: Otlp::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            payload_bytes: 1 << 20,
            open_actions: 100_000,
            open_actions_per_agent: 1_000,
            mismatches_per_authorization: 5,
            wait_s: 600,
            deadline_s: 86_400,
            queue: 4_096,
            batch_records: 1_024,
            batch_bytes: 4 << 20,
        }
    }
}

impl Config {
    /// Reads the file (`explicit`, or `countersign.toml` in the data folder where there is one) and this process's
    /// environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem; a file that is named but not there is one.
    pub(crate) fn read(data: &Path, explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let file = load::read_file(data, explicit)?;
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::load(file.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), environment)
    }

    /// The policy folder, where `data` is the data folder.
    pub(crate) fn policy_folder_in(&self, data: &Path) -> PathBuf {
        data.join(&self.policy_folder)
    }

    /// Where people reach it: scheme, host and port, without a slash at the end.
    pub(crate) fn public_url(&self) -> String {
        match self.public_url.trim_end_matches('/') {
            "" => format!("http://localhost:{}", self.listen.port()),
            url => url.to_owned(),
        }
    }

    /// The time zone; loading has checked that it exists.
    #[allow(dead_code)] // read by whoever assembles the gate
    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }
}
