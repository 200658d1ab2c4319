//! Settling an unknown outcome: an operator has found out what came of it.

use std::sync::Arc;

use countersign_evidence::id::is_identifier;
use countersign_evidence::record::{ExecutionResolved, Outcome, Role};
use countersign_wire::{ActionView, ResolveRequest};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Command, Resolution};
use crate::draft::{Draft, Field, Fields};
use crate::error::GateError;
use crate::gate::{Gate, may_see};
use crate::prepare::check_paths;

impl Gate {
    /// Records what an outcome that was unknown turned out to be, how that is known, and what shows it. Only an operator
    /// does; the executor's own late word is [`Gate::finish`].
    ///
    /// # Errors
    /// [`GateError::Forbidden`]; [`GateError::WrongState`] where the outcome is not unknown; [`GateError::Invalid`].
    pub async fn resolve_outcome(
        &self,
        caller: &Caller,
        action: Uuid,
        request: ResolveRequest,
    ) -> Result<ActionView, GateError> {
        if !caller.has(Role::Operator) {
            return Err(GateError::Forbidden("an unknown outcome is settled by an operator".to_owned()));
        }
        if request.outcome == Outcome::Unknown || !is_identifier(&request.basis) {
            return Err(GateError::Invalid(
                "say succeeded or failed, and by a word without spaces how that is known, such as downstream_ledger"
                    .to_owned(),
            ));
        }
        let limit = self.shared.settings().most_payload;
        let bytes = request.evidence.as_ref().map_or(0, |evidence| evidence.to_canonical().len());
        if bytes > limit {
            return Err(GateError::PayloadTooLarge { bytes, limit });
        }
        request.evidence.as_ref().map_or(Ok(()), check_paths)?;
        let held = self.find(action).await?.ok_or(GateError::NotFound("action"))?;
        may_see(caller, &held)?;
        let body = ExecutionResolved { outcome: request.outcome, basis: request.basis, reference: request.reference };
        let fields = request.evidence.map(|evidence| Field::new("evidence", evidence)).into_iter().collect();
        let sections = vec![Fields { key: &held.key, wrapped_by: None, fields }];
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        let draft = Draft::sealed(id, caller.actor(), body, origin, sections, self.shared.random());
        // The writer may let go of it meanwhile: then this copy counts, where it is the latest.
        let resolution = Resolution { action, draft, loaded: Arc::clone(&held) };
        self.view_of(Command::Resolve(Box::new(resolution))).await?.ok_or(GateError::Busy)
    }
}
