//! Which servers there are, from a TOML file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use countersign_evidence::id::is_identifier;
use countersign_http::credential;
use countersign_mcp::{HoldPolicy, Program};
use serde::Deserialize;
use url::Url;

/// The servers by name.
#[derive(Debug, Default)]
pub struct Servers(pub(crate) BTreeMap<String, Server>);

/// One MCP server behind the gateway.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) reached: Reached,
    /// The agent of every call, where neither key nor request says.
    pub(crate) agent: Option<String>,
    pub(crate) deadline: Duration,
    pub(crate) hold: HoldPolicy,
}

/// How a server is reached.
#[derive(Debug, Clone)]
pub(crate) enum Reached {
    /// A program: one process for each conversation.
    Program(Program),
    /// A web service.
    Web {
        /// Its MCP endpoint.
        url: Url,
        /// What the gateway shows it; no agent ever sees that.
        credential: Option<(HeaderName, HeaderValue)>,
    },
}

/// Why the file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServersError {
    /// It does not read.
    #[error("the file of MCP servers does not read: {0}")]
    Form(String),
    /// Some make no sense: for each its name, what is wrong, and what to write.
    #[error("{}", .0.join("\n"))]
    Servers(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    server: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    env_files: BTreeMap<String, PathBuf>,
    #[serde(default)]
    hide_env: Vec<String>,
    url: Option<String>,
    credential_file: Option<PathBuf>,
    #[serde(default = "authorization")]
    credential_header: String,
    #[serde(default = "bearer")]
    credential_prefix: String,
    agent: Option<String>,
    #[serde(default = "five_minutes")]
    deadline_s: u64,
    hold_s: Option<u64>,
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn bearer() -> String {
    "Bearer ".to_owned()
}

fn five_minutes() -> u64 {
    300
}

impl Servers {
    /// Reads the file's text. `secret` reads a file that it names: its text without the line end.
    ///
    /// # Errors
    /// [`ServersError`], naming what to change.
    pub fn parse(text: &str, secret: impl Fn(&Path) -> Result<String, String>) -> Result<Self, ServersError> {
        let file: File = toml::from_str(text).map_err(|error| ServersError::Form(error.to_string()))?;
        let (mut servers, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, entry) in file.server {
            match entry.server(&name, &secret) {
                Ok(server) => drop(servers.insert(name, server)),
                Err(what) => problems.push(format!("MCP server {name}: {what}")),
            }
        }
        if problems.is_empty() { Ok(Servers(servers)) } else { Err(ServersError::Servers(problems)) }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Entry {
    fn server(self, name: &str, secret: impl Fn(&Path) -> Result<String, String>) -> Result<Server, String> {
        let plain = |one: char| one.is_ascii_alphanumeric() || "-_".contains(one);
        // Two underscores part a server from its tool where all servers are behind one path.
        if name.is_empty() || !name.chars().all(plain) || name.contains("__") || name.len() > 64 {
            return Err("a name has letters, digits, - and single _".to_owned());
        }
        if self.agent.as_deref().is_some_and(|agent| !is_identifier(agent)) {
            return Err("an agent's id has no spaces".to_owned());
        }
        if !(1..=86_400).contains(&self.deadline_s) || self.hold_s.is_some_and(|hold| hold > 3_600) {
            return Err("deadline_s is 1 to 86400, hold_s at most 3600".to_owned());
        }
        let (agent, deadline) = (self.agent.clone(), Duration::from_secs(self.deadline_s));
        let hold = self.hold_s.map_or(HoldPolicy::PerClient, |hold| HoldPolicy::Fixed(Duration::from_secs(hold)));
        let reached = match (&self.url, self.command.is_empty()) {
            (Some(url), true) => self.web(url, secret)?,
            (None, false) => self.program(secret)?,
            _ => return Err("say either `command` or `url`".to_owned()),
        };
        Ok(Server { name: name.to_owned(), reached, agent, deadline, hold })
    }

    fn web(&self, url: &str, secret: impl Fn(&Path) -> Result<String, String>) -> Result<Reached, String> {
        if !(self.env.is_empty() && self.env_files.is_empty() && self.hide_env.is_empty()) {
            return Err("env, env_files and hide_env are for programs".to_owned());
        }
        let url = Url::parse(url).map_err(|error| format!("url {url:?}: {error}"))?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err("url is http:// or https:// with host and path, and no user".to_owned());
        }
        let Some(file) = &self.credential_file else { return Ok(Reached::Web { url, credential: None }) };
        let shown = credential(&self.credential_header, &self.credential_prefix, &secret(file)?);
        Ok(Reached::Web { url, credential: Some(shown.map_err(|error| error.to_string())?) })
    }

    fn program(self, secret: impl Fn(&Path) -> Result<String, String>) -> Result<Reached, String> {
        if self.credential_file.is_some() {
            return Err("a program gets its secrets by env_files".to_owned());
        }
        let mut words = self.command.into_iter().map(OsString::from);
        let command = words.next().ok_or("command is empty")?;
        let mut env: Vec<(OsString, OsString)> =
            self.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        for (name, file) in self.env_files {
            env.push((name.into(), secret(&file)?.into()));
        }
        let hidden_env = self.hide_env.into_iter().map(OsString::from).collect();
        Ok(Reached::Program(Program { command, args: words.collect(), hidden_env, env }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Servers, ServersError> {
        Servers::parse(text, |_| Ok("s3cret".to_owned()))
    }

    #[test]
    fn a_file_reads_and_no_secret_shows() {
        let servers = parse(
            r#"
            [server.files]
            command = ["npx", "-y", "server-filesystem", "/data"]
            env_files = { TOKEN = "files.token" }
            [server.mail]
            url = "https://mail.example/mcp"
            credential_file = "mail.token"
            hold_s = 10
            "#,
        )
        .unwrap();
        assert_eq!(servers.names().collect::<Vec<_>>(), ["files", "mail"]);
        assert!(!format!("{servers:?}").contains("s3cret"), "{servers:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, told) in [
            ("[server.a]", "either `command` or `url`"),
            ("[server.a]\ncommand = [\"x\"]\nurl = \"http://x\"", "either `command` or `url`"),
            ("[server.a]\nurl = \"ftp://x\"", "url is http"),
            ("[server.a]\nurl = \"https://u:p@x\"", "url is http"),
            ("[server.a]\nurl = \"https://x\"\nenv = { A = \"b\" }", "for programs"),
            ("[server.a]\ncommand = [\"x\"]\ncredential_file = \"f\"", "env_files"),
            ("[server.a__b]\nurl = \"https://x\"", "a name has letters"),
            ("[server.a]\nurl = \"https://x\"\ndeadline_s = 0", "deadline_s"),
            ("[server.a]\nurl = \"https://x\"\nulr = 1", "does not read"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
