use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::id::uuid_v7;
use countersign_evidence::key::{Key, Random};
use countersign_evidence::open::KeyRing;
use countersign_evidence::time::{Clock, Timestamp};
use countersign_index::Index;
use countersign_journal::{Credentials, Journal, KeyStore, LogId, LogReader};
use countersign_policy::PolicySet;
use parking_lot::RwLock;
use tokio::sync::watch;
use uuid::Uuid;

use crate::access::{Attempts, KnownSession};
use crate::board::Board;
use crate::caller::Caller;
use crate::history::History;
use crate::settings::Settings;
use crate::standing::Grants;

/// What the gate is made of. The command line puts it together; nobody else names concrete parts.
pub struct Parts {
    /// What it was told.
    pub settings: Settings,
    /// The log.
    pub log: LogId,
    /// Where records become durable.
    pub journal: Arc<dyn Journal>,
    /// Published log and journal, read as one.
    pub reader: LogReader,
    /// Subject, person and workspace keys.
    pub keys: Arc<dyn KeyStore>,
    /// API keys and people.
    pub credentials: Arc<Credentials>,
    /// The questions' store.
    pub index: Arc<Index>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
}

/// What every part of the gate can reach.
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) workspace_key: (Uuid, Key),
    pub(crate) ring: Arc<dyn KeyRing>,
    pub(crate) history: History,
    pub(crate) policy: RwLock<Arc<PolicySet>>,
    pub(crate) board: Board,
    /// Standing approvals, as of the last commit.
    pub(crate) standing: RwLock<Arc<Grants>>,
    /// Callers by the hash of their key, as long as no key and no person changes.
    pub(crate) callers: RwLock<HashMap<[u8; 32], Caller>>,
    /// Sessions by the hash of their token, as long.
    pub(crate) sessions: RwLock<HashMap<[u8; 32], Arc<KnownSession>>>,
    /// Failed attempts to sign in.
    pub(crate) attempts: Attempts,
    /// Rises with every change of keys and people.
    pub(crate) callers_generation: AtomicU64,
    /// One change of keys and people at a time: store and log see them in the same order.
    pub(crate) access: tokio::sync::Mutex<()>,
    /// Fencing epoch of this opening.
    pub(crate) epoch: u64,
    /// Up to which position the index is waited for.
    pub(crate) asked: watch::Sender<u64>,
    /// Size of the log then.
    pub(crate) opened_at: u64,
}

impl Shared {
    pub(crate) fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.parts.random
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn new_id(&self) -> Uuid {
        uuid_v7(self.now(), self.random())
    }

    /// 256 random bits as text, for whoever is to prove something by knowing them.
    pub(crate) fn new_secret(&self) -> String {
        let mut secret = [0; 32];
        self.random().fill(&mut secret);
        URL_SAFE_NO_PAD.encode(secret)
    }

    /// The policy set in force.
    pub(crate) fn policy(&self) -> Arc<PolicySet> {
        Arc::clone(&self.policy.read())
    }
}
