//! Questions: lists, ids of any kind, proofs, the state of the log.

use std::time::Duration;

use countersign_index::Query;
use countersign_journal::LogReader;
use countersign_tlog::TlogProof;
use countersign_wire::{LogView, Page, PolicyView, Resolved};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;
use crate::shared::Shared;
use crate::writer::WriterState;

/// How long a question that reaches past what is indexed waits.
const PATIENCE: Duration = Duration::from_millis(500);

fn broken(error: impl std::fmt::Display) -> GateError {
    GateError::Broken(error.to_string())
}

impl Gate {
    /// Actions that match, newest first. Waits briefly for the index to read what is durable by now; if it does not get
    /// there, the page says how far behind it is.
    ///
    /// # Errors
    /// [`GateError::Invalid`] for a query that does not make sense.
    pub async fn list(&self, caller: &Caller, mut query: Query) -> Result<Page, GateError> {
        caller.must_look()?;
        query.limit_to(&caller.environments, &caller.agents);
        let durable = self.catch_up().await;
        let index = std::sync::Arc::clone(&self.shared.parts.index);
        let found = tokio::task::spawn_blocking(move || index.list(&query)).await.map_err(broken)?;
        let mut page = found.map_err(|error| GateError::Invalid(error.to_string()))?;
        page.behind = durable.saturating_sub(page.as_of);
        Ok(page)
    }

    /// What an id names.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn resolve(&self, caller: &Caller, id: &str) -> Result<Resolved, GateError> {
        caller.must_look()?;
        self.catch_up().await;
        let (environments, agents) = (&caller.environments, &caller.agents);
        let found = self.shared.parts.index.resolve(id, environments, agents).map_err(broken)?;
        found.ok_or(GateError::NotFound("such id"))
    }

    /// A C2SP tlog-proof that the record at this position is in the published log. Waits briefly until it is published.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where there is no such position, or it is not published yet.
    pub async fn proof(&self, caller: &Caller, position: u64) -> Result<Vec<u8>, GateError> {
        caller.must_look()?;
        let reader = &self.shared.parts.reader;
        let mut patience = 20;
        let checkpoint = loop {
            let note = reader.published().await.map_err(broken)?;
            let tree = note.as_ref().map(LogReader::tree_of).transpose().map_err(broken)?;
            match (note, tree) {
                (Some(note), Some(tree)) if tree.size > position => break (note, tree),
                _ if patience == 0 || position >= self.durable() => {
                    return Err(GateError::NotFound("published record at that position"));
                }
                _ => patience -= 1,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let (note, tree) = checkpoint;
        let (_, hashes) = reader.prove_inclusion(position, tree).await.map_err(broken)?;
        Ok(TlogProof { extra: None, index: position, hashes, checkpoint: note }.to_bytes())
    }

    /// How far the log is.
    ///
    /// # Errors
    /// [`GateError::Broken`] where the published checkpoint does not read.
    pub async fn log_view(&self, caller: &Caller) -> Result<LogView, GateError> {
        caller.must_look()?;
        let published = self.shared.parts.reader.published().await.map_err(broken)?;
        let tree = published.as_ref().map(LogReader::tree_of).transpose().map_err(broken)?;
        Ok(LogView {
            origin: self.shared.settings().origin.clone(),
            vkey: self.shared.settings().vkey.clone(),
            sequenced: self.durable(),
            published: tree.map_or(0, |tree| tree.size),
            indexed: self.shared.parts.index.position(),
        })
    }

    /// Durable records.
    pub fn durable(&self) -> u64 {
        match self.writer_state() {
            WriterState::Writing(size) => size,
            WriterState::Stopped(_) => self.shared.parts.index.position(),
        }
    }

    /// Whether somebody waits for records that the index has not read.
    pub(crate) fn is_asked(&self) -> bool {
        *self.shared.asked.borrow() > self.shared.parts.index.position()
    }

    /// Resolves when somebody waits for records that the index has not read.
    pub(crate) async fn asked(&self) {
        let index = &self.shared.parts.index;
        // The sender lives as long as the gate.
        let _ = self.shared.asked.subscribe().wait_for(|asked| *asked > index.position()).await;
    }

    /// Has the index read up to `position`, and waits for it at most so long. Whether it has.
    pub(crate) async fn have_read(&self, position: u64, most: Duration) -> bool {
        self.shared.asked.send_if_modified(|asked| {
            let further = position > *asked;
            *asked = position.max(*asked);
            further
        });
        self.shared.parts.index.wait_for(position, most).await
    }

    /// Waits briefly until the index has read what is durable now; how much that is.
    pub(crate) async fn catch_up(&self) -> u64 {
        let durable = self.durable();
        self.have_read(durable, PATIENCE).await;
        durable
    }
}

impl Shared {
    /// The action that a request id named, where the gate no longer holds it.
    pub(crate) fn indexed_request(&self, key: Uuid, request_id: &str) -> Result<Option<Uuid>, GateError> {
        self.parts.index.by_request(key, request_id).map_err(broken)
    }

    /// Positions of an action's records, where the index knows it.
    pub(crate) fn indexed_positions(&self, action: Uuid) -> Result<Option<Vec<u64>>, GateError> {
        self.parts.index.positions(action).map_err(broken)
    }

    /// The keys of each erasure that was asked for and is not done.
    pub(crate) fn indexed_erasures(&self) -> Result<Vec<Vec<Uuid>>, GateError> {
        self.parts.index.erasures_asked_for().map_err(broken)
    }

    pub(crate) fn indexed_policies(&self) -> Result<Vec<PolicyView>, GateError> {
        self.parts.index.policies().map_err(broken)
    }
}
