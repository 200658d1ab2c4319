//! A journal that fails on purpose, in both ways in which storage fails.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_tlog::Note;
use parking_lot::Mutex;

use crate::error::Error;
use crate::journal::{Batch, Boundary, Entry, Head, Journal, LogId};

/// Which call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// [`Journal::open`].
    Open,
    /// [`Journal::append`].
    Append,
    /// [`Journal::read`] and [`Journal::boundary`].
    Read,
    /// [`Journal::publish`].
    Publish,
    /// [`Journal::trim`].
    Trim,
    /// [`Journal::erase`].
    Erase,
}

/// How it fails; the caller sees the same [`Error::Ambiguous`] both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It did not happen.
    Before,
    /// It happened, but the answer was lost.
    After,
}

/// Passes everything on to another journal, but for the k-th call of one verb.
pub struct FaultyJournal {
    inner: Arc<dyn Journal>,
    plan: Mutex<Option<(Verb, u64, Fault)>>,
}

impl FaultyJournal {
    /// Without a plan: nothing fails yet.
    pub fn new(inner: Arc<dyn Journal>) -> Self {
        FaultyJournal { inner, plan: Mutex::new(None) }
    }

    /// From now on the `k`-th call of `verb` (the next one is 0) fails in the given way, once. Replaces the plan.
    pub fn fail(&self, verb: Verb, k: u64, fault: Fault) {
        *self.plan.lock() = Some((verb, k, fault));
    }

    /// Whether the planned failure has come to pass (or none was planned).
    pub fn is_spent(&self) -> bool {
        self.plan.lock().is_none()
    }

    fn fault(&self, verb: Verb) -> Option<Fault> {
        let mut plan = self.plan.lock();
        match &mut *plan {
            Some((planned, 0, fault)) if *planned == verb => {
                let fault = *fault;
                *plan = None;
                Some(fault)
            }
            Some((planned, k, _)) if *planned == verb => {
                *k -= 1;
                None
            }
            _ => None,
        }
    }

    async fn pass<T>(&self, verb: Verb, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let lost = || Err(Error::ambiguous("a call that fails on purpose", "the answer is lost"));
        match self.fault(verb) {
            Some(Fault::Before) => lost(),
            Some(Fault::After) => call.await.and_then(|_| lost()),
            None => call.await,
        }
    }
}

#[async_trait]
impl Journal for FaultyJournal {
    async fn create(&self, log: LogId) -> Result<(), Error> {
        self.inner.create(log).await
    }

    async fn open(&self, log: LogId) -> Result<Head, Error> {
        self.pass(Verb::Open, self.inner.open(log)).await
    }

    async fn head(&self, log: LogId) -> Result<Head, Error> {
        self.inner.head(log).await
    }

    async fn append(&self, expected: &Head, batch: Batch) -> Result<Head, Error> {
        self.pass(Verb::Append, self.inner.append(expected, batch)).await
    }

    async fn read(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        self.pass(Verb::Read, self.inner.read(log, from, most)).await
    }

    async fn boundary(&self, log: LogId, from: u64, bytes: u64) -> Result<Option<Boundary>, Error> {
        self.pass(Verb::Read, self.inner.boundary(log, from, bytes)).await
    }

    async fn publish(&self, expected: &Head, checkpoint: &Note) -> Result<(), Error> {
        self.pass(Verb::Publish, self.inner.publish(expected, checkpoint)).await
    }

    async fn published(&self, log: LogId) -> Result<Option<Note>, Error> {
        self.inner.published(log).await
    }

    async fn trim(&self, log: LogId, below: u64) -> Result<(), Error> {
        self.pass(Verb::Trim, self.inner.trim(log, below)).await
    }

    async fn erase(&self, log: LogId, positions: &[u64]) -> Result<(), Error> {
        self.pass(Verb::Erase, self.inner.erase(log, positions)).await
    }
}
