//! The journal in memory: for tests, and the model that the others are compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_tlog::{Frontier, Note};
use parking_lot::Mutex;

use crate::error::Error;
use crate::frame;
use crate::journal::{Batch, Boundary, Entry, Head, Journal, LogId, check_states, stated_size};

/// Forgets everything with its last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    logs: Arc<Mutex<BTreeMap<LogId, Log>>>,
}

#[derive(Debug)]
struct Log {
    head: Head,
    entries: Vec<Entry>,
    trimmed: u64,
    published: Option<Note>,
    /// The frontier after each batch, by size; the empty one first.
    past: BTreeMap<u64, Frontier>,
    /// Bytes that the batch ending at a size would take in a row.
    rows: BTreeMap<u64, u64>,
}

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, log: LogId, work: impl FnOnce(&mut Log) -> Result<T, Error>) -> Result<T, Error> {
        work(self.logs.lock().get_mut(&log).ok_or(Error::Missing(log))?)
    }
}

impl Log {
    fn check_epoch(&self, ours: u64) -> Result<(), Error> {
        let current = self.head.epoch;
        if ours == current { Ok(()) } else { Err(Error::Fenced { ours, current }) }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn create(&self, log: LogId) -> Result<(), Error> {
        let mut logs = self.logs.lock();
        if logs.contains_key(&log) {
            return Err(Error::Exists(log));
        }
        let past = BTreeMap::from([(0, Frontier::new())]);
        let (head, rows) = (Head::empty(log, 0), BTreeMap::new());
        logs.insert(log, Log { head, entries: Vec::new(), trimmed: 0, published: None, past, rows });
        Ok(())
    }

    async fn open(&self, log: LogId) -> Result<Head, Error> {
        self.with(log, |log| {
            log.head.epoch += 1;
            Ok(log.head.clone())
        })
    }

    async fn head(&self, log: LogId) -> Result<Head, Error> {
        self.with(log, |log| Ok(log.head.clone()))
    }

    async fn append(&self, expected: &Head, batch: Batch) -> Result<Head, Error> {
        batch.check()?;
        self.with(expected.log, |log| {
            log.check_epoch(expected.epoch)?;
            if log.head.frontier != expected.frontier {
                return Err(Error::Conflict);
            }
            log.head = expected.after(&batch.entries);
            log.past.insert(log.head.size(), log.head.frontier.clone());
            let row = frame::encode(expected.size(), &batch.entries).len() as u64;
            log.rows.insert(log.head.size(), row);
            log.entries.extend(batch.entries);
            Ok(log.head.clone())
        })
    }

    async fn read(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        self.with(log, |log| {
            if from < log.trimmed {
                return Err(Error::Trimmed { below: log.trimmed });
            }
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            Ok(log.entries.iter().skip(from).take(most).cloned().collect())
        })
    }

    async fn boundary(&self, log: LogId, from: u64, bytes: u64) -> Result<Option<Boundary>, Error> {
        self.with(log, |log| {
            if from < log.trimmed {
                return Err(Error::Trimmed { below: log.trimmed });
            }
            let (mut last, mut sum) = (None, 0);
            for (size, row) in log.rows.range(from.saturating_add(1)..) {
                sum += row;
                if last.is_some() && sum > bytes {
                    break;
                }
                last = log.past.get(size).map(|frontier| Boundary { size: *size, root: frontier.root() });
            }
            Ok(last)
        })
    }

    async fn publish(&self, expected: &Head, checkpoint: &Note) -> Result<(), Error> {
        check_states(checkpoint, expected)?;
        self.with(expected.log, |log| {
            log.check_epoch(expected.epoch)?;
            let published = stated_size(log.published.as_ref())?;
            if expected.size() < published || log.past.get(&expected.size()) != Some(&expected.frontier) {
                return Err(Error::Conflict);
            }
            log.published = Some(checkpoint.clone());
            Ok(())
        })
    }

    async fn published(&self, log: LogId) -> Result<Option<Note>, Error> {
        self.with(log, |log| Ok(log.published.clone()))
    }

    async fn trim(&self, log: LogId, below: u64) -> Result<(), Error> {
        self.with(log, |log| {
            let published = stated_size(log.published.as_ref())?;
            if below > published {
                return Err(Error::Unpublished { below, published });
            }
            log.trimmed = log.trimmed.max(below);
            let gone = usize::try_from(log.trimmed).unwrap_or(usize::MAX);
            log.entries.iter_mut().take(gone).for_each(|entry| *entry = Entry::default());
            Ok(())
        })
    }

    async fn erase(&self, log: LogId, positions: &[u64]) -> Result<(), Error> {
        self.with(log, |log| {
            for position in positions {
                let place = usize::try_from(*position).unwrap_or(usize::MAX);
                let Some(entry) = log.entries.get_mut(place) else { continue };
                let vault = std::mem::replace(&mut entry.vault, Bytes::new());
                if let Some((_, row)) = log.rows.range_mut(position.saturating_add(1)..).next() {
                    *row -= vault.len() as u64;
                }
            }
            Ok(())
        })
    }
}
