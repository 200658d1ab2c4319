//! API keys. Every change is a record.

use std::sync::atomic::Ordering;

use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{self, Limits};
use countersign_evidence::record::{Isolation, KeyCreated, KeyKind, KeyRevoked, Strength};
use countersign_evidence::time::Timestamp;
use countersign_journal::ApiKey;
use countersign_wire::{KeyCreatedView, KeyRequest, KeyView};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::caller::Caller;
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::Gate;

const PREFIX: &str = "cs";
/// Callers remembered at a time.
const MOST_KNOWN: usize = 10_000;

/// What an API key may reach, as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scope {
    environments: Vec<String>,
    agents: Vec<String>,
    pub(crate) person: Option<Uuid>,
}

impl Gate {
    /// Whether a caller's key is still good: it may have been let in a while ago.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`] where it was revoked meanwhile.
    pub fn must_still_be_let_in(&self, caller: &Caller) -> Result<(), GateError> {
        let keys = self.credentials().api_keys()?;
        let good = keys.iter().any(|key| key.id == caller.key && key.revoked.is_none());
        match good || caller.is_owner() {
            true => Ok(()),
            false => Err(GateError::Unauthenticated),
        }
    }

    /// Who a bearer key stands for.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`].
    pub fn authenticate(&self, bearer: &str, isolation: Isolation) -> Result<Caller, GateError> {
        let hash = Digest::of(bearer.as_bytes());
        if let Some(known) = self.shared.callers.read().get(&hash.0) {
            return self.still(Caller { isolation, ..known.clone() });
        }
        let generation = self.shared.callers_generation.load(Ordering::Acquire);
        let found = self.credentials().find_api_key(&hash.0)?.ok_or(GateError::Unauthenticated)?;
        if found.revoked.is_some() || !bool::from(found.hash.ct_eq(&hash.0)) {
            return Err(GateError::Unauthenticated);
        }
        let scope = scope(&found)?;
        let person = match scope.person {
            Some(id) => Some(self.person(id)?.ok_or(GateError::Unauthenticated)?.0),
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
            strength: Strength::SingleFactor,
            proved: None,
            on_the_wire: false,
        };
        let mut callers = self.shared.callers.write();
        if callers.len() >= MOST_KNOWN {
            callers.clear();
        }
        // A change in between must not leave an older caller behind.
        if self.shared.callers_generation.load(Ordering::Acquire) == generation {
            callers.insert(hash.0, caller.clone());
        }
        drop(callers);
        self.still(caller)
    }

    /// A person's time may have run out since it was looked up.
    pub(crate) fn still(&self, caller: Caller) -> Result<Caller, GateError> {
        let until = caller.person.as_ref().and_then(|person| person.until);
        match until.is_some_and(|until| until <= self.shared.now()) {
            true => Err(GateError::Unauthenticated),
            false => Ok(caller),
        }
    }

    /// A key or a person has changed: every caller is looked up anew.
    pub(crate) fn forget_callers(&self) {
        let mut callers = self.shared.callers.write();
        self.shared.callers_generation.fetch_add(1, Ordering::AcqRel);
        callers.clear();
        drop(callers);
        self.shared.sessions.write().clear();
    }

    /// Makes a key. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`GateError::Invalid`], [`GateError::Forbidden`].
    pub async fn create_key(&self, caller: &Caller, request: KeyRequest) -> Result<KeyCreatedView, GateError> {
        caller.must_administer()?;
        check_key(&request)?;
        // The person that it names is there until the key is.
        let _one_at_a_time = self.shared.access.lock().await;
        // The label of a person's key may name the person.
        let under = match request.person {
            Some(person) => self.person(person)?.ok_or(GateError::NotFound("person"))?.1,
            None => self.shared.workspace_key.clone(),
        };
        let secret = format!("{PREFIX}_{}_{}", request.kind.as_str(), self.shared.new_secret());
        let key = self.shared.new_id();
        let (environments, agents, person) = (request.environments, request.agents, request.person);
        let scope = Scope { environments: environments.clone(), agents: agents.clone(), person };
        let row = ApiKey {
            id: key,
            kind: request.kind,
            hash: Digest::of(secret.as_bytes()).0,
            scope: json::to_string(&scope).map_err(|error| GateError::Invalid(error.to_string()))?,
            label: self.shared.seal_text(&request.label, key, &under),
            created: self.shared.now().as_micros(),
            revoked: None,
        };
        let body = KeyCreated { key, kind: request.kind, environments, agents, person };
        // The record first: a key that works is always on record.
        self.record(caller, body, vec![Field::new("label", request.label)], &under).await?;
        self.credentials().insert_api_key(&row)?;
        Ok(KeyCreatedView { key, secret })
    }

    /// All keys, without their secrets.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn keys(&self, caller: &Caller) -> Result<Vec<KeyView>, GateError> {
        caller.must_administer()?;
        self.credentials().api_keys()?.into_iter().map(|row| self.key_view(row)).collect()
    }

    fn key_view(&self, row: ApiKey) -> Result<KeyView, GateError> {
        let scope = scope(&row)?;
        Ok(KeyView {
            key: row.id,
            kind: row.kind,
            label: self.shared.open_text(&row.label, row.id)?.shown(),
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
        caller.must_administer()?;
        let _one_at_a_time = self.shared.access.lock().await;
        self.revoke(caller, key).await
    }

    /// As [`Gate::revoke_key`], for whoever holds the lock.
    pub(crate) async fn revoke(&self, caller: &Caller, key: Uuid) -> Result<KeyView, GateError> {
        // Revoked first: a key that is on record as revoked never works. Dying in between leaves it to the next start.
        let revoked = self.credentials().revoke_api_key(key, self.shared.now().as_micros())?;
        self.forget_callers();
        let found = self.credentials().api_keys()?.into_iter().find(|one| one.id == key);
        let found = found.ok_or(GateError::NotFound("key"))?;
        // An earlier try may have failed to record it.
        if !revoked {
            self.catch_up().await;
        }
        if revoked || !self.shared.is_revocation_recorded(key)? {
            self.record(caller, KeyRevoked { key }, Vec::new(), &self.shared.workspace_key).await?;
        }
        // Whatever this shows: it is on record by now.
        self.key_view(found)
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

pub(crate) fn scope(row: &ApiKey) -> Result<Scope, GateError> {
    let broken = || GateError::Broken("keys.db was changed: a key's scope does not read".to_owned());
    let value = json::parse(row.scope.as_bytes(), Limits::default()).map_err(|_| broken())?;
    json::from_value(value).map_err(|_| broken())
}
