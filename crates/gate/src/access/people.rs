//! People: names, groups, roles, and when all of it ends.

use countersign_evidence::record::{AccessChanged, CredentialKind, Role};
use countersign_evidence::time::Timestamp;
use countersign_journal::{Credentials, KeyKind as OwnerKind, Person as PersonRow};
use countersign_policy::MOST_REVIEW_GROUPS;
use countersign_wire::{PersonRequest, PersonView};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::{Caller, Passkey, Person, StandIn, plain_identity};
use crate::command::Command;
use crate::desk::{OwnerKey, Text};
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::Gate;

/// Longest name in bytes.
const MOST_NAME: usize = 256;

/// What is sealed about a person.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) user: Option<String>,
}

impl About {
    /// Whether it has this user identity, in its plain form.
    pub(super) fn is_user(&self, plain: &str) -> bool {
        self.user.as_deref().is_some_and(|user| plain_identity(user) == plain)
    }
}

/// What a person has, besides its name.
struct Access<'a> {
    groups: &'a [String],
    roles: &'a [Role],
    until: Option<Timestamp>,
}

impl Gate {
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.shared.parts.credentials
    }

    /// Somebody with access, and the key that seals what is about this person.
    pub(crate) fn person(&self, id: Uuid) -> Result<Option<(Person, OwnerKey)>, GateError> {
        let Some(row) = self.credentials().find_person(id)?.filter(|row| row.revoked.is_none()) else {
            return Ok(None);
        };
        let until = row.until.map(Timestamp::from_micros);
        if until.is_some_and(|until| until <= self.shared.now()) {
            return Ok(None);
        }
        match (self.about(&row)?, self.shared.key_of_text(&row.name)?) {
            (Text::Open(About { name, user }), Text::Open(key)) => {
                let (passkeys, stands_in_for) = (self.passkeys_of(id)?, self.absent_for(id)?);
                let PersonRow { groups, roles, .. } = row;
                Ok(Some((Person { id, name, groups, user, roles, until, passkeys, stands_in_for }, key)))
            }
            (Text::Lost, _) | (_, Text::Lost) => {
                let lost = format!("what keys.db holds of the person {id} does not open: restore keys.db from a copy");
                Err(GateError::Broken(lost))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn about(&self, row: &PersonRow) -> Result<Text<About>, GateError> {
        self.shared.open_text(&row.name, row.id)
    }

    fn passkeys_of(&self, person: Uuid) -> Result<Vec<Passkey>, GateError> {
        let rows = self.credentials().credentials_of(person)?;
        let passkeys = rows.into_iter().filter(|row| row.kind == CredentialKind::Passkey);
        passkeys.map(|row| super::credentials::passkey(&row)).collect()
    }

    /// Whose groups a person may use. Those of people who themselves have no access are not among them.
    fn absent_for(&self, taker: Uuid) -> Result<Vec<StandIn>, GateError> {
        let mut found = Vec::new();
        for delegation in self.credentials().delegations()?.into_iter().filter(|one| one.taker == taker) {
            let row = self.credentials().find_person(delegation.giver)?.filter(|row| row.revoked.is_none());
            let Some(row) = row else { continue };
            let Text::Open(about) = self.about(&row)? else { continue };
            found.push(StandIn {
                person: row.id,
                groups: row.groups,
                user: about.user,
                since: Timestamp::from_micros(delegation.since),
                until: Timestamp::from_micros(row.until.map_or(delegation.until, |end| end.min(delegation.until))),
            });
        }
        Ok(found)
    }

    /// Adds a person, or changes what one has.
    ///
    /// # Errors
    /// [`GateError::Invalid`] where a group is not one of the active policy's, or nobody would be left to administer.
    pub async fn put_person(&self, caller: &Caller, request: PersonRequest) -> Result<PersonView, GateError> {
        caller.must_administer()?;
        self.check_groups(&request.groups)?;
        if request.name.trim().is_empty() || request.name.len() > MOST_NAME {
            return Err(GateError::Invalid(format!("a name has 1 to {MOST_NAME} bytes")));
        }
        let _one_at_a_time = self.shared.access.lock().await;
        match request.person {
            Some(id) => self.change_person(caller, id, request).await,
            None => self.add_person(caller, request).await,
        }
    }

    pub(super) async fn add_person(&self, caller: &Caller, request: PersonRequest) -> Result<PersonView, GateError> {
        let PersonRequest { name, user, groups, until, .. } = request;
        let roles = request.roles.unwrap_or_else(|| vec![Role::Reviewer]);
        self.free_user(user.as_deref(), None)?;
        let id = self.shared.new_id();
        let under = self.shared.owner_key(OwnerKind::Person, &id.to_string())?;
        self.record_access(caller, id, &Access { groups: &groups, roles: &roles, until }, &name, &under).await?;
        let about = About { name, user };
        let row = PersonRow {
            id,
            groups: groups.clone(),
            roles: roles.clone(),
            until: until.map(Timestamp::as_micros),
            name: self.shared.seal_text(&about, id, &under),
            created: self.shared.now().as_micros(),
            revoked: None,
        };
        self.credentials().insert_person(&row)?;
        self.forget_callers();
        Ok(PersonView { person: id, name: about.name, groups, roles, until })
    }

    async fn change_person(&self, caller: &Caller, id: Uuid, request: PersonRequest) -> Result<PersonView, GateError> {
        let row = self.credentials().find_person(id)?.filter(|row| row.revoked.is_none());
        let row = row.ok_or(GateError::NotFound("person"))?;
        let (Text::Open(known), Text::Open(under)) = (self.about(&row)?, self.shared.key_of_text(&row.name)?) else {
            return Err(GateError::NotFound("person"));
        };
        let PersonRequest { name, user, groups, until, .. } = request;
        let about = About { name, user: user.or_else(|| known.user.clone()) };
        if about.user != known.user {
            self.free_user(about.user.as_deref(), Some(id))?;
        }
        let roles = request.roles.unwrap_or_else(|| row.roles.clone());
        if row.roles.contains(&Role::Admin) && (!roles.contains(&Role::Admin) || until.is_some()) {
            self.leave_an_admin(id)?;
        }
        // What is taken away is gone before that is on record, and what is given is there only after: whatever fails in
        // between, nobody decides by a group or a role that the log does not give.
        let kept_groups: Vec<String> = row.groups.iter().filter(|group| groups.contains(group)).cloned().collect();
        let kept_roles: Vec<Role> = row.roles.iter().filter(|role| roles.contains(role)).copied().collect();
        let end = |time: Option<Timestamp>| time.map_or(i64::MAX, Timestamp::as_micros);
        let sooner = [row.until.unwrap_or(i64::MAX), end(until)].into_iter().min().filter(|end| *end != i64::MAX);
        if kept_groups.len() < row.groups.len() || kept_roles.len() < row.roles.len() || sooner != row.until {
            self.store_access(id, &kept_groups, &kept_roles, sooner)?;
        }
        self.record_access(caller, id, &Access { groups: &groups, roles: &roles, until }, &about.name, &under).await?;
        self.store_access(id, &groups, &roles, until.map(Timestamp::as_micros))?;
        if about != known {
            self.credentials().set_name(id, &self.shared.seal_text(&about, id, &under))?;
            self.forget_callers();
        }
        Ok(PersonView { person: id, name: about.name, groups, roles, until })
    }

    /// Two people under one user identity could not be told apart.
    fn free_user(&self, user: Option<&str>, of: Option<Uuid>) -> Result<(), GateError> {
        let holder = user.map(|user| self.account(user)).transpose()?.flatten();
        match holder.is_some_and(|holder| Some(holder.person) != of) {
            true => Err(GateError::Invalid("somebody has this user identity already".to_owned())),
            false => Ok(()),
        }
    }

    /// Ends all access of a person: keys, sessions, ways to sign in. Its decisions stay.
    ///
    /// # Errors
    /// [`GateError::NotFound`]; [`GateError::Invalid`] where nobody would be left to administer.
    pub async fn end_person(&self, caller: &Caller, person: Uuid) -> Result<(), GateError> {
        caller.must_administer()?;
        let _one_at_a_time = self.shared.access.lock().await;
        let row = self.credentials().find_person(person)?.filter(|row| row.revoked.is_none());
        let row = row.ok_or(GateError::NotFound("person"))?;
        if row.roles.contains(&Role::Admin) {
            self.leave_an_admin(person)?;
        }
        self.shut_out(caller, person).await
    }

    /// From here on nobody gets in as this person, whatever fails below. For whoever holds the lock.
    pub(crate) async fn shut_out(&self, caller: &Caller, person: Uuid) -> Result<(), GateError> {
        self.credentials().revoke_person(person, self.shared.now().as_micros())?;
        self.store_access(person, &[], &[], None)?;
        self.credentials().remove_invitations(person)?;
        for row in self.credentials().api_keys()?.into_iter().filter(|row| row.revoked.is_none()) {
            if super::scope(&row)?.person == Some(person) {
                self.revoke(caller, row.id).await?;
            }
        }
        self.end_sessions_of(caller, person, "person_ended").await?;
        for credential in self.credentials().credentials_of(person)? {
            self.drop_credential(caller, person, credential.id).await?;
        }
        let left = AccessChanged { person, groups: Vec::new(), roles: Some(Vec::new()), until: None };
        self.record(caller, left, Vec::new(), &self.shared.workspace_key).await
    }

    /// Whether anybody but this person could still administer.
    fn leave_an_admin(&self, but: Uuid) -> Result<(), GateError> {
        let now = self.shared.now().as_micros();
        let admins = self.credentials().people()?.into_iter().filter(|row| {
            let here = row.revoked.is_none() && row.until.is_none_or(|until| until > now);
            row.id != but && here && row.roles.contains(&Role::Admin)
        });
        match admins.count() {
            0 => Err(GateError::Invalid("this is the last admin: make somebody else one first".to_owned())),
            _ => Ok(()),
        }
    }

    async fn record_access(
        &self,
        caller: &Caller,
        person: Uuid,
        access: &Access<'_>,
        name: &str,
        under: &OwnerKey,
    ) -> Result<(), GateError> {
        let (groups, roles, until) = (access.groups.to_vec(), Some(access.roles.to_vec()), access.until);
        let body = AccessChanged { person, groups, roles, until };
        self.record(caller, body, vec![Field::new("name", name)], under).await
    }

    fn store_access(
        &self,
        person: Uuid,
        groups: &[String],
        roles: &[Role],
        until: Option<i64>,
    ) -> Result<(), GateError> {
        let stored = self.credentials().set_access(person, groups, roles, until);
        // Also where that failed: it may be stored all the same.
        self.forget_callers();
        Ok(stored.map(drop)?)
    }

    fn check_groups(&self, groups: &[String]) -> Result<(), GateError> {
        if groups.len() > MOST_REVIEW_GROUPS {
            return Err(GateError::Invalid(format!("a person is in at most {MOST_REVIEW_GROUPS} groups")));
        }
        let policy = self.shared.policy();
        let known = &policy.catalogue().review_groups;
        let Some(unknown) = groups.iter().find(|group| !known.contains_key(*group)) else { return Ok(()) };
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        let known = known.join(", ");
        Err(GateError::Invalid(format!("the active policy knows no review group {unknown:?}; it knows: {known}")))
    }

    /// The review groups that the active policy knows.
    pub fn review_groups(&self) -> Vec<String> {
        self.shared.policy().catalogue().review_groups.keys().cloned().collect()
    }

    /// The agents that the active policy knows, each with its owner.
    pub fn known_agents(&self) -> std::collections::BTreeMap<String, Option<String>> {
        let policy = self.shared.policy();
        policy.catalogue().agents.iter().map(|(id, agent)| (id.clone(), agent.owner.clone())).collect()
    }

    /// Everyone; who was erased is not among them.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn people(&self, caller: &Caller) -> Result<Vec<PersonView>, GateError> {
        caller.must_look()?;
        let view = |row: PersonRow| {
            let name = match self.about(&row)?.map(|about| about.name) {
                Text::Erased => return Ok(None),
                name => name.shown(),
            };
            let until = row.until.map(Timestamp::from_micros);
            Ok(Some(PersonView { person: row.id, name, groups: row.groups, roles: row.roles, until }))
        };
        self.credentials().people()?.into_iter().map(view).filter_map(Result::transpose).collect()
    }

    pub(crate) async fn record(
        &self,
        caller: &Caller,
        body: impl Into<countersign_evidence::record::Body>,
        fields: Vec<Field>,
        under: &OwnerKey,
    ) -> Result<(), GateError> {
        let draft = self.shared.system_draft(caller, body, fields, under);
        self.send(Command::System(vec![draft])).await.map(drop)
    }
}
