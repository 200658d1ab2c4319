//! Reading the log again: where an action is picked up in the middle, and where erasure changes what opens.

use countersign_journal::LogReader;
use tokio::runtime::Handle;

/// A record as the log has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The canonical envelope.
    pub envelope: Vec<u8>,
    /// The vault entry; empty where the record has none or it is gone.
    pub vault: Vec<u8>,
}

/// The log that the index is filled from. Blocks; called where [`crate::Index::apply`] and [`crate::Index::open`] are.
pub trait ReadLog: Send + Sync {
    /// The record at a position; `None` at the end of the log.
    ///
    /// # Errors
    /// Whatever keeps the log from being read, as a message.
    fn read(&self, position: u64) -> Result<Option<Record>, String>;
}

/// The log over journal, tiles and vault. Must not be called on a thread that runs asynchronous tasks: use
/// `spawn_blocking`.
pub struct JournalLog {
    reader: LogReader,
    runtime: Handle,
}

impl JournalLog {
    /// A blocking view of `reader`.
    pub fn new(reader: LogReader, runtime: Handle) -> Self {
        JournalLog { reader, runtime }
    }
}

impl ReadLog for JournalLog {
    fn read(&self, position: u64) -> Result<Option<Record>, String> {
        let entries = self.runtime.block_on(self.reader.read(position, 1)).map_err(|error| error.to_string())?;
        let record = |entry: countersign_journal::Entry| Record {
            envelope: entry.envelope.to_vec(),
            vault: entry.vault.to_vec(),
        };
        Ok(entries.into_iter().next().map(record))
    }
}
