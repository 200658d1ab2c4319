//! A gate that is ready for tests: its clock stands still until it is told, its randomness has a seed, and it can die and
//! come back over the same journal.
//!
//! ```ignore
//! let mut test = TestGate::open(Setup { policy: policy(&[("rules.cedar", RULES)]), ..Setup::default() }).await;
//! let action = test.gate.propose(&agent(1), pay("r-1", "bot", 50)).await.unwrap();
//! test.restart().await.unwrap();
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chance;
mod made;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_evidence::key::{Key, Random};
use countersign_evidence::record::Verdict;
use countersign_evidence::time::Clock;
use countersign_index::runtime::{Runtime, RuntimeLimits};
use countersign_index::{Index, JournalLog};
use countersign_journal::{
    Credentials, DataFolder, Head, Journal, KeyKind as OwnerKind, KeyStore, LogId, LogReader, MasterKey, Materializer,
    MemoryJournal, Owner, SqliteJournal, SqliteKeyStore, SqliteOptions, Store,
};
use countersign_tlog::Signer;
use countersign_wire::{ActionView, DecideRequest, ImportPolicy};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub use chance::{SeededRandom, TestClock};
pub use made::{agent, amount_of, gateway, on_behalf, pay, proposal, reviewer, start, value};

use crate::{Caller, FollowError, Gate, GateError, KeyStoreRing, Parts, Settings, catch_up, follow};

/// What tests work with where they need no policy of their own: up to 100 is allowed, up to 1,000 takes two of finance,
/// from 501 on also one of legal; looking is allowed. `boss` owns the agent `owned-bot`.
pub const RULES: &str = r#"
@id("look") permit (principal, action == Action::"read", resource);
@id("pay") permit (principal, action == Action::"payment", resource == Tool::"shop/pay")
when { context.payload.amount <= 1000 };
@id("large") @review("finance") @quorum("2") @expires("10m") @message("Over 100 needs two of finance.")
forbid (principal, action == Action::"payment", resource) when { context.payload.amount > 100 };
@id("huge") @review("legal") @quorum("1") @expires("5m") @message("Over 500 needs legal.")
forbid (principal, action == Action::"payment", resource) when { context.payload.amount > 500 };
"#;

/// The groups, agents and tools that go with [`RULES`].
pub const ENTITIES: &str = r#"{
  "review_groups": {"finance": "Approves payments", "legal": "Approves large payments"},
  "agents": {"owned-bot": {"owner": "boss"}},
  "tools": {"shop/pay": {"category": "payment"}, "shop/look": {"category": "read"}}
}"#;

/// A policy folder's texts by path.
pub fn policy(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Puts something around the journal that the gate writes to: a fake that fails, that is full, that counts.
pub type Wrap = Box<dyn Fn(Arc<dyn Journal>) -> Arc<dyn Journal> + Send + Sync>;

/// Puts something around the key store: a fake that fails.
pub type WrapKeys = Box<dyn Fn(Arc<dyn KeyStore>) -> Arc<dyn KeyStore> + Send + Sync>;

/// How a [`TestGate`] is made.
pub struct Setup {
    /// Of the randomness.
    pub seed: u64,
    /// The gate's settings; origin and verifier key are filled in.
    pub settings: Settings,
    /// The policy folder; nothing is activated where it is empty.
    pub policy: BTreeMap<String, String>,
    /// Where given, the journal is `journal.db` in the folder; in memory otherwise.
    pub on_disk: Option<SqliteOptions>,
    /// Whether a task keeps the index up with the log; otherwise [`TestGate::index_all`] does it when told.
    pub follow: bool,
    /// What is put around the journal.
    pub wrap: Wrap,
    /// What is put around the key store.
    pub wrap_keys: WrapKeys,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            seed: 1,
            settings: Settings::default(),
            policy: policy(&[("rules.cedar", RULES), ("entities.json", ENTITIES)]),
            on_disk: None,
            follow: true,
            wrap: Box::new(|journal| journal),
            wrap_keys: Box::new(|keys| keys),
        }
    }
}

