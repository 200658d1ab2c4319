//! What can go wrong with a journal or a data folder, and what to do then.

use std::path::PathBuf;

use crate::journal::LogId;

/// Why a journal, a published folder or the data folder itself refuses.
///
/// [`Error::is_certain`] tells the refusals after which nothing has happened from those after which nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log is not where the caller believed: another append or publish came first.
    #[error("the log has moved on since its head was read; read the head, catch up and try again")]
    Conflict,
    /// Somebody opened the log for writing after this caller did.
    #[error("another process has opened this log for writing (epoch {current}, ours {ours}); stop writing and exit")]
    Fenced {
        /// The epoch that the caller holds.
        ours: u64,
        /// The epoch of the log now.
        current: u64,
    },
    /// An earlier error left it unknown what is durable.
    #[error("an earlier write may or may not have happened; open the journal again and rebuild the state from it")]
    Poisoned,
    /// A write failed in a way that leaves it unknown whether it happened. Never try it again: open anew and read.
    #[error("{doing} failed and may or may not have happened: {cause}; restart, so that the state is read anew")]
    Ambiguous {
        /// What was being done.
        doing: &'static str,
        /// The error of the storage below.
        cause: String,
    },
    /// Something could not be read, or a write failed before anything had changed.
    #[error("{doing} failed, nothing has changed: {cause}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// The error of the storage below.
        cause: String,
    },
    /// No room. Nothing has changed; appends with [`crate::Priority::Finish`] may still fit into the reserve.
    #[error("the disk (or the journal's size limit) is full; make room, nothing was written")]
    Full,
    /// The data folder cannot be written.
    #[error("{path} cannot be written: {cause}; check its owner, its mode and how it is mounted")]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
        /// The error of the system.
        cause: String,
    },
    /// Another process works on the data folder.
    #[error("{path} is in use by another process ({holder}); stop that one, or give this one a data folder of its own")]
    Locked {
        /// The data folder.
        path: PathBuf,
        /// What the holder wrote about itself: its process id.
        holder: String,
    },
    /// Stored bytes are not what was written.
    #[error("{what}; restore it from a copy, nothing is written or signed until then")]
    Corrupt {
        /// What was found where.
        what: String,
    },
    /// The log does not exist. Creating one is a deliberate act.
    #[error("there is no log {0} here; if it should exist restore it, if it is new create it deliberately")]
    Missing(LogId),
    /// The log exists already.
    #[error("log {0} exists already; open it instead")]
    Exists(LogId),
    /// The position lies in what was trimmed: published tiles and vault hold it.
    #[error("entries below {below} are no longer in the journal; read them from the published log")]
    Trimmed {
        /// The first position that the journal still has.
        below: u64,
    },
    /// Only published entries may be trimmed.
    #[error("cannot trim below {below}: only {published} entries are published; publish first")]
    Unpublished {
        /// What was asked for.
        below: u64,
        /// Size of the published tree.
        published: u64,
    },
    /// A note that does not state the size and root it was handed in for.
    #[error("the checkpoint does not state size and root of the head that it is published for; do not sign it")]
    NotOfThisHead,
    /// An entry or a batch exceeds a limit.
    #[error("{what} has {found}, at most {limit} are allowed; nothing was written")]
    TooLarge {
        /// What is too large, with the unit.
        what: &'static str,
        /// What was found.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// Whether it is certain that the failed call has changed nothing. If not, the state in memory is poisoned:
    /// exit and rebuild it from the journal.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !matches!(self, Error::Poisoned | Error::Ambiguous { .. })
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Error::Corrupt { what: what.into() }
    }

    pub(crate) fn storage(doing: &'static str, cause: impl ToString) -> Self {
        Error::Storage { doing, cause: cause.to_string() }
    }

    pub(crate) fn ambiguous(doing: &'static str, cause: impl ToString) -> Self {
        Error::Ambiguous { doing, cause: cause.to_string() }
    }
}
