//! Looking that is itself on record: auditors see everything, and what they asked for can be seen.

use countersign_evidence::record::{AccessViewed, Role};
use countersign_journal::KeyKind as OwnerKind;
use uuid::Uuid;

use crate::caller::Caller;
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::Gate;

/// Bytes of what was asked for that are kept.
const MOST_ASKED: usize = 4_096;

impl Gate {
    /// Records what an auditor asks for; others ask without a trace. It is durable before the answer leaves.
    ///
    /// # Errors
    /// [`GateError`]: nothing may be shown then.
    pub async fn viewed(
        &self,
        caller: &Caller,
        route: &str,
        asked: &str,
        action: Option<Uuid>,
    ) -> Result<(), GateError> {
        if !caller.has(Role::Auditor) {
            return Ok(());
        }
        let body = AccessViewed { route: route.to_owned(), action };
        let kept: String = asked
            .chars()
            .scan(0, |bytes, one| {
                *bytes += one.len_utf8();
                (*bytes <= MOST_ASKED).then_some(one)
            })
            .collect();
        let under = match &caller.person {
            Some(person) => self.shared.owner_key(OwnerKind::Person, &person.id.to_string())?,
            None => self.shared.workspace_key.clone(),
        };
        self.record(caller, body, vec![Field::new("asked", kept)], &under).await
    }
}
