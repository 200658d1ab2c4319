//! The log as it grows, in order, for whoever follows it: clear fields alone.

use countersign_evidence::record::Envelope;
use countersign_wire::EventView;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;
use crate::writer::WriterState;

/// Records that are read at a time.
const AT_ONCE: usize = 256;

impl Gate {
    /// Whether this caller may follow the log.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn may_follow(&self, caller: &Caller) -> Result<(), GateError> {
        caller.must_look()?;
        match caller.environments.is_empty() && caller.agents.is_empty() {
            true => Ok(()),
            false => Err(GateError::Forbidden("this key is limited: it may look, not follow the log".to_owned())),
        }
    }

    /// Whether a caller that came in a while ago would still be let in.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`].
    pub fn still_here(&self, caller: &Caller) -> Result<(), GateError> {
        let here = match (caller.is_owner(), caller.is_session()) {
            (true, _) => true,
            (_, true) => self.credentials().session(caller.key)?.is_some(),
            _ => self.credentials().api_keys()?.iter().any(|key| key.id == caller.key && key.revoked.is_none()),
        };
        here.then_some(()).ok_or(GateError::Unauthenticated)
    }

    /// Records from `position` on, as soon as there is one; waits for it without asking again and again. A key that is
    /// limited to some environments or agents does not follow: what a record is about stands in another one.
    ///
    /// # Errors
    /// [`GateError::Forbidden`]; [`GateError::Unavailable`] where the writer has stopped.
    pub async fn events(&self, caller: &Caller, position: u64) -> Result<Vec<EventView>, GateError> {
        let event = |(position, envelope): (u64, Envelope)| EventView {
            position,
            kind: envelope.body.kind().to_owned(),
            time: envelope.time,
            action: envelope.link.map(|link| link.action),
        };
        Ok(self.envelopes(caller, position).await?.into_iter().map(event).collect())
    }

    /// As [`Gate::events`], with all that stands in the clear.
    pub(crate) async fn envelopes(&self, caller: &Caller, position: u64) -> Result<Vec<(u64, Envelope)>, GateError> {
        self.may_follow(caller)?;
        let mut told = self.told();
        let there = told.wait_for(|state| match state {
            WriterState::Writing(size) => *size > position,
            WriterState::Stopped(_) => true,
        });
        // The sender may be gone; what is durable can be read all the same.
        drop(there.await);
        if self.durable() <= position {
            return Err(GateError::Unavailable("the writer has ended".to_owned()));
        }
        let read = self.shared.parts.reader.read(position, AT_ONCE).await;
        let entries = read.map_err(|error| GateError::Broken(error.to_string()))?;
        let envelope = |(position, entry): (u64, countersign_journal::Entry)| {
            let envelope = Envelope::parse(&entry.envelope).map_err(|error| GateError::Broken(error.to_string()))?;
            Ok((position, envelope))
        };
        (position..).zip(entries).map(envelope).collect()
    }
}
