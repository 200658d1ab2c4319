//! Looking that is itself on record: auditors see everything, and what they asked for can be seen.

use countersign_evidence::key::Key;
use countersign_evidence::record::{AccessViewed, Role};
use countersign_journal::KeyKind as OwnerKind;
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::Command;
use crate::draft::{Draft, Field, Fields};
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
        let fields = vec![Field::new("asked", kept)];
        let (id, by, random) = (self.shared.new_id(), caller.actor(), self.shared.random());
        let (origin, own) = (&self.shared.settings().origin, Key::generate(random));
        let (wrapping_id, wrapping) = match &caller.person {
            Some(person) => self.shared.owner_key(OwnerKind::Person, &person.id.to_string())?,
            None => self.shared.workspace_key.clone(),
        };
        let sections = vec![Fields { key: &own, wrapped_by: Some((wrapping_id, &wrapping)), fields }];
        let draft = Draft::sealed(id, by, body, origin, sections, random);
        self.send(Command::System(vec![draft])).await.map(drop)
    }
}