/// A gate with all that it is made of, in a temporary folder.
pub struct TestGate {
    /// The gate.
    pub gate: Gate,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// The journal below whatever [`Setup::wrap`] put around it: what is durable.
    pub journal: Arc<dyn Journal>,
    /// The log.
    pub log: LogId,
    /// The published log, once [`TestGate::publish`] was called.
    pub store: Store,
    /// The keys.
    pub keys: Arc<dyn KeyStore>,
    /// The folder: `journal.db`, `keys.db`, `index.db`, `published/`.
    pub folder: TempDir,
    /// API keys and people, as they are stored.
    pub credentials: Arc<Credentials>,
    wrapped: Arc<dyn Journal>,
    index: Arc<Index>,
    random: Arc<SeededRandom>,
    settings: Settings,
    head: Head,
    follow: bool,
    following: Option<JoinHandle<Result<(), FollowError>>>,
}

impl TestGate {
    /// A new log, opened, with the policy in force.
    pub async fn open(setup: Setup) -> TestGate {
        // Where there is memory to write to, syncs cost nothing.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let held = Arc::new(DataFolder::open(folder.path()).unwrap());
        let random = Arc::new(SeededRandom::new(setup.seed));
        let master = MasterKey::new(Key::from_bytes([7; 32]));
        let keys = Arc::new(SqliteKeyStore::open(Arc::clone(&held), &master, Arc::clone(&random) as _).unwrap());
        let journal: Arc<dyn Journal> = match setup.on_disk {
            Some(options) => Arc::new(SqliteJournal::open(held, &options).unwrap()),
            None => Arc::new(MemoryJournal::new()),
        };
        let log = LogId(Uuid::from_u128(u128::from(setup.seed) << 64 | 7));
        journal.create(log).await.unwrap();
        let origin = format!("test.example/{log}");
        let vkey = signer(&origin).verifier().vkey();
        let settings = Settings { origin, vkey, ..setup.settings };
        let wrapped = (setup.wrap)(Arc::clone(&journal));
        let store = Store::in_folder(&folder.path().join("published")).unwrap();
        let credentials = Arc::new(Credentials::beside(&keys));
        let clock = Arc::new(TestClock::new());
        let keys = (setup.wrap_keys)(keys);
        let ground =
            Ground { folder: &folder, keys: &keys, wrapped: &wrapped, store: &store, log, settings: &settings };
        let (index, head) = ground.ready().await.unwrap();
        let parts = ground.parts(&credentials, &index, &clock, &random);
        let gate = Gate::open(parts, head.clone()).await.unwrap();
        let follow = setup.follow;
        let mut test = TestGate {
            gate,
            clock,
            journal,
            log,
            store,
            keys,
            folder,
            credentials,
            wrapped,
            index,
            random,
            settings,
            head,
            follow,
            following: None,
        };
        if !setup.policy.is_empty() {
            test.gate.activate_policy(&Caller::owner(), ImportPolicy { files: setup.policy }).await.unwrap();
        }
        test.start_following();
        test
    }

    fn start_following(&mut self) {
        let following = || tokio::spawn(follow(self.gate.clone(), self.reader(), Arc::clone(&self.index)));
        self.following = self.follow.then(following);
    }

    /// Lets the gate die as it is and opens it anew over the same journal, keys and index.
    ///
    /// # Errors
    /// Those of [`Gate::open`], where the journal fails. The old gate is gone then; try again.
    ///
    /// # Panics
    /// Where somebody still holds a clone of the gate after five seconds.
    pub async fn restart(&mut self) -> Result<(), GateError> {
        if let Some(following) = self.following.take() {
            following.abort();
            let _ = following.await;
        }
        let ground = Ground {
            folder: &self.folder,
            keys: &self.keys,
            wrapped: &self.wrapped,
            store: &self.store,
            log: self.log,
            settings: &self.settings,
        };
        let (index, head) = ground.ready().await?;
        let parts = ground.parts(&self.credentials, &index, &self.clock, &self.random);
        let gate = Gate::open(parts, head.clone()).await?;
        (self.gate, self.head) = (gate, head);
        let old = Arc::downgrade(&std::mem::replace(&mut self.index, index));
        self.start_following();
        tokio::task::spawn_blocking(move || wait_until_gone(&old)).await.unwrap();
        Ok(())
    }

