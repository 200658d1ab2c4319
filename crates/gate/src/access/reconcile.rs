//! Keys and people at start: `keys.db` and the log say the same, whatever a crash left between the two.
//!
//! A change of access is two writes. What takes access away is stored first and then recorded, what gives it the other way
//! round. So the log is the truth about the groups of whoever has access; a key or a person is out where either of both says so; and
//! that is on record. A `key.created` without a stored key lets nobody in, and stands.

use std::collections::HashSet;

use countersign_evidence::record::{AccessChanged, KeyRevoked, Role};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::command::Command;
use crate::draft::{Draft, system};
use crate::error::GateError;
use crate::gate::Gate;
use crate::shared::Shared;

impl Shared {
    /// Stores what the log says of access. Nobody has been let in yet.
    pub(crate) fn restore_access(&self) -> Result<(), GateError> {
        let (credentials, index) = (&self.parts.credentials, &self.parts.index);
        for key in self.recorded_revocations()? {
            if credentials.revoke_api_key(key, self.now().as_micros())? {
                tracing::warn!(%key, "the log says that this key is revoked, and keys.db did not: it is revoked");
            }
        }
        for access in index.access().map_err(unavailable)? {
            let Some(stored) = credentials.find_person(access.person)? else { continue };
            let (mut groups, mut roles) = (access.groups, access.roles.unwrap_or_else(|| vec![Role::Reviewer]));
            let until = access.until.map(Timestamp::as_micros);
            if stored.revoked.is_some() {
                (groups, roles) = (Vec::new(), Vec::new());
            }
            if stored.groups != groups || stored.roles != roles || stored.until != until {
                let person = access.person;
                tracing::warn!(%person, "what this person has in keys.db was not what it has by the log: it is now");
                credentials.set_access(person, &groups, &roles, until)?;
            }
        }
        Ok(())
    }

    fn recorded_revocations(&self) -> Result<HashSet<Uuid>, GateError> {
        self.parts.index.revoked_keys().map_err(unavailable).map(HashSet::from_iter)
    }

    /// People without access to whom the log gives groups or roles.
    fn unrecorded_departures(&self) -> Result<Vec<Uuid>, GateError> {
        let mut found = Vec::new();
        for access in self.parts.index.access().map_err(unavailable)? {
            let stored = self.parts.credentials.find_person(access.person)?;
            let has = !access.groups.is_empty() || access.roles.is_none_or(|roles| !roles.is_empty());
            if has && stored.is_some_and(|stored| stored.revoked.is_some()) {
                found.push(access.person);
            }
        }
        Ok(found)
    }

    /// Whether the log says that this key is revoked, as far as the index has read it.
    pub(crate) fn is_revocation_recorded(&self, key: Uuid) -> Result<bool, GateError> {
        Ok(self.recorded_revocations()?.contains(&key))
    }
}

impl Gate {
    /// Records what was taken from keys and people, where it was stored and not recorded.
    pub(crate) async fn record_revocations(&self) -> Result<(), GateError> {
        let recorded = self.shared.recorded_revocations()?;
        let stored = self.shared.parts.credentials.api_keys()?;
        let missing = stored.into_iter().filter(|key| key.revoked.is_some() && !recorded.contains(&key.id));
        let mut drafts: Vec<Draft> =
            missing.map(|key| Draft::plain(self.shared.new_id(), system(), KeyRevoked { key: key.id })).collect();
        for person in self.shared.unrecorded_departures()? {
            let left = AccessChanged { person, groups: Vec::new(), roles: Some(Vec::new()), until: None };
            drafts.push(Draft::plain(self.shared.new_id(), system(), left));
        }
        match drafts.is_empty() {
            true => Ok(()),
            false => self.send(Command::System(drafts)).await.map(drop),
        }
    }
}

fn unavailable(error: impl std::fmt::Display) -> GateError {
    GateError::Unavailable(error.to_string())
}
