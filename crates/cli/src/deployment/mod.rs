//! A data folder put to work: the only place that names all concrete parts.

mod create;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_evidence::key::Random;
use countersign_evidence::time::Clock;
use countersign_gate::{Gate, KeyStoreRing, Parts, Settings};
use countersign_index::Index;
use countersign_journal::{
    Credentials, DataFolder, Journal, KeyStore, LogId, LogReader, Materializer, SqliteJournal, SqliteKeyStore,
    SqliteOptions, Store,
};
use countersign_tlog::Signer;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::config::Config;
use crate::system::{SystemClock, SystemRandom};

pub(crate) use create::{Starter, create, create_if_missing, is_created};

/// Where the origin is kept: without it a folder holds no deployment.
const ORIGIN: &str = "origin";
/// The trust file that the folder's owner hands to verifiers.
pub(crate) const TRUST: &str = "trust";
/// The published log.
pub(crate) const PUBLISHED: &str = "published";
const MASTER: &str = "master.key";
const INDEX: &str = "index.db";
/// What the agents' side reports: no evidence, may be deleted.
const RUNTIME: &str = "runtime.db";
/// How often what time has ended is ended.
const SWEEP: Duration = Duration::from_millis(500);
/// How often a closing deployment looks whether its threads have let go of the folder, 5 ms apart.
const LETTING_GO: u32 = 400;

