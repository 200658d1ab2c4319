//! A gate whose commits can be held back, and everybody who calls it.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_gate::testing::{Setup, TestGate, agent, gateway, reviewer};
use countersign_gate::{Caller, Settings};
use countersign_journal::faulty::{Fault, FaultyJournal, Verb};
use countersign_journal::{Batch, Boundary, Entry, Error, Head, Journal, LogId};
use countersign_tlog::Note;
use parking_lot::{Condvar, Mutex};

use crate::policies::POLICIES;

pub const AUTHORIZATION_S: i64 = 300;
pub const DEADLINE_S: i64 = 120;
pub const MISMATCHES: u64 = 3;

/// Lets appends wait until a round has queued all of its commands.
pub struct HeldJournal {
    inner: Arc<dyn Journal>,
    hold: Arc<Hold>,
}

#[derive(Default)]
pub struct Hold {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Hold {
    pub fn close(&self) {
        *self.closed.lock() = true;
    }

    pub fn open(&self) {
        *self.closed.lock() = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut closed = self.closed.lock();
        self.opened.wait_while(&mut closed, |closed| *closed);
    }
}

#[async_trait]
impl Journal for HeldJournal {
    async fn create(&self, log: LogId) -> Result<(), Error> {
        self.inner.create(log).await
    }
    async fn open(&self, log: LogId) -> Result<Head, Error> {
        self.inner.open(log).await
    }
    async fn head(&self, log: LogId) -> Result<Head, Error> {
        self.inner.head(log).await
    }
    async fn append(&self, expected: &Head, batch: Batch) -> Result<Head, Error> {
        self.hold.pass();
        self.inner.append(expected, batch).await
    }
    async fn read(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        self.inner.read(log, from, most).await
    }
    async fn boundary(&self, log: LogId, from: u64, bytes: u64) -> Result<Option<Boundary>, Error> {
        self.inner.boundary(log, from, bytes).await
    }
    async fn publish(&self, expected: &Head, checkpoint: &Note) -> Result<(), Error> {
        self.inner.publish(expected, checkpoint).await
    }
    async fn published(&self, log: LogId) -> Result<Option<Note>, Error> {
        self.inner.published(log).await
    }
    async fn trim(&self, log: LogId, below: u64) -> Result<(), Error> {
        self.inner.trim(log, below).await
    }
    async fn erase(&self, log: LogId, positions: &[u64]) -> Result<(), Error> {
        self.inner.erase(log, positions).await
    }
}

/// Who reviews, and as which user their agents act.
pub struct Reviewer {
    pub caller: Caller,
    pub id: String,
    pub groups: Vec<String>,
    pub user: Option<&'static str>,
}

/// One seed's world.
pub struct World {
    pub test: TestGate,
    pub hold: Arc<Hold>,
    pub faulty: Arc<Mutex<Option<Arc<FaultyJournal>>>>,
    pub callers: Vec<Caller>,
    pub reviewers: Vec<Reviewer>,
}

impl World {
    pub async fn new(seed: u64) -> Self {
        let hold = Arc::new(Hold::default());
        let faulty: Arc<Mutex<Option<Arc<FaultyJournal>>>> = Arc::default();
        let batch_records = [1, 4, 1_024][(seed % 3) as usize];
        let settings = Settings {
            authorization_ttl_s: AUTHORIZATION_S as u32,
            execution_deadline_s: DEADLINE_S as u32,
            most_mismatches: MISMATCHES as u32,
            most_open_per_agent: 12,
            batch_records,
            ..Settings::default()
        };
        let wrap = {
            let (hold, faulty) = (Arc::clone(&hold), Arc::clone(&faulty));
            move |inner: Arc<dyn Journal>| -> Arc<dyn Journal> {
                let failing = Arc::new(FaultyJournal::new(inner));
                *faulty.lock() = Some(Arc::clone(&failing));
                Arc::new(HeldJournal { inner: failing, hold: Arc::clone(&hold) })
            }
        };
        let policy = POLICIES[0].files.clone();
        let setup = Setup { seed, settings, policy, follow: false, wrap: Box::new(wrap), ..Setup::default() };
        let people: [(&[&str], Option<&'static str>); 6] = [
            (&["finance"], None),
            (&["finance", "legal"], None),
            (&["legal"], None),
            (&["finance"], Some("u-dave")),
            (&["finance", "legal"], Some("boss")),
            (&[], None),
        ];
        let person = |(n, (groups, user)): (usize, (&[&str], Option<&'static str>))| {
            let caller = reviewer(n as u128, groups, user);
            let id = caller.person.as_ref().unwrap().id.to_string();
            Reviewer { caller, id, groups: groups.iter().map(|group| (*group).to_owned()).collect(), user }
        };
        World {
            test: TestGate::open(setup).await,
            hold,
            faulty,
            callers: vec![agent(1), agent(2), gateway(3)],
            reviewers: people.into_iter().enumerate().map(person).collect(),
        }
    }

    /// The k-th append from now on fails.
    pub fn fail(&self, k: u64, fault: Fault) {
        if let Some(journal) = &*self.faulty.lock() {
            journal.fail(Verb::Append, k, fault);
        }
    }

    /// Takes a planned failure back.
    pub fn heal(&self) {
        if let Some(journal) = &*self.faulty.lock() {
            journal.fail(Verb::Trim, u64::MAX, Fault::Before);
        }
    }

    pub async fn durable(&self) -> u64 {
        self.test.journal.head(self.test.log).await.unwrap().size()
    }
}
