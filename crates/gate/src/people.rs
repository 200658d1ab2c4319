//! API keys and people: who may do what. Every change is a record.

use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{self, Limits};
use countersign_evidence::key::Key;
use countersign_evidence::record::{AccessChanged, Isolation, KeyCreated, KeyKind, KeyRevoked};
use countersign_evidence::time::Timestamp;
use countersign_journal::{ApiKey, Credentials, Person as PersonRow};
use countersign_policy::MOST_REVIEW_GROUPS;
use countersign_wire::{KeyCreatedView, KeyRequest, KeyView, PersonRequest, PersonView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::caller::{Caller, Person};
use crate::command::Command;
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::Gate;

const PREFIX: &str = "cs";
/// Callers remembered at a time.
const MOST_KNOWN: usize = 10_000;

/// What an API key may reach, as it is stored.
#[derive(Serialize, Deserialize)]
struct Scope {
    environments: Vec<String>,
    agents: Vec<String>,
    person: Option<Uuid>,
}

/// What is sealed about a person.
#[derive(Serialize, Deserialize)]
struct About {
    name: String,
    user: Option<String>,
}

impl Gate {
    fn credentials(&self) -> &Credentials {
        &self.shared.parts.credentials
    }

    /// The key that seals labels and names beside the records.
    fn desk_key(&self) -> Key {
        self.shared.workspace_key.1.derive("credentials/v1")
    }

    fn seal_text(&self, value: &impl Serialize, about: Uuid) -> Vec<u8> {
        let text = json::to_string(value).unwrap_or_default();
        self.desk_key().seal(text.as_bytes(), about.as_bytes(), self.shared.random())
    }

    fn open_text<T: DeserializeOwned>(&self, sealed: &[u8], about: Uuid) -> Result<T, GateError> {
        let broken = || GateError::Broken("keys.db was changed: a label or a name does not open".to_owned());
        let text = self.desk_key().open(sealed, about.as_bytes()).map_err(|_| broken())?;
        let value = json::parse(&text, Limits::default()).map_err(|_| broken())?;
        json::from_value(value).map_err(|_| broken())
    }

    /// Who a bearer key stands for.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`].
    pub fn authenticate(&self, bearer: &str, isolation: Isolation) -> Result<Caller, GateError> {
        let hash = Digest::of(bearer.as_bytes());
        if let Some(known) = self.shared.callers.read().get(&hash.0) {
            return Ok(Caller { isolation, ..known.clone() });
        }
        let generation = self.shared.callers_generation.load(Ordering::Acquire);
        let found = self.credentials().find_api_key(&hash.0)?.ok_or(GateError::Unauthenticated)?;
        if found.revoked.is_some() || !bool::from(found.hash.ct_eq(&hash.0)) {
            return Err(GateError::Unauthenticated);
        }
        let scope = scope(&found)?;
        let person = match scope.person {
            Some(id) => Some(self.person(id)?.ok_or(GateError::Unauthenticated)?),
            None => None,
        };
        let caller = Caller {
            key: found.id,
            kind: found.kind,
            environments: scope.environments,
            agents: scope.agents,
            person,
            isolation,
            method: "key",
        };
        let mut callers = self.shared.callers.write();
        if callers.len() >= MOST_KNOWN {
            callers.clear();
        }
        // A change in between must not leave an older caller behind.
        if self.shared.callers_generation.load(Ordering::Acquire) == generation {
            callers.insert(hash.0, caller.clone());
        }
        Ok(caller)
    }

    /// A key or a person has changed: every caller is looked up anew.
    fn forget_callers(&self) {
        let mut callers = self.shared.callers.write();
        self.shared.callers_generation.fetch_add(1, Ordering::AcqRel);
        callers.clear();
    }

    fn person(&self, id: Uuid) -> Result<Option<Person>, GateError> {
        let row = self.credentials().find_person(id)?.filter(|row| row.revoked.is_none());
        row.map(|row| self.opened(row)).transpose()
    }

    fn opened(&self, row: PersonRow) -> Result<Person, GateError> {
        let about: About = self.open_text(&row.name, row.id)?;
        Ok(Person { id: row.id, name: about.name, groups: row.groups, user: about.user })
    }

    /// Makes a key. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`GateError::Invalid`], [`GateError::Forbidden`].
    pub async fn create_key(&self, caller: &Caller, request: KeyRequest) -> Result<KeyCreatedView, GateError> {
        caller.must_operate()?;
        check_key(&request)?;
        if let Some(person) = request.person {
            self.person(person)?.ok_or(GateError::NotFound("person"))?;
        }
        let mut secret = [0; 32];
        self.shared.random().fill(&mut secret);
        let secret = format!("{PREFIX}_{}_{}", request.kind.as_str(), URL_SAFE_NO_PAD.encode(secret));
        let key = self.shared.new_id();
        let (environments, agents, person) = (request.environments, request.agents, request.person);
        let scope = Scope { environments: environments.clone(), agents: agents.clone(), person };
        let row = ApiKey {
            id: key,
            kind: request.kind,
            hash: Digest::of(secret.as_bytes()).0,
            scope: json::to_string(&scope).map_err(|error| GateError::Invalid(error.to_string()))?,
            label: self.seal_text(&request.label, key),
            created: self.shared.now().as_micros(),
            revoked: None,
        };
        let body = KeyCreated { key, kind: request.kind, environments, agents, person };
        // The record first: a key that works is always on record.
        self.record(caller, body, vec![Field::new("label", request.label)]).await?;
        self.credentials().insert_api_key(&row)?;
        Ok(KeyCreatedView { key, secret })
    }

    /// All keys, without their secrets.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn keys(&self, caller: &Caller) -> Result<Vec<KeyView>, GateError> {
        caller.must_operate()?;
        self.credentials().api_keys()?.into_iter().map(|row| self.key_view(row)).collect()
    }

    fn key_view(&self, row: ApiKey) -> Result<KeyView, GateError> {
        let scope = scope(&row)?;
        Ok(KeyView {
            key: row.id,
            kind: row.kind,
            label: self.open_text(&row.label, row.id)?,
            environments: scope.environments,
            agents: scope.agents,
            person: scope.person,
            created_at: Timestamp::from_micros(row.created),
            revoked_at: row.revoked.map(Timestamp::from_micros),
        })
    }

    /// Revokes a key. It stops working before this answers.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn revoke_key(&self, caller: &Caller, key: Uuid) -> Result<KeyView, GateError> {
        caller.must_operate()?;
        let _one_at_a_time = self.shared.access.lock().await;
        // Revoked first: a key that is on record as revoked never works. Dying in between leaves it to the next start.
        let revoked = self.credentials().revoke_api_key(key, self.shared.now().as_micros())?;
        self.forget_callers();
        let found = self.credentials().api_keys()?.into_iter().find(|one| one.id == key);
        let view = self.key_view(found.ok_or(GateError::NotFound("key"))?)?;
        // An earlier try may have failed to record it.
        if !revoked {
            self.catch_up().await;
        }
        if revoked || !self.shared.is_revocation_recorded(key)? {
            self.record(caller, KeyRevoked { key }, Vec::new()).await?;
        }
        Ok(view)
    }

    /// Adds a person, or changes the groups of one.
    ///
    /// # Errors
    /// [`GateError::Invalid`] where a group is not one of the active policy's.
    pub async fn put_person(&self, caller: &Caller, request: PersonRequest) -> Result<PersonView, GateError> {
        caller.must_operate()?;
        self.check_groups(&request.groups)?;
        let _one_at_a_time = self.shared.access.lock().await;
        let id = request.person.unwrap_or_else(|| self.shared.new_id());
        let known = match request.person {
            Some(_) => Some(self.person(id)?.ok_or(GateError::NotFound("person"))?),
            None => None,
        };
        let name = known.map_or(request.name, |known| known.name);
        let body = AccessChanged { person: id, groups: request.groups.clone() };
        self.record(caller, body, vec![Field::new("name", name.as_str())]).await?;
        if request.person.is_some() {
            self.credentials().set_groups(id, &request.groups)?;
            self.forget_callers();
        } else {
            let about = About { name: name.clone(), user: request.user };
            let created = self.shared.now().as_micros();
            let sealed = self.seal_text(&about, id);
            let row = PersonRow { id, groups: request.groups.clone(), name: sealed, created, revoked: None };
            self.credentials().insert_person(&row)?;
        }
        Ok(PersonView { person: id, name, groups: request.groups })
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

    /// Everyone who reviews.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn people(&self, caller: &Caller) -> Result<Vec<PersonView>, GateError> {
        caller.must_look()?;
        let view = |person: Person| PersonView { person: person.id, name: person.name, groups: person.groups };
        self.credentials().people()?.into_iter().map(|row| self.opened(row).map(view)).collect()
    }

    async fn record(
        &self,
        caller: &Caller,
        body: impl Into<countersign_evidence::record::Body>,
        fields: Vec<Field>,
    ) -> Result<(), GateError> {
        let draft = self.shared.system_draft(caller, body, fields);
        self.send(Command::System(vec![draft])).await.map(drop)
    }
}

fn check_key(request: &KeyRequest) -> Result<(), GateError> {
    if request.environments.iter().chain(&request.agents).any(|name| !is_identifier(name)) {
        return Err(GateError::Invalid("environments and agents are identifiers of visible ASCII".to_owned()));
    }
    if request.label.len() > 256 || request.environments.len() + request.agents.len() > 64 {
        return Err(GateError::Invalid("a label has at most 256 bytes, a key at most 64 limits".to_owned()));
    }
    match (request.kind, request.person) {
        (KeyKind::Reviewer, None) => Err(GateError::Invalid("a reviewer's key names its person".to_owned())),
        (kind, Some(_)) if kind != KeyKind::Reviewer => {
            Err(GateError::Invalid("only a reviewer's key names a person".to_owned()))
        }
        _ => Ok(()),
    }
}

fn scope(row: &ApiKey) -> Result<Scope, GateError> {
    let broken = || GateError::Broken("keys.db was changed: a key's scope does not read".to_owned());
    let value = json::parse(row.scope.as_bytes(), Limits::default()).map_err(|_| broken())?;
    json::from_value(value).map_err(|_| broken())
}
