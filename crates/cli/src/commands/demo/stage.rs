//! What the demo plays on: a deployment, a folder of files, a reviewer with a key, an agent with a key.

use std::path::{Path, PathBuf};

use countersign_client::{Client, Transport};
use countersign_evidence::record::KeyKind;
use countersign_wire::{KeyCreatedView, KeyRequest, PersonRequest, PersonView};

use super::Demo;
use crate::commands::serve::Serving;
use crate::config::Config;
use crate::connect::SOCKET;
use crate::deployment::{self, DeploymentError, Starter, TRUST};
use crate::error::Failure;
use crate::session::Session;

/// Everything that the scenes need.
pub(super) struct Stage {
    /// The demo's folder.
    pub(super) folder: PathBuf,
    /// The data folder in it.
    pub(super) data: PathBuf,
    /// The folder that the agent works in.
    pub(super) work: PathBuf,
    /// Where the folder's owner talks to the gate.
    pub(super) owner: Client,
    /// A reviewer who is no one's agent's owner.
    pub(super) reviewer: Client,
    /// An agent without an enforcement point, over the API.
    pub(super) support: Client,
    /// The command of the real MCP server.
    pub(super) server: Vec<String>,
    /// Whether approvals are asked at the terminal.
    pub(super) ask: bool,
    serving: Serving,
}

impl Stage {
    pub(super) async fn build(demo: &Demo, session: &mut Session) -> Result<Self, Failure> {
        let folder = folder(demo)?;
        let (data, work) = (folder.join("data"), folder.join("work"));
        write_work(&work)?;
        let config = Config { publish_interval_ms: 200, ..Config::default() };
        deployment::create(&data, &config, Starter::Whole).await?;
        let serving = Serving::start(&data, &config, None, |_, _| {}).await?;
        let owner = Client::new(Transport::unix(data.join(SOCKET)), None);
        let person = PersonRequest {
            roles: None,
            until: None,
            person: None,
            name: "You".to_owned(),
            user: Some("you".to_owned()),
            groups: vec!["owners".to_owned(), "finance".to_owned()],
        };
        let person: PersonView = owner.post("/v1/people", &person).await?;
        let reviewer = key(&owner, &data, KeyKind::Reviewer, "your review key", Some(person.person)).await?;
        let support = key(&owner, &data, KeyKind::Agent, "support-bot", None).await?;
        let server = server(demo, &work);
        let ask = !demo.yes && std::io::IsTerminal::is_terminal(&std::io::stdin());
        let _ = session;
        Ok(Stage { folder, data, work, owner, reviewer, support, server, ask, serving })
    }

    /// Publishes the last records and lets go of the folder.
    pub(super) async fn close(self) -> Result<(), DeploymentError> {
        self.serving.stop().await
    }

    /// The trust file.
    pub(super) fn trust(data: &Path) -> PathBuf {
        data.join(TRUST)
    }
}

fn folder(demo: &Demo) -> Result<PathBuf, Failure> {
    match &demo.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
            let mut entries = std::fs::read_dir(folder).map_err(Failure::file(folder))?;
            match entries.next() {
                None => folder.canonicalize().map_err(Failure::file(folder)),
                Some(_) => Err(Failure::Usage(format!("{} is not empty: name a new folder", folder.display()))),
            }
        }
        None => {
            let made = tempfile::Builder::new().prefix("countersign-demo-").tempdir();
            Ok(made.map_err(Failure::file(&std::env::temp_dir()))?.keep())
        }
    }
}

fn write_work(work: &Path) -> Result<(), Failure> {
    for (name, text) in [
        ("notes.txt", "Refund orders 17 and 23. Publish the quarter's figures.\n"),
        (".env", "API_TOKEN=keep-me-out-of-prompts\n"),
        ("reports/quarter.txt", "Revenue: 1,200\n"),
    ] {
        let path = work.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Failure::file(parent))?;
        }
        std::fs::write(&path, text).map_err(Failure::file(&path))?;
    }
    Ok(())
}

/// The reference file server from npm where Node.js is there, else the bundled one. Both have real effects.
fn server(demo: &Demo, work: &Path) -> Vec<String> {
    let work = work.display().to_string();
    let there = |program: &str| {
        std::process::Command::new(program)
            .arg("--version")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !demo.bundled && there("npx") {
        return ["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", &work].map(str::to_owned).to_vec();
    }
    bundled(&work)
}

/// The bundled server.
pub(super) fn bundled(work: &str) -> Vec<String> {
    let own =
        std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_else(|_| "countersign".to_owned());
    vec![own, "demo-server".to_owned(), work.to_owned()]
}

async fn key(
    owner: &Client,
    data: &Path,
    kind: KeyKind,
    label: &str,
    person: Option<uuid::Uuid>,
) -> Result<Client, Failure> {
    let request = KeyRequest { kind, label: label.to_owned(), environments: Vec::new(), agents: Vec::new(), person };
    let made: KeyCreatedView = owner.post("/v1/keys", &request).await?;
    Ok(Client::new(Transport::unix(data.join(SOCKET)), Some(made.secret)))
}
