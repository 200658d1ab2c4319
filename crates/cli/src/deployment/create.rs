//! Making a deployment: a deliberate act, done once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_evidence::id::uuid_v7;
use countersign_evidence::key::Random;
use countersign_evidence::open::KeyRing;
use countersign_evidence::time::Clock;
use countersign_gate::Caller;
use countersign_index::runtime::{Runtime, RuntimeLimits};
use countersign_index::{Index, JournalLog, Setup};
use countersign_journal::{
    DataFolder, Journal, KeyKind, KeyStore, LogId, LogReader, MasterKey, Owner, SqliteJournal, SqliteKeyStore,
    SqliteOptions,
};
use countersign_policy::PolicyText;
use countersign_wire::ImportPolicy;

use tokio::runtime::Handle;

use super::{Deployment, DeploymentError, MASTER, ORIGIN, TRUST, log_of, read_origin, signer};
use crate::config::{self, Config};
use crate::starter::STARTER;
use crate::system::{SystemClock, SystemRandom};

/// Where the origin is kept until all is made.
const BEGUN: &str = "origin.begun";

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

fn must_not_exist(data: &Path) -> Result<(), DeploymentError> {
    if is_created(data) { Err(DeploymentError::Exists(data.display().to_string())) } else { Ok(()) }
}

/// Makes keys, log, configuration, a starter policy and the trust file, and activates the policy. The origin is put in place
/// last: a folder without it holds no deployment, whatever a crash left in it, and doing this again completes it.
///
/// # Errors
/// [`DeploymentError::Exists`]; others where the folder cannot be written.
pub(crate) async fn create(data: &Path, config: &Config, starter: Starter) -> Result<(), DeploymentError> {
    must_not_exist(data)?;
    in_steps(data, config, starter, |_| Ok(())).await
}

/// Each step is whole or not there, and is passed over where an earlier try has done it. `done` is told after each.
async fn in_steps(
    data: &Path,
    config: &Config,
    starter: Starter,
    mut done: impl FnMut(&'static str) -> Result<(), DeploymentError>,
) -> Result<(), DeploymentError> {
    if let Some(parent) = data.parent() {
        std::fs::create_dir_all(parent).map_err(|error| file(parent, &error))?;
    }
    let origin = make(data, config, starter, &mut done).await?;
    done("policy folder")?;
    finish(data, config, origin, &mut done).await
}

/// As [`create`], where the folder holds nothing yet.
///
/// # Errors
/// As [`create`].
pub(crate) async fn create_if_missing(data: &Path, config: &Config) -> Result<bool, DeploymentError> {
    if is_created(data) {
        return Ok(false);
    }
    match create(data, config, Starter::Whole).await {
        Err(DeploymentError::Exists(_)) => Ok(false),
        created => created.map(|()| true),
    }
}

/// Keys, log, files and policy folder; the log's origin.
async fn make(
    data: &Path,
    config: &Config,
    starter: Starter,
    done: &mut impl FnMut(&'static str) -> Result<(), DeploymentError>,
) -> Result<String, DeploymentError> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    // Held until the end. The origin is put in place under this lock only: there is none before that, either.
    let folder = Arc::new(DataFolder::open(data)?);
    must_not_exist(data)?;
    let master = master_key(data, &*random)?;
    done("master key")?;
    let keys = SqliteKeyStore::open(Arc::clone(&folder), &master, Arc::clone(&random))?;
    done("key store")?;
    let origin = begun(data, config, &*random)?;
    done("origin chosen")?;
    let vkey = signer(&keys, &origin)?.verifier().vkey();
    done("log key")?;
    let journal = SqliteJournal::open(folder, &SqliteOptions::default())?;
    match journal.create(log_of(&origin)?).await {
        Err(countersign_journal::Error::Exists(_)) => {}
        created => created?,
    }
    done("log")?;
    let settings = data.join(config::FILE);
    if !settings.exists() {
        write(&settings, &config::sample())?;
    }
    done("configuration")?;
    write(&data.join(TRUST), &trust(&vkey))?;
    done("trust file")?;
    let policy = config.policy_folder_in(data);
    if !policy.exists() {
        write_starter(&policy, starter)?;
    }
    Ok(origin)
}

fn trust(vkey: &str) -> String {
    format!(
        "# Trust file of this log (C2SP tlog-policy). Keep it apart from the evidence that it vouches for.\n\
         log {vkey}\nquorum none\n"
    )
}

/// The origin that creation began with: one that was cut off goes on with its log.
fn begun(data: &Path, config: &Config, random: &dyn Random) -> Result<String, DeploymentError> {
    let path = data.join(BEGUN);
    if !path.exists() {
        let log = LogId(uuid_v7(SystemClock.now(), random));
        write(&path, &format!("{}/{log}\n", config.deployment))?;
    }
    read_origin(&path)
}

/// Activates the policy and puts the origin in place, while the folder is locked: whoever makes a deployment of it at the
/// same time either goes on with this one's log or finds it done.
async fn finish(
    data: &Path,
    config: &Config,
    origin: String,
    done: &mut impl FnMut(&'static str) -> Result<(), DeploymentError>,
) -> Result<(), DeploymentError> {
    let text =
        PolicyText::read(&config.policy_folder_in(data)).map_err(|error| DeploymentError::File(error.to_string()))?;
    let deployment = Deployment::open_as(data, config, origin, |_, _| {}).await?;
    let finished = async {
        must_not_exist(data)?;
        deployment.gate.activate_policy(&Caller::owner(), ImportPolicy { files: text.0 }).await?;
        done("activation")?;
        put_in_place(&data.join(BEGUN), &data.join(ORIGIN))
    }
    .await;
    deployment.close().await?;
    finished
}

/// The master key: from the environment, else from the folder.
pub(crate) fn master_key(data: &Path, random: &dyn Random) -> Result<MasterKey, DeploymentError> {
    match MasterKey::from_env()? {
        Some(master) => Ok(master),
        None => Ok(MasterKey::load_or_create(&data.join(MASTER), random)?),
    }
}

/// What the agents' side reports, where it is kept. Where it is not any more, what there was goes.
pub(super) async fn runtime(
    path: &Path,
    settings: &crate::config::Runtime,
) -> Result<Option<Arc<Runtime>>, DeploymentError> {
    let limits = RuntimeLimits { reports: settings.reports, bytes: settings.bytes, age_s: settings.age_s };
    let path = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || match limits.reports {
        0 => Runtime::remove(&path).map(|()| None),
        _ => Runtime::open(&path, limits).map(|runtime| Some(Arc::new(runtime))),
    });
    let opened = opening.await.map_err(|error| DeploymentError::File(error.to_string()))?;
    opened.map_err(|error| DeploymentError::File(error.to_string()))
}

/// The index, built anew where it is not of this log.
pub(super) async fn index(
    path: &Path,
    origin: &str,
    workspace: &str,
    ring: Arc<dyn KeyRing>,
    keys: &dyn KeyStore,
    reader: &LogReader,
    runtime: Option<Arc<Runtime>>,
) -> Result<Arc<Index>, DeploymentError> {
    let (_, key) = keys.get_or_create(Owner { kind: KeyKind::Workspace, workspace, identity: "workspace" })?;
    let log = Arc::new(JournalLog::new(reader.clone(), Handle::current()));
    let setup = Setup { origin: origin.to_owned(), workspace_key: key, ring, log, runtime };
    let path = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || Index::open(&path, setup)).await;
    let opened = opening.map_err(|error| DeploymentError::File(error.to_string()))?;
    opened.map(Arc::new).map_err(|error| DeploymentError::File(error.to_string()))
}

