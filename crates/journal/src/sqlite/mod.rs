//! The journal in SQLite: one file, one row per batch, one sync per commit.

mod connection;
mod read;
mod reserve;
mod upkeep;
mod write;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use async_trait::async_trait;
use countersign_tlog::Note;
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::journal::{Batch, Boundary, Entry, Head, Journal, LogId};
use connection::Health;
use reserve::Reserve;
use upkeep::Upkeep;

/// How a [`SqliteJournal`] is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Room kept for [`crate::Priority::Finish`] when the disk is full, in bytes: the file `reserve` of that size.
    pub reserve_bytes: u64,
    /// Most bytes of `journal.db` (its write-ahead log apart), besides the reserve; `None` for as many as the disk has.
    pub most_bytes: Option<u64>,
    /// Bytes appended after which the write-ahead log is carried over into `journal.db`, off the commit path.
    pub carry_over_bytes: u64,
    /// Commits without waiting for the disk: **loses answered records with the power.** Exists so that tests can
    /// show that they would notice.
    pub loses_data_without_sync: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            reserve_bytes: 8 << 20,
            most_bytes: None,
            carry_over_bytes: 16 << 20,
            loses_data_without_sync: false,
        }
    }
}

/// `journal.db` in a data folder: the embedded default.
///
/// Commits with `synchronous=FULL`. Reading has a connection of its own, and so has the upkeep (carrying the write-ahead
/// log over, trimming, erasing), which runs on its own thread. After an error that leaves a write in doubt every
/// further write is refused: a failed sync is never tried again.
#[derive(Debug)]
pub struct SqliteJournal {
    shared: Arc<Shared>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Held so that no other process opens the folder while this journal lives.
    folder: Arc<DataFolder>,
    write: Mutex<Connection>,
    read: Mutex<Connection>,
    upkeep: Upkeep,
    reserve: Reserve,
    health: Health,
}

impl SqliteJournal {
    /// Opens `journal.db` in the folder, creating the file (but no log) if it is not there.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Full`], [`Error::Corrupt`] or [`Error::Storage`].
    pub fn open(folder: Arc<DataFolder>, options: &SqliteOptions) -> Result<Self, Error> {
        let path = folder.private_file("journal.db")?;
        let sync = !options.loses_data_without_sync;
        let write = connection::open_for_writing(&path, sync)?;
        let shared = Arc::new(Shared {
            read: Mutex::new(connection::open_for_reading(&path)?),
            upkeep: Upkeep::new(connection::open_for_upkeep(&path, sync)?, options.carry_over_bytes),
            reserve: Reserve::open(folder.join("reserve"), &write, options)?,
            write: Mutex::new(write),
            health: Health::default(),
            folder,
        });
        let (wake, woken) = std::sync::mpsc::sync_channel(1);
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal upkeep".to_owned())
            .spawn(move || worker.keep_up(&woken))
            .map_err(|cause| Error::storage("starting the journal's upkeep", cause))?;
        Ok(SqliteJournal { shared, wake: Some(wake), thread: Some(thread) })
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &DataFolder {
        &self.shared.folder
    }

    /// Runs on a thread where blocking is allowed, if the caller is a task; in place if it is a plain thread.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        match tokio::runtime::Handle::try_current() {
            Err(_) => work(&shared),
            Ok(runtime) => {
                let answer = runtime.spawn_blocking(move || work(&shared)).await;
                answer.unwrap_or_else(|cause| Err(Error::ambiguous("waiting for the journal", cause)))
            }
        }
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // The thread has nothing to say that is not in `health`.
            let _ = thread.join();
        }
        self.shared.close();
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn create(&self, log: LogId) -> Result<(), Error> {
        self.apart(move |shared| shared.create(log)).await
    }

    async fn open(&self, log: LogId) -> Result<Head, Error> {
        self.apart(move |shared| shared.raise_epoch(log)).await
    }

    async fn head(&self, log: LogId) -> Result<Head, Error> {
        self.apart(move |shared| shared.head(log)).await
    }

    async fn append(&self, expected: &Head, batch: Batch) -> Result<Head, Error> {
        let head = self.shared.append(expected, &batch)?;
        if let (true, Some(wake)) = (self.shared.upkeep.is_due(), &self.wake) {
            // Full means that it has been woken already.
            let _ = wake.try_send(());
        }
        Ok(head)
    }

    async fn read(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        self.apart(move |shared| shared.read_entries(log, from, most)).await
    }

    async fn boundary(&self, log: LogId, from: u64, bytes: u64) -> Result<Option<Boundary>, Error> {
        self.apart(move |shared| shared.boundary(log, from, bytes)).await
    }

    async fn publish(&self, expected: &Head, checkpoint: &Note) -> Result<(), Error> {
        let (expected, checkpoint) = (expected.clone(), checkpoint.clone());
        self.apart(move |shared| shared.publish(&expected, &checkpoint)).await
    }

    async fn published(&self, log: LogId) -> Result<Option<Note>, Error> {
        self.apart(move |shared| shared.published(log)).await
    }

    async fn trim(&self, log: LogId, below: u64) -> Result<(), Error> {
        self.apart(move |shared| shared.trim(log, below)).await
    }

    async fn erase(&self, log: LogId, positions: &[u64]) -> Result<(), Error> {
        let positions = positions.to_vec();
        self.apart(move |shared| shared.erase(log, positions)).await
    }
}
