//! Erasure of a user or of a reviewer: what is open closes, the keys are destroyed, two records say so.

use std::time::Duration;

use countersign_evidence::record::{Actor, ActorKind, SubjectErased, SubjectErasureRequested};
use countersign_journal::{KeyId, KeyKind, Owner};
use countersign_wire::{ErasePersonRequest, EraseRequest, Erased};
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
        self.erase(caller, KeyKind::Subject, &request.user, None).await
    }

    /// Destroys what is known of a reviewer. Its access goes first; its decisions stay, under its id. If the process dies
    /// before the erasure is on record, it is to be asked for again; after that the next start completes it.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn erase_person(&self, caller: &Caller, request: ErasePersonRequest) -> Result<Erased, GateError> {
        caller.must_administer()?;
        let person = request.person;
        // To the end: what is given to this person meanwhile would be on record as given to nobody.
        let _one_at_a_time = self.shared.access.lock().await;
        self.credentials().find_person(person)?.ok_or(GateError::NotFound("person"))?;
        self.shut_out(caller, person).await?;
        self.erase(caller, KeyKind::Person, &person.to_string(), Some(person)).await
    }

    /// Puts on record which keys will go, destroys them, and puts on record that they are gone.
    async fn erase(
        &self,
        caller: &Caller,
        kind: KeyKind,
        identity: &str,
        person: Option<Uuid>,
    ) -> Result<Erased, GateError> {
        let mut keys = self.keys_of(kind, identity)?;
        if keys.is_empty() {
            return Err(GateError::NotFound("user whose data is kept"));
        }
        let mut closed_actions = Vec::new();
        loop {
            // Durable: the open actions are closed, and which keys will go is on record.
            let requested = SubjectErasureRequested { keys: keys.clone() };
            let requested = self.shared.system_draft(caller, requested, Vec::new(), &self.shared.workspace_key);
            let subjects = keys.iter().copied().chain(person).collect();
            let command = Command::CloseSubject { subjects, draft: Box::new(requested) };
            let Answer::Closed(closed) = self.send(command).await? else {
                return Err(GateError::Broken("another answer was due".to_owned()));
            };
            closed_actions.extend(closed);
            // Where all keys had been destroyed before, somebody may have made one meanwhile. Once a live one is on record,
            // there is no other.
            let now = self.keys_of(kind, identity)?;
            if now == keys {
                break;
            }
            keys = now;
        }
        let position = self.destroy(&keys, actor(ActorKind::Operator, caller.key)).await?;
        // The index purges what it knows when it reads that record; the answer waits for it.
        let purged = self.have_read(position + 1, PATIENCE).await;
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

    fn keys_of(&self, kind: KeyKind, identity: &str) -> Result<Vec<Uuid>, GateError> {
        let owner = Owner { kind, workspace: &self.shared.settings().workspace, identity };
        Ok(self.shared.parts.keys.keys_of(owner)?.into_iter().map(|key| key.id.0).collect())
    }
}
