//! Erasure of a person: its open actions close, its keys are destroyed, two records say so.

use std::time::Duration;

use countersign_evidence::record::{SubjectErased, SubjectErasureRequested};
use countersign_journal::{KeyKind, Owner};
use countersign_wire::{EraseRequest, Erased};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Answer, Command};
use crate::error::GateError;
use crate::gate::Gate;

/// How long the answer waits for the index to purge.
const PATIENCE: Duration = Duration::from_secs(10);

impl Gate {
    /// Destroys what is known of a user. If the process dies in between, asking again completes it: the keys' ids stay
    /// known until the second record is durable.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where nothing is kept about this user; [`GateError::WrongState`] while an action of the user
    /// is being executed.
    pub async fn erase_subject(&self, caller: &Caller, request: EraseRequest) -> Result<Erased, GateError> {
        caller.must_operate()?;
        let owner =
            Owner { kind: KeyKind::Subject, workspace: &self.shared.settings().workspace, identity: &request.user };
        let keys: Vec<Uuid> = self.shared.parts.keys.keys_of(owner)?.into_iter().map(|key| key.id.0).collect();
        if keys.is_empty() {
            return Err(GateError::NotFound("user whose data is kept"));
        }
        // Durable: the open actions are closed, and which keys will go is on record.
        let requested = self.shared.system_draft(caller, SubjectErasureRequested { keys: keys.clone() }, Vec::new());
        let command = Command::CloseSubject { subjects: keys.clone(), draft: Box::new(requested) };
        let Answer::Closed(actions) = self.send(command).await? else {
            return Err(GateError::Broken("another answer was due".to_owned()));
        };
        // The keys are gone from every file when this returns.
        self.shared.parts.keys.destroy(owner)?;
        // One may have been made and destroyed in between.
        let keys: Vec<Uuid> = self.shared.parts.keys.keys_of(owner)?.into_iter().map(|key| key.id.0).collect();
        let erased = self.shared.system_draft(caller, SubjectErased { keys: keys.clone() }, Vec::new());
        let Answer::Position(position) = self.send(Command::System(vec![erased])).await? else {
            return Err(GateError::Broken("another answer was due".to_owned()));
        };
        // The index purges what it knows when it reads that record; the answer waits for it.
        let purged = self.shared.parts.index.wait_for(position + 1, PATIENCE).await;
        Ok(Erased { keys, closed_actions: actions, position, purged })
    }
}