/// The starter policy, for its owner to change: all of it or nothing, as half of it would allow more than the whole.
fn write_starter(policy: &Path, starter: Starter) -> Result<(), DeploymentError> {
    let new = aside(policy);
    if new.exists() {
        std::fs::remove_dir_all(&new).map_err(|error| file(&new, &error))?;
    }
    std::fs::create_dir_all(&new).map_err(|error| file(&new, &error))?;
    for (name, text) in STARTER.iter().filter(|_| starter == Starter::Whole) {
        let path = new.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| file(parent, &error))?;
        }
        write(&path, text)?;
    }
    put_in_place(&new, policy)
}

/// Writes a file that is whole and durable, or not there.
fn write(path: &Path, text: &str) -> Result<(), DeploymentError> {
    let new = aside(path);
    let mut made = std::fs::File::create(&new).map_err(|error| file(&new, &error))?;
    made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(|error| file(&new, &error))?;
    put_in_place(&new, path)
}

fn put_in_place(new: &Path, path: &Path) -> Result<(), DeploymentError> {
    let folder = path.parent().unwrap_or(path);
    let renamed = std::fs::rename(new, path).and_then(|()| std::fs::File::open(folder)?.sync_all());
    renamed.map_err(|error| file(path, &error))
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn file(path: &Path, error: &std::io::Error) -> DeploymentError {
    DeploymentError::File(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use countersign_policy::PolicySet;

    use super::*;

    fn cut(at: &'static str) -> DeploymentError {
        DeploymentError::File(at.to_owned())
    }

    /// What a process leaves that dies while it writes.
    fn leave_torn_files(data: &Path) {
        std::fs::create_dir_all(data.join("policy.new/tests")).unwrap();
        std::fs::write(data.join("policy.new/half.cedar"), "@id(\"half").unwrap();
        for torn in ["countersign.toml.new", "trust.new", "origin.begun.new"] {
            std::fs::write(data.join(torn), "@id(\"half").unwrap();
        }
    }

    async fn check_whole(data: &Path, config: &Config, at: &str) {
        let starter = STARTER.iter().filter(|(path, _)| !path.ends_with(".md"));
        let starter: BTreeMap<_, _> = starter.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let expected = PolicySet::from_text(PolicyText(starter)).unwrap();
        let deployment = Deployment::open(data, config, |_, _| {}).await.unwrap();
        assert_eq!(deployment.gate.policy_version(), expected.version(), "cut off after {at}");
        deployment.close().await.unwrap();
        assert_eq!(std::fs::read_to_string(data.join(config::FILE)).unwrap(), config::sample(), "{at}");
        let origin = read_origin(&data.join(ORIGIN)).unwrap();
        assert!(std::fs::read_to_string(data.join(TRUST)).unwrap().contains(&origin), "{at}");
        assert!(!data.join(BEGUN).exists(), "{at}");
        assert!(matches!(create(data, config, Starter::Whole).await, Err(DeploymentError::Exists(_))), "{at}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_step_it_is_cut_off_after_it_is_no_deployment_and_is_completed() {
        let config = Config::default();
        for most in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().join("data");
            let (mut steps, mut last) = (0, "nothing");
            let created = in_steps(&data, &config, Starter::Whole, |step| {
                (steps, last) = (steps + 1, step);
                if steps > most { Err(cut(step)) } else { Ok(()) }
            });
            if created.await.is_ok() {
                assert!(most > 5, "its steps were cut");
                return check_whole(&data, &config, "nothing").await;
            }
            leave_torn_files(&data);
            assert!(!is_created(&data), "cut off after {last}");
            let opened = Deployment::open(&data, &config, |_, _| {}).await;
            assert!(matches!(opened, Err(DeploymentError::NotCreated(_))), "cut off after {last}");
            assert!(create_if_missing(&data, &config).await.unwrap(), "cut off after {last}");
            check_whole(&data, &config, last).await;
        }
    }

    /// The second one begins when the first one is about to put the origin in place, and goes on when it has done so.
    #[tokio::test(flavor = "multi_thread")]
    async fn of_two_at_a_time_the_trust_file_is_of_the_log_that_there_is() {
        let (folder, config) = (tempfile::tempdir().unwrap(), Config::default());
        let data = folder.path().join("data");
        let (runtime, mut second) = (Handle::current(), None);
        let first = in_steps(&data, &config, Starter::Whole, |step| {
            if step == "activation" {
                let (data, config, runtime) = (data.clone(), config.clone(), runtime.clone());
                let (tell, told) = std::sync::mpsc::channel();
                second = Some(std::thread::spawn(move || {
                    runtime.block_on(in_steps(&data, &config, Starter::Whole, |step| {
                        if step == "key store" {
                            tell.send(()).unwrap();
                            wait_until(|| is_created(&data));
                        }
                        Ok(())
                    }))
                }));
                // It has got in, or it has ended.
                let _ = told.recv();
            }
            Ok(())
        });
        first.await.unwrap();
        let second = second.unwrap().join().unwrap();
        assert!(
            matches!(second, Err(DeploymentError::Journal(countersign_journal::Error::Locked { .. }))),
            "{second:?}"
        );
        check_whole(&data, &config, "another at the same time").await;
    }

    /// The second one has the whole first one behind it when it opens the log.
    #[tokio::test(flavor = "multi_thread")]
    async fn who_comes_to_the_end_second_changes_nothing() {
        let (folder, config) = (tempfile::tempdir().unwrap(), Config::default());
        let data = folder.path().join("data");
        let mut first = None;
        let second = in_steps(&data, &config, Starter::Whole, |step| {
            if step == "policy folder" {
                let (data, config, runtime) = (data.clone(), config.clone(), Handle::current());
                let all = move || runtime.block_on(create(&data, &config, Starter::Whole));
                first = Some(std::thread::spawn(all).join().unwrap());
            }
            Ok(())
        });
        assert!(matches!(second.await, Err(DeploymentError::Exists(_))));
        first.unwrap().unwrap();
        check_whole(&data, &config, "another one before it").await;
    }

    fn wait_until(there: impl Fn() -> bool) {
        for _ in 0..1000 {
            if there() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_policy_folder_that_does_not_load_leaves_no_deployment() {
        let (folder, config) = (tempfile::tempdir().unwrap(), Config::default());
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("policy")).unwrap();
        std::fs::write(data.join("policy/rules.cedar"), "not Cedar").unwrap();
        assert!(matches!(create(&data, &config, Starter::Whole).await, Err(DeploymentError::Gate(_))));
        assert!(!is_created(&data));
        std::fs::remove_dir_all(data.join("policy")).unwrap();
        create(&data, &config, Starter::Whole).await.unwrap();
        check_whole(&data, &config, "a bad policy").await;
    }
}