/// Why a data folder cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeploymentError {
    /// There is nothing in it yet.
    #[error("{0} holds no deployment: run `countersign init` first")]
    NotCreated(String),
    /// It holds one already.
    #[error("{0} holds a deployment already: nothing was changed")]
    Exists(String),
    /// The journal, the published log or the lock.
    #[error(transparent)]
    Journal(#[from] countersign_journal::Error),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] countersign_journal::KeyStoreError),
    /// The master key.
    #[error(transparent)]
    Master(#[from] countersign_journal::MasterKeyError),
    /// The gate.
    #[error(transparent)]
    Gate(#[from] countersign_gate::GateError),
    /// The index.
    #[error(transparent)]
    Follow(#[from] countersign_gate::FollowError),
    /// A file of the folder.
    #[error("{0}")]
    File(String),
}

/// A running gate over a data folder that this process holds alone.
pub(crate) struct Deployment {
    /// The gate.
    pub(crate) gate: Gate,
    /// The published log.
    pub(crate) store: Store,
    materializer: Arc<Materializer>,
    tasks: Vec<JoinHandle<()>>,
    folder: Arc<DataFolder>,
    failed: watch::Receiver<Option<String>>,
}

impl Deployment {
    /// Opens the folder. `progress` is told how far the index is, where it has to catch up.
    ///
    /// # Errors
    /// [`DeploymentError`]; nothing was changed but the log's epoch.
    pub(crate) async fn open(
        data: &Path,
        config: &Config,
        progress: impl FnMut(u64, u64),
    ) -> Result<Self, DeploymentError> {
        if !is_created(data) {
            return Err(DeploymentError::NotCreated(data.display().to_string()));
        }
        Self::open_as(data, config, read_origin(&data.join(ORIGIN))?, progress).await
    }

    /// Opens the folder with the log of this origin, also where its creation is not over yet.
    async fn open_as(
        data: &Path,
        config: &Config,
        origin: String,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Self, DeploymentError> {
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let folder = Arc::new(DataFolder::open(data)?);
        let master = create::master_key(data, &*random)?;
        let keys = Arc::new(SqliteKeyStore::open(Arc::clone(&folder), &master, Arc::clone(&random))?);
        let signer = signer(&*keys, &origin)?;
        let log = log_of(&origin)?;
        let journal = Arc::new(SqliteJournal::open(Arc::clone(&folder), &SqliteOptions::default())?);
        // From here on an earlier writer is fenced off.
        let head = journal.open(log).await?;
        let store = Store::in_folder(&data.join(PUBLISHED))?;
        let reader = LogReader::new(Arc::clone(&journal) as Arc<dyn Journal>, store.clone(), log);
        let read_by_index = Arc::new(AtomicU64::new(0));
        let vkey = signer.verifier().vkey();
        let dyn_journal = Arc::clone(&journal) as Arc<dyn Journal>;
        let opening = Materializer::open(dyn_journal, store.clone(), signer, &head, Arc::clone(&read_by_index));
        let materializer = Arc::new(opening.await?);
        let ring = Arc::new(KeyStoreRing(Arc::clone(&keys) as Arc<dyn KeyStore>));
        let runtime = create::runtime(&data.join(RUNTIME), &config.runtime).await?;
        let index =
            create::index(&data.join(INDEX), &origin, &config.workspace, ring, &*keys, &reader, runtime).await?;
        countersign_gate::catch_up(&reader, &index, &mut progress).await?;
        let parts = Parts {
            settings: settings(config, origin, vkey),
            log,
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            reader: reader.clone(),
            credentials: Arc::new(Credentials::beside(&keys)),
            keys: keys as Arc<dyn KeyStore>,
            index: Arc::clone(&index),
            clock,
            random,
        };
        let gate = Gate::open(parts, head).await?;
        let (failing, failed) = watch::channel(None);
        let interval = Duration::from_millis(config.publish_interval_ms);
        let tasks = vec![
            tokio::spawn(publish(Arc::clone(&materializer), interval, failing)),
            tokio::spawn(follow(reader, Arc::clone(&index), gate.clone(), read_by_index)),
            tokio::spawn(sweep(gate.clone())),
        ];
        Ok(Deployment { gate, store, materializer, tasks, folder, failed })
    }

    /// Resolves with the reason when the gate cannot go on: nothing can be recorded, or nothing published, any more.
    pub(crate) async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let unpublished = async {
            match failed.wait_for(Option::is_some).await {
                Ok(why) => why.clone().unwrap_or_default(),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            why = self.gate.stopped() => why,
            why = unpublished => why,
        }
    }

    /// Publishes what is durable, and ends. What comes in meanwhile is refused.
    ///
    /// # Errors
    /// [`DeploymentError`] where the last checkpoint could not be published; records are durable all the same.
    pub(crate) async fn close(self) -> Result<(), DeploymentError> {
        let Deployment { gate, store, materializer, tasks, folder, .. } = self;
        for task in tasks {
            task.abort();
            // Aborted as asked, or ended before: either way it holds nothing any more.
            let _ = task.await;
        }
        // The last record: nothing sweeps any more.
        gate.close().await?;
        while materializer.publish_once().await? {}
        drop((gate, store, materializer));
        // The writer and the journal's upkeep end on threads of their own; the lock goes with the last of them.
        for _ in 0..LETTING_GO {
            if Arc::strong_count(&folder) == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

fn read_origin(path: &Path) -> Result<String, DeploymentError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| DeploymentError::File(format!("{}: {error}", path.display())))?;
    Ok(text.trim_end().to_owned())
}

fn log_of(origin: &str) -> Result<LogId, DeploymentError> {
    let id = origin.rsplit('/').next().and_then(|id| Uuid::parse_str(id).ok());
    id.map(LogId).ok_or_else(|| DeploymentError::File(format!("the origin {origin:?} does not end in a log id")))
}

/// The log's signing key, kept wrapped beside the other keys.
fn signer(keys: &dyn KeyStore, origin: &str) -> Result<Signer, DeploymentError> {
    let seed = keys.secret(&format!("log {origin}"))?;
    Signer::from_seed(origin, seed.as_bytes()).map_err(|error| DeploymentError::File(error.to_string()))
}

fn settings(config: &Config, origin: String, vkey: String) -> Settings {
    let limits = &config.limits;
    Settings {
        workspace: config.workspace.clone(),
        environment: config.environment.clone(),
        origin,
        vkey,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        public_url: config.public_url(),
        session_idle_s: config.session_idle_s,
        step_up_s: config.step_up_s,
        session_s: config.session_s,
        zone: config.zone(),
        keep_content: config.runtime.content,
        solo: config.solo,
        authorization_ttl_s: config.authorization_ttl_s,
        execution_deadline_s: config.execution_deadline_s,
        most_deadline_s: limits.deadline_s,
        most_wait_s: limits.wait_s,
        most_payload: limits.payload_bytes,
        most_open_per_agent: limits.open_actions_per_agent,
        most_open: limits.open_actions,
        most_mismatches: limits.mismatches_per_authorization,
        queue: limits.queue,
        batch_records: limits.batch_records,
        batch_bytes: limits.batch_bytes,
    }
}

/// Nothing may be answered for long that is never published: where publishing cannot go on, the gate ends.
async fn publish(materializer: Arc<Materializer>, interval: Duration, failing: watch::Sender<Option<String>>) {
    if let Err(error) = materializer.run(interval).await {
        tracing::error!(%error, "publishing has stopped");
        failing.send_replace(Some(error.to_string()));
    }
}

async fn follow(reader: LogReader, index: Arc<Index>, gate: Gate, read_by_index: Arc<AtomicU64>) {
    let noting = {
        let index = Arc::clone(&index);
        async move {
            loop {
                read_by_index.store(index.position(), Ordering::Release);
                tokio::time::sleep(SWEEP).await;
            }
        }
    };
    tokio::select! {
        () = keep_following(gate, reader, index) => {}
        () = noting => {}
    }
}

/// What keeps the index from following may pass: a full disk, a reader in the way.
async fn keep_following(gate: Gate, reader: LogReader, index: Arc<Index>) {
    while let Err(error) = countersign_gate::follow(gate.clone(), reader.clone(), Arc::clone(&index)).await {
        tracing::error!(%error, "the index cannot follow the log now; it is tried again");
        tokio::time::sleep(SWEEP * 4).await;
    }
}

async fn sweep(gate: Gate) {
    loop {
        tokio::time::sleep(SWEEP).await;
        if let Err(error) = gate.sweep().await {
            tracing::warn!(%error, "what time has ended could not be recorded");
        }
    }
}
