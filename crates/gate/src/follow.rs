//! Keeps the index up with the log.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::Gate;
use crate::writer::WriterState;
use countersign_index::Index;
use countersign_journal::LogReader;

/// Records read at a time.
const MOST: usize = 2_048;
/// How long new records gather before the index reads them: one row per action is cheaper when its records come together.
const GATHER: Duration = Duration::from_millis(20);

/// Records that may gather while the gate is busy: it holds their actions in memory meanwhile.
const MOST_BEHIND: u64 = 50_000;

/// Why the index cannot follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log does not read.
    #[error(transparent)]
    Log(#[from] countersign_journal::Error),
    /// The index does not write.
    #[error("the index cannot be written: {0}. It can be deleted: it is built anew from the log")]
    Index(String),
}

/// Reads everything that is durable now into the index. `each` is told how far it is.
///
/// # Errors
/// [`FollowError`].
pub async fn catch_up(
    reader: &LogReader,
    index: &Arc<Index>,
    mut each: impl FnMut(u64, u64),
) -> Result<(), FollowError> {
    let head = reader.head().await?;
    while index.position() < head.size {
        read_some(reader, index).await?;
        each(index.position(), head.size);
    }
    Ok(())
}

/// Follows the gate until its writer stops. Decisions go first: records gather a moment before they are read, and while
/// commands queue they gather on, until a question asks about them or until there are too many.
///
/// # Errors
/// [`FollowError`]; the gate itself does not depend on the index going on.
pub async fn follow(gate: Gate, reader: LogReader, index: Arc<Index>) -> Result<(), FollowError> {
    let mut told = gate.told();
    loop {
        let durable = match &*told.borrow_and_update() {
            WriterState::Writing(size) => *size,
            WriterState::Stopped(_) => return Ok(()),
        };
        if index.position() >= durable {
            if told.changed().await.is_err() {
                return Ok(());
            }
            // The answers that these records were made for leave first.
            gather(&gate).await;
        } else if gate.queued() > 0 && durable - index.position() < MOST_BEHIND && !gate.is_asked() {
            gather(&gate).await;
        } else {
            read_some(&reader, &index).await?;
        }
    }
}

async fn gather(gate: &Gate) {
    tokio::select! {
        () = tokio::time::sleep(GATHER) => {}
        () = gate.asked() => {}
    }
}

async fn read_some(reader: &LogReader, index: &Arc<Index>) -> Result<(), FollowError> {
    let from = index.position();
    let entries = reader.read(from, MOST).await?;
    let index = Arc::clone(index);
    let applying = tokio::task::spawn_blocking(move || {
        let records = entries.iter().map(|entry| (entry.envelope.as_ref(), entry.vault.as_ref()));
        index.apply(from, records)
    });
    let applied = applying.await.map_err(|error| FollowError::Index(error.to_string()))?;
    applied.map_err(|error| FollowError::Index(error.to_string()))
}
