//! A journal that is full, or takes its time, as a test tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use countersign_gate::testing::Wrap;
use countersign_journal::{Batch, Boundary, Entry, Error, Head, Journal, LogId, Priority};
use countersign_tlog::Note;
use parking_lot::{Condvar, Mutex};

/// What the disk does now.
#[derive(Default)]
pub struct Disk {
    /// Only what ends something fits.
    pub full: AtomicBool,
    /// Not even that fits.
    pub reserve_used: AtomicBool,
    /// Each read lets others go first.
    pub slow_reads: AtomicBool,
    held: Mutex<bool>,
    released: Condvar,
}

impl Disk {
    pub fn hold(&self) {
        *self.held.lock() = true;
    }

    pub fn release(&self) {
        *self.held.lock() = false;
        self.released.notify_all();
    }

    pub fn wrap(self: &Arc<Self>) -> Wrap {
        let disk = Arc::clone(self);
        Box::new(move |inner| Arc::new(OnDisk { inner, disk: Arc::clone(&disk) }))
    }
}

struct OnDisk {
    inner: Arc<dyn Journal>,
    disk: Arc<Disk>,
}

#[async_trait]
impl Journal for OnDisk {
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
        self.disk.released.wait_while(&mut self.disk.held.lock(), |held| *held);
        let (full, used) = (self.disk.full.load(Ordering::SeqCst), self.disk.reserve_used.load(Ordering::SeqCst));
        if used || (full && batch.priority == Priority::New) {
            return Err(Error::Full);
        }
        self.inner.append(expected, batch).await
    }
    async fn read(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        if self.disk.slow_reads.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
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
