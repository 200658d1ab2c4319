//! Making a deployment: a deliberate act, done once.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use countersign_evidence::id::uuid_v7;
use countersign_evidence::key::Random;
use countersign_evidence::open::KeyRing;
use countersign_evidence::time::Clock;
use countersign_gate::Caller;
use countersign_index::{Index, JournalLog, Setup};
use countersign_journal::{
    DataFolder, Journal, KeyKind, KeyStore, LogId, LogReader, MasterKey, Owner, SqliteJournal, SqliteKeyStore,
    SqliteOptions,
};
use countersign_policy::PolicyText;
use countersign_wire::ImportPolicy;

use tokio::runtime::Handle;

use super::{Deployment, DeploymentError, MASTER, ORIGIN, TRUST, signer};
use crate::config::{self, Config};
use crate::starter::STARTER;
use crate::system::{SystemClock, SystemRandom};

/// What a new policy folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// The starter policy.
    Whole,
    /// Nothing: everything is denied until somebody writes rules.
    Nothing,
}

/// Whether the folder holds a deployment.
pub(crate) fn is_created(data: &Path) -> bool {
    data.join(ORIGIN).exists()
}

/// Makes keys, log, configuration, a starter policy and the trust file, and activates the policy. The origin is written
/// last: a folder without it holds no deployment, whatever a crash left in it.
///
/// # Errors
/// [`DeploymentError::Exists`]; others where the folder cannot be written.
pub(crate) async fn create(data: &Path, config: &Config, starter: Starter) -> Result<(), DeploymentError> {
    if is_created(data) {
        return Err(DeploymentError::Exists(data.display().to_string()));
    }
    if let Some(parent) = data.parent() {
        std::fs::create_dir_all(parent).map_err(|error| file(parent, &error))?;
    }
    make(data, config).await?;
    let policy = config.policy_folder_in(data);
    if !policy.exists() {
        write_starter(&policy, starter)?;
    }
    activate(data, config, &policy).await
}

/// As [`create`], where the folder holds nothing yet.
///
/// # Errors
/// As [`create`].
pub(crate) async fn create_if_missing(data: &Path, config: &Config) -> Result<bool, DeploymentError> {
    if is_created(data) {
        return Ok(false);
    }
    create(data, config, Starter::Whole).await?;
    Ok(true)
}

async fn make(data: &Path, config: &Config) -> Result<(), DeploymentError> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let folder = Arc::new(DataFolder::open(data)?);
    let master = master_key(data, &*random)?;
    let keys = SqliteKeyStore::open(Arc::clone(&folder), &master, Arc::clone(&random))?;
    let log = LogId(uuid_v7(SystemClock.now(), &*random));
    let origin = format!("{}/{log}", config.deployment);
    let vkey = signer(&keys, &origin)?.verifier().vkey();
    let journal = SqliteJournal::open(folder, &SqliteOptions::default())?;
    journal.create(log).await?;
    let settings = data.join(config::FILE);
    if !settings.exists() {
        write(&settings, &config::sample())?;
    }
    let trust = format!(
        "# Trust file of this log (C2SP tlog-policy). Keep it apart from the evidence that it vouches for.\n\
         log {vkey}\nquorum none\n"
    );
    write(&data.join(TRUST), &trust)?;
    write(&data.join(ORIGIN), &format!("{origin}\n"))
}

async fn activate(data: &Path, config: &Config, policy: &Path) -> Result<(), DeploymentError> {
    let text = PolicyText::read(policy).map_err(|error| DeploymentError::File(error.to_string()))?;
    let deployment = Deployment::open(data, config, |_, _| {}).await?;
    deployment.gate.activate_policy(&Caller::owner(), ImportPolicy { files: text.0 }).await?;
    deployment.close().await
}

/// The master key: from the environment, else from the folder.
pub(crate) fn master_key(data: &Path, random: &dyn Random) -> Result<MasterKey, DeploymentError> {
    match MasterKey::from_env()? {
        Some(master) => Ok(master),
        None => Ok(MasterKey::load_or_create(&data.join(MASTER), random)?),
    }
}

/// The index, built anew where it is not of this log.
pub(super) async fn index(
    path: &Path,
    origin: &str,
    workspace: &str,
    ring: Arc<dyn KeyRing>,
    keys: &dyn KeyStore,
    reader: &LogReader,
) -> Result<Arc<Index>, DeploymentError> {
    let (_, key) = keys.get_or_create(Owner { kind: KeyKind::Workspace, workspace, identity: "workspace" })?;
    let log = Arc::new(JournalLog::new(reader.clone(), Handle::current()));
    let setup = Setup { origin: origin.to_owned(), workspace_key: key, ring, log };
    let path = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || Index::open(&path, setup)).await;
    let opened = opening.map_err(|error| DeploymentError::File(error.to_string()))?;
    opened.map(Arc::new).map_err(|error| DeploymentError::File(error.to_string()))
}

/// The starter policy, for its owner to change.
fn write_starter(policy: &Path, starter: Starter) -> Result<(), DeploymentError> {
    std::fs::create_dir_all(policy).map_err(|error| file(policy, &error))?;
    for (name, text) in STARTER.iter().filter(|_| starter == Starter::Whole) {
        let path = policy.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| file(parent, &error))?;
        }
        write(&path, text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), DeploymentError> {
    let mut made = std::fs::File::create(path).map_err(|error| file(path, &error))?;
    made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(|error| file(path, &error))
}

fn file(path: &Path, error: &std::io::Error) -> DeploymentError {
    DeploymentError::File(format!("{}: {error}", path.display()))
}
