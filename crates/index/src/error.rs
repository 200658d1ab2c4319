use crate::query::MOST_ROWS;

/// Why the index refuses or fails. It is never evidence: after anything but a refused question it can be deleted and
/// built anew from the log.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The question does not make sense.
    #[error("the question cannot be answered: {0}")]
    Question(String),
    /// A page of that many rows was asked for.
    #[error("a page has 1 to {MOST_ROWS} rows, not {0}; page on with `before`")]
    Limit(usize),
    /// The question would have to look at too much.
    #[error("the question looks at too many actions; narrow it by time, agent or tool")]
    TooBroad,
    /// Records were handed in out of order.
    #[error("the next record to read is {next}, not {found}; read on from there")]
    OutOfOrder {
        /// The position that is due.
        next: u64,
        /// The position that was handed in.
        found: u64,
    },
    /// The log does not read where the index must look at it again.
    #[error("reading the log at {position} failed: {cause}")]
    Log {
        /// The position.
        position: u64,
        /// What the log says.
        cause: String,
    },
    /// A key cannot be read. Nothing is left out of the index because of that: it reads on once the key store answers.
    #[error(transparent)]
    Keys(#[from] countersign_evidence::open::RingError),
    /// SQLite fails.
    #[error("{doing} failed: {cause}; the index can be deleted, it is built anew from the log")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        cause: String,
    },
}

impl IndexError {
    pub(crate) fn storage(doing: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |cause| match cause.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => IndexError::TooBroad,
            _ => IndexError::Storage { doing, cause: cause.to_string() },
        }
    }
}
