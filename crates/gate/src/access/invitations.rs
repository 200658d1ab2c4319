//! Links that let one person in once, to set how it signs in.

use countersign_evidence::digest::Digest;
use countersign_evidence::record::{CredentialAdded, CredentialKind, Role};
use countersign_evidence::time::Timestamp;
use countersign_journal::Invitation;
use countersign_wire::{InvitationView, PersonRequest};
use uuid::Uuid;

use crate::caller::{Caller, Person};
use crate::error::GateError;
use crate::gate::Gate;

/// Seconds that an invitation holds.
const HOLDS_S: i64 = 24 * 3_600;
/// The name of somebody who has not said its own yet.
const FIRST_ADMIN: &str = "First administrator";

impl Gate {
    /// A link for a person to set how it signs in. An earlier one ends.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn invite(&self, caller: &Caller, person: Uuid) -> Result<InvitationView, GateError> {
        caller.must_administer()?;
        let _one_at_a_time = self.shared.access.lock().await;
        self.invitation_for(caller, person).await
    }

    /// A link for the first admin, where there is none yet; makes that person where nobody is.
    ///
    /// # Errors
    /// [`GateError`] where it cannot be recorded.
    pub async fn invite_first_admin(&self) -> Result<Option<InvitationView>, GateError> {
        let _one_at_a_time = self.shared.access.lock().await;
        let owner = Caller::owner();
        let mut admins = self.credentials().people()?;
        admins.retain(|row| row.revoked.is_none() && row.roles.contains(&Role::Admin));
        for row in &admins {
            if !self.credentials().credentials_of(row.id)?.is_empty() {
                return Ok(None);
            }
        }
        let person = match admins.first() {
            Some(row) => row.id,
            None => {
                let roles = Some(vec![Role::Admin, Role::Operator, Role::Reviewer]);
                let name = FIRST_ADMIN.to_owned();
                let first = PersonRequest { person: None, name, user: None, groups: Vec::new(), roles, until: None };
                self.add_person(&owner, first).await?.person
            }
        };
        self.invitation_for(&owner, person).await.map(Some)
    }

    /// For whoever holds the lock.
    async fn invitation_for(&self, caller: &Caller, person: Uuid) -> Result<InvitationView, GateError> {
        let (_, under) = self.person(person)?.ok_or(GateError::NotFound("person"))?;
        let token = self.shared.new_secret();
        let now = self.shared.now();
        let expires_at = now.plus_seconds(HOLDS_S);
        let body = CredentialAdded { person, credential: self.shared.new_id(), kind: CredentialKind::Invitation };
        self.record(caller, body, Vec::new(), &under).await?;
        self.credentials().put_invitation(&Invitation {
            hash: Digest::of(token.as_bytes()).0,
            person,
            created: now.as_micros(),
            expires: expires_at.as_micros(),
        })?;
        let link = format!("{}/invitation/{token}", self.shared.settings().public_url);
        Ok(InvitationView { person, link, expires_at })
    }

    /// Whom an invitation is for, as long as it holds.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where it does not, for whatever reason.
    pub fn invited(&self, token: &str) -> Result<Person, GateError> {
        let found = self.credentials().find_invitation(&Digest::of(token.as_bytes()).0)?;
        let found = found.filter(|one| Timestamp::from_micros(one.expires) > self.shared.now());
        let person = found.map(|one| self.person(one.person)).transpose()?.flatten();
        person.map(|(person, _)| person).ok_or(GateError::NotFound("invitation that still holds"))
    }

    /// Uses an invitation up. `Ok(false)`: somebody else just did.
    ///
    /// # Errors
    /// [`GateError::Unavailable`].
    pub fn use_invitation(&self, token: &str) -> Result<bool, GateError> {
        Ok(self.credentials().use_invitation(&Digest::of(token.as_bytes()).0)?)
    }
}
