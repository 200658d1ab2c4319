//! Who is away, and who decides instead.

use countersign_evidence::record::{AccessDelegated, DelegationEnded};
use countersign_evidence::time::Timestamp;
use countersign_journal::Delegation;
use countersign_wire::{DelegationRequest, DelegationView};
use uuid::Uuid;

use crate::caller::Caller;
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::Gate;

/// Longest time that somebody decides for another, in seconds.
const MOST_S: i64 = 90 * 24 * 3_600;
const MOST_REASON: usize = 1_024;

fn view(row: &Delegation) -> DelegationView {
    DelegationView {
        delegation: row.id,
        from: row.giver,
        to: row.taker,
        since: Timestamp::from_micros(row.since),
        until: Timestamp::from_micros(row.until),
    }
}

impl Gate {
    /// Lets somebody decide with the groups of a person who is away. It gives what that person has itself, never what it
    /// was lent.
    ///
    /// # Errors
    /// [`GateError::Invalid`], [`GateError::NotFound`].
    pub async fn delegate(&self, caller: &Caller, request: DelegationRequest) -> Result<DelegationView, GateError> {
        let own = caller.person.as_ref().map(|person| person.id);
        let from = request.from.or(own);
        let from = from.ok_or_else(|| GateError::Invalid("from: say who is away".to_owned()))?;
        caller.must_be(from)?;
        let now = self.shared.now();
        let since = request.since.unwrap_or(now).max(now);
        if from == request.to || request.until <= since || request.until > since.plus_seconds(MOST_S) {
            return Err(GateError::Invalid("it goes to somebody else, and ends within 90 days".to_owned()));
        }
        if request.reason.as_ref().is_some_and(|reason| reason.len() > MOST_REASON) {
            return Err(GateError::Invalid(format!("a reason has at most {MOST_REASON} bytes")));
        }
        let _one_at_a_time = self.shared.access.lock().await;
        let (_, under) = self.person(from)?.ok_or(GateError::NotFound("person"))?;
        self.person(request.to)?.ok_or(GateError::NotFound("person"))?;
        let id = self.shared.new_id();
        let body = AccessDelegated { delegation: id, from, to: request.to, since, until: request.until };
        let reason = request.reason.map(|reason| Field::new("reason", reason));
        self.record(caller, body, reason.into_iter().collect(), &under).await?;
        let (since, until) = (since.as_micros(), request.until.as_micros());
        let row = Delegation { id, giver: from, taker: request.to, since, until };
        self.credentials().insert_delegation(&row)?;
        self.forget_callers();
        Ok(view(&row))
    }

    /// Delegations that are in force or will be: those of the caller, all of them for an admin.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn delegations(&self, caller: &Caller) -> Result<Vec<DelegationView>, GateError> {
        caller.must_look()?;
        let (all, now) = (caller.must_administer().is_ok(), self.shared.now().as_micros());
        let own = caller.person.as_ref().map(|person| person.id);
        let rows = self.credentials().delegations()?.into_iter();
        let shown = rows.filter(|row| row.until > now && (all || [row.giver, row.taker].map(Some).contains(&own)));
        Ok(shown.map(|row| view(&row)).collect())
    }

    /// Ends a delegation before its time.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn end_delegation(&self, caller: &Caller, delegation: Uuid) -> Result<(), GateError> {
        let _one_at_a_time = self.shared.access.lock().await;
        let row = self.credentials().delegations()?.into_iter().find(|row| row.id == delegation);
        let row = row.filter(|row| caller.must_be(row.giver).is_ok()).ok_or(GateError::NotFound("delegation"))?;
        self.credentials().remove_delegation(row.id)?;
        self.forget_callers();
        self.record(caller, DelegationEnded { delegation }, Vec::new(), &self.shared.workspace_key).await
    }
}
