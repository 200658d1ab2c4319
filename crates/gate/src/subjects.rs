//! Erasure of a person: its open actions close, its keys are destroyed, two records say so.

use std::time::Duration;

use countersign_evidence::record::{Actor, ActorKind, SubjectErased, SubjectErasureRequested};
use countersign_journal::{KeyId, KeyKind, Owner};
use countersign_wire::{EraseRequest, Erased};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Answer, Command};
use crate::draft::{Draft, actor, system};
use crate::error::GateError;
use crate::gate::Gate;

/// How long the answer waits for the index to purge.
const PATIENCE: Duration = Duration::from_secs(10);

impl Gate {
    /// Destroys what is known of a user. If the process dies in between, the next start completes it.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where nothing is kept about this user; [`GateError::WrongState`] while an action of the user
    /// is being executed.
    pub async fn erase_subject(&self, caller: &Caller, request: EraseRequest) -> Result<Erased, GateError> {
        caller.must_operate()?;
        let mut keys = self.keys_of(&request.user)?;
        if keys.is_empty() {
            return Err(GateError::NotFound("user whose data is kept"));
        }
        let mut closed_actions = Vec::new();
        loop {
            // Durable: the open actions are closed, and which keys will go is on record.
            let requested =
                self.shared.system_draft(caller, SubjectErasureRequested { keys: keys.clone() }, Vec::new());
            let command = Command::CloseSubject { subjects: keys.clone(), draft: Box::new(requested) };
            let Answer::Closed(closed) = self.send(command).await? else {
                return Err(GateError::Broken("another answer was due".to_owned()));
            };
            closed_actions.extend(closed);
            // Where all keys had been destroyed before, somebody may have made one meanwhile. Once a live one is on record,
            // there is no other.
            let now = self.keys_of(&request.user)?;
            if now == keys {
                break;
            }
            keys = now;
        }
        let position = self.destroy(&keys, actor(ActorKind::Operator, caller.key)).await?;
        // The index purges what it knows when it reads that record; the answer waits for it.
        let purged = self.shared.parts.index.wait_for(position + 1, PATIENCE).await;
        Ok(Erased { keys, closed_actions, position, purged })
    }

    /// Completes what was cut off between its two records. No proposal comes in before: nothing is sealed under these keys.
    pub(crate) async fn complete_erasures(&self) -> Result<(), GateError> {
        for keys in self.shared.indexed_erasures()? {
            let position = self.destroy(&keys, system()).await?;
            tracing::warn!(position, "an erasure that was cut off before is completed");
        }
        Ok(())
    }

    /// The second half: exactly the keys that are on record as going to be destroyed are gone from every file before the
    /// record that says so.
    async fn destroy(&self, keys: &[Uuid], by: Actor) -> Result<u64, GateError> {
        let ids: Vec<KeyId> = keys.iter().copied().map(KeyId).collect();
        self.shared.parts.keys.destroy(&ids)?;
        let erased = Draft::plain(self.shared.new_id(), by, SubjectErased { keys: keys.to_vec() });
        match self.send(Command::Erased(Box::new(erased))).await? {
            Answer::Position(position) => Ok(position),
            _ => Err(GateError::Broken("another answer was due".to_owned())),
        }
    }

    fn keys_of(&self, user: &str) -> Result<Vec<Uuid>, GateError> {
        let owner = Owner { kind: KeyKind::Subject, workspace: &self.shared.settings().workspace, identity: user };
        Ok(self.shared.parts.keys.keys_of(owner)?.into_iter().map(|key| key.id.0).collect())
    }
}