    /// Deletes the index, so that the next [`TestGate::restart`] builds it anew.
    pub fn delete_index(&self) {
        for name in ["index.db", "index.db-wal", "index.db-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
    }

    /// One reader over journal and published log.
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.wrapped), self.store.clone(), self.log)
    }

    /// The index reads all that is durable now.
    pub async fn index_all(&self) {
        // Two who read into one index are in each other's way.
        if self.following.is_some() {
            let size = self.reader().head().await.unwrap().size;
            assert!(self.index.wait_for(size, Duration::from_secs(60)).await, "the index does not follow");
        } else {
            catch_up(&self.reader(), &self.index, |_, _| {}).await.unwrap();
        }
    }

    /// How many records the index has read.
    pub fn indexed(&self) -> u64 {
        self.index.position()
    }

    /// Publishes what is durable now: tiles, vault and a signed checkpoint.
    pub async fn publish(&self) {
        let read = Arc::new(std::sync::atomic::AtomicU64::new(self.index.position()));
        let (journal, store) = (Arc::clone(&self.journal), self.store.clone());
        let opened = Materializer::open(journal, store, signer(&self.settings.origin), &self.head, read).await;
        let materializer = opened.unwrap();
        while materializer.publish_once().await.unwrap() {}
    }

    /// The envelopes that are durable now, as text, in order.
    pub async fn log_texts(&self) -> Vec<String> {
        let size = self.journal.head(self.log).await.unwrap().size();
        let entries = self.reader().read_range(0, size).await.unwrap();
        entries.iter().map(|entry| String::from_utf8(entry.envelope.to_vec()).unwrap()).collect()
    }

    /// Approves the payload in question.
    ///
    /// # Errors
    /// Those of [`Gate::decide`].
    pub async fn approve(&self, by: &Caller, action: Uuid) -> Result<ActionView, GateError> {
        let pending = self.gate.reviews(by)?.into_iter().find(|review| review.action == action);
        let shown = pending.ok_or(GateError::NotFound("review"))?.payload_digest;
        let approval = DecideRequest::new(Verdict::Approve, shown);
        self.gate.decide(by, action, approval).await
    }
}

/// The writer's thread ends with the last clone of its gate.
fn wait_until_gone(index: &Weak<Index>) {
    for _ in 0..50_000 {
        if index.strong_count() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    panic!("somebody still holds the gate of before the restart");
}

fn signer(origin: &str) -> Signer {
    Signer::from_seed(origin, &[5; 32]).unwrap()
}

/// What outlives a restart.
struct Ground<'a> {
    folder: &'a TempDir,
    keys: &'a Arc<dyn KeyStore>,
    wrapped: &'a Arc<dyn Journal>,
    store: &'a Store,
    log: LogId,
    settings: &'a Settings,
}

impl Ground<'_> {
    fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(self.wrapped), self.store.clone(), self.log)
    }

    /// The log opened for writing, and an index that has read all of it.
    async fn ready(&self) -> Result<(Arc<Index>, Head), GateError> {
        let head = self.wrapped.open(self.log).await.map_err(|error| GateError::Unavailable(error.to_string()))?;
        let workspace =
            Owner { kind: OwnerKind::Workspace, workspace: &self.settings.workspace, identity: "workspace" };
        let (_, workspace_key) = self.keys.get_or_create(workspace)?;
        let limits = RuntimeLimits { reports: 10_000, bytes: 10 << 20, age_s: 86_400 };
        let runtime = Runtime::open(&self.folder.path().join("runtime.db"), limits).unwrap();
        let setup = countersign_index::Setup {
            origin: self.settings.origin.clone(),
            workspace_key,
            ring: Arc::new(KeyStoreRing(Arc::clone(self.keys))),
            log: Arc::new(JournalLog::new(self.reader(), tokio::runtime::Handle::current())),
            runtime: Some(Arc::new(runtime)),
        };

        let path = self.folder.path().join("index.db");
        let index = tokio::task::spawn_blocking(move || Index::open(&path, setup)).await.unwrap().unwrap();
        let index = Arc::new(index);
        let read = catch_up(&self.reader(), &index, |_, _| {}).await;
        read.map_err(|error| GateError::Unavailable(error.to_string()))?;
        Ok((index, head))
    }

    fn parts(
        &self,
        credentials: &Arc<Credentials>,
        index: &Arc<Index>,
        clock: &Arc<TestClock>,
        random: &Arc<SeededRandom>,
    ) -> Parts {
        Parts {
            settings: self.settings.clone(),
            log: self.log,
            journal: Arc::clone(self.wrapped),
            reader: self.reader(),
            keys: Arc::clone(self.keys),
            credentials: Arc::clone(credentials),
            index: Arc::clone(index),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            random: Arc::clone(random) as Arc<dyn Random>,
        }
    }
}
