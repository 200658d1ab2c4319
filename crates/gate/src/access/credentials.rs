//! Ways to sign in, as somebody else has checked them: this room stores and records.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits};
use countersign_evidence::record::{AccessLocked, CredentialAdded, CredentialKind, CredentialRemoved, PublicKey, Role};
use countersign_evidence::time::Timestamp;
use countersign_journal::Credential;
use countersign_wire::CredentialView;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::people::About;
use crate::caller::{Caller, Passkey, plain_identity};
use crate::draft::Field;
use crate::error::GateError;
use crate::gate::{Gate, value_of};

/// Ways to sign in that one person has at most.
const MOST_CREDENTIALS: usize = 20;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub person: Uuid,
    /// The name.
    pub name: String,
    /// Its password as it is checked (PHC string), where it has one.
    pub password: Option<String>,
}

/// A way to sign in that its person has just proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewCredential {
    /// A password: its hash as a PHC string.
    Password(String),
    /// A passkey.
    Passkey {
        /// Id of the credential as the authenticator knows it.
        credential: Vec<u8>,
        /// The key that its signatures verify under.
        public_key: PublicKey,
        /// What the ceremony needs to check it again, opaque here.
        state: String,
    },
    /// An account at an OpenID provider.
    Account {
        /// Who vouches for it.
        issuer: String,
        /// The account as the provider knows it for good.
        subject: String,
    },
}

/// What is stored of a passkey.
#[derive(Serialize, Deserialize)]
struct StoredPasskey {
    credential: Vec<u8>,
    public_key: PublicKey,
    state: String,
}

impl NewCredential {
    fn kind(&self) -> CredentialKind {
        match self {
            NewCredential::Password(_) => CredentialKind::Password,
            NewCredential::Passkey { .. } => CredentialKind::Passkey,
            NewCredential::Account { .. } => CredentialKind::Oidc,
        }
    }

    fn public_key(&self) -> Option<PublicKey> {
        match self {
            NewCredential::Passkey { public_key, .. } => Some(public_key.clone()),
            _ => None,
        }
    }

    /// What it is found by.
    fn tag(&self, person: Uuid) -> Vec<u8> {
        match self {
            NewCredential::Password(_) => tag(CredentialKind::Password, &[person.as_bytes()]),
            NewCredential::Passkey { credential, .. } => tag(CredentialKind::Passkey, &[credential]),
            NewCredential::Account { issuer, subject } => {
                tag(CredentialKind::Oidc, &[issuer.as_bytes(), subject.as_bytes()])
            }
        }
    }

    fn secret(self) -> Result<Vec<u8>, GateError> {
        Ok(match self {
            NewCredential::Password(hash) => hash.into_bytes(),
            // The provider checks it.
            NewCredential::Account { .. } => Vec::new(),
            NewCredential::Passkey { credential, public_key, state } => {
                let stored = StoredPasskey { credential, public_key, state };
                json::to_string(&stored).map_err(|error| GateError::Invalid(error.to_string()))?.into_bytes()
            }
        })
    }
}

/// A digest over the parts, each with its length before it.
fn tag(kind: CredentialKind, parts: &[&[u8]]) -> Vec<u8> {
    let mut text = kind.as_str().as_bytes().to_vec();
    for part in parts {
        text.extend((part.len() as u64).to_be_bytes());
        text.extend(*part);
    }
    Digest::of(&text).0.to_vec()
}

fn stored(row: &Credential) -> Result<StoredPasskey, GateError> {
    let broken = || GateError::Broken("keys.db was changed: a passkey does not read".to_owned());
    let value = json::parse(&row.secret, Limits::default()).map_err(|_| broken())?;
    json::from_value(value).map_err(|_| broken())
}

pub(super) fn passkey(row: &Credential) -> Result<Passkey, GateError> {
    let StoredPasskey { credential, public_key, .. } = stored(row)?;
    Ok(Passkey { credential, public_key })
}

impl Gate {
    /// Who signs in by this name: a person's user identity, or its name where nobody else has the same.
    ///
    /// # Errors
    /// [`GateError::Unavailable`].
    pub fn account(&self, name: &str) -> Result<Option<Account>, GateError> {
        let wanted = plain_identity(name);
        let people = self.known_people()?;
        if let Some((person, about)) = people.iter().find(|(_, about)| about.is_user(&wanted)) {
            return self.account_of(*person, about.name.clone()).map(Some);
        }
        let mut named = people.into_iter().filter(|(_, about)| plain_identity(&about.name) == wanted);
        match (named.next(), named.next()) {
            (Some((person, about)), None) => self.account_of(person, about.name).map(Some),
            _ => Ok(None),
        }
    }

    /// The person with this user identity.
    pub(super) fn by_user(&self, user: &str) -> Result<Option<Uuid>, GateError> {
        let wanted = plain_identity(user);
        let found = self.known_people()?.into_iter().find(|(_, about)| about.is_user(&wanted));
        Ok(found.map(|(person, _)| person))
    }

    /// Everyone with access whose name opens.
    fn known_people(&self) -> Result<Vec<(Uuid, About)>, GateError> {
        let mut known = Vec::new();
        for row in self.credentials().people()?.into_iter().filter(|row| row.revoked.is_none()) {
            if let crate::desk::Text::Open(about) = self.about(&row)? {
                known.push((row.id, about));
            }
        }
        Ok(known)
    }

    /// The account of who is signed in.
    ///
    /// # Errors
    /// [`GateError::Unauthenticated`] where that is no person.
    pub fn own_account(&self, caller: &Caller) -> Result<Account, GateError> {
        let person = caller.person.as_ref().ok_or(GateError::Unauthenticated)?;
        self.account_of(person.id, person.name.clone())
    }

    fn account_of(&self, person: Uuid, name: String) -> Result<Account, GateError> {
        let found = self.credentials().find_credential(&tag(CredentialKind::Password, &[person.as_bytes()]))?;
        let password = found.and_then(|row| String::from_utf8(row.secret).ok());
        Ok(Account { person, name, password })
    }

    /// Whose passkey this is, and what the ceremony stored with it.
    ///
    /// # Errors
    /// [`GateError::Unavailable`].
    pub fn passkey_account(&self, credential: &[u8]) -> Result<Option<(Uuid, String)>, GateError> {
        let found = self.credentials().find_credential(&tag(CredentialKind::Passkey, &[credential]))?;
        found.map(|row| Ok((row.person, stored(&row)?.state))).transpose()
    }

    /// Whose way to sign in this is.
    pub(super) fn owner_of(&self, credential: &NewCredential) -> Result<Option<Uuid>, GateError> {
        let found = self.credentials().find_credential(&credential.tag(Uuid::nil()))?;
        Ok(found.map(|row| row.person))
    }

    /// Stores what the ceremony wants to know next time (a signature counter).
    ///
    /// # Errors
    /// [`GateError::Unavailable`].
    pub fn passkey_used(&self, credential: &[u8], state: String) -> Result<(), GateError> {
        let Some(row) = self.credentials().find_credential(&tag(CredentialKind::Passkey, &[credential]))? else {
            return Ok(());
        };
        let renewed = StoredPasskey { state, ..stored(&row)? };
        let text = json::to_string(&renewed).map_err(|error| GateError::Broken(error.to_string()))?;
        self.credentials().set_secret(row.id, text.as_bytes()).map(drop)?;
        Ok(())
    }

    /// Adds a way to sign in for a person that has proved it.
    ///
    /// # Errors
    /// [`GateError::NotFound`], [`GateError::TooMany`]; [`GateError::Invalid`] where somebody else has it.
    pub async fn add_credential(&self, person: Uuid, new: NewCredential, label: &str) -> Result<Uuid, GateError> {
        let _one_at_a_time = self.shared.access.lock().await;
        let (known, under) = self.person(person)?.ok_or(GateError::NotFound("person"))?;
        let (kind, tag, public_key) = (new.kind(), new.tag(person), new.public_key());
        let before = self.credentials().find_credential(&tag)?;
        if before.as_ref().is_some_and(|before| before.person != person) {
            return Err(GateError::Invalid("this way to sign in belongs to somebody else already".to_owned()));
        }
        if before.is_none() && self.credentials().credentials_of(person)?.len() >= MOST_CREDENTIALS {
            let most = format!("a person has at most {MOST_CREDENTIALS} ways to sign in: remove one first");
            return Err(GateError::TooMany(most));
        }
        let id = self.shared.new_id();
        let row = Credential {
            id,
            person,
            kind,
            tag,
            secret: new.secret()?,
            label: self.shared.seal_text(&label, id, &under),
            created: self.shared.now().as_micros(),
        };
        let body = CredentialAdded { person, credential: id, kind };
        let mut fields = vec![Field::new("label", label)];
        fields.extend(public_key.map(|key| Field::new("public_key", value_of(&key))));
        // The record first: a way in that works is always on record.
        self.record(&Caller::of_person(known), body, fields, &under).await?;
        self.credentials().put_credential(&row)?;
        self.forget_callers();
        Ok(id)
    }

    /// A person's ways to sign in: its own, or anybody's for an admin.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn credentials_of(&self, caller: &Caller, person: Uuid) -> Result<Vec<CredentialView>, GateError> {
        caller.must_be(person)?;
        let view = |row: Credential| {
            let label = self.shared.open_text(&row.label, row.id)?.shown();
            let created_at = Timestamp::from_micros(row.created);
            Ok(CredentialView { credential: row.id, kind: row.kind, label, created_at })
        };
        self.credentials().credentials_of(person)?.into_iter().map(view).collect()
    }

    /// Removes a way to sign in.
    ///
    /// # Errors
    /// [`GateError::NotFound`]; [`GateError::Invalid`] for the last one of an admin.
    pub async fn remove_credential(&self, caller: &Caller, person: Uuid, credential: Uuid) -> Result<(), GateError> {
        caller.must_be(person)?;
        let _one_at_a_time = self.shared.access.lock().await;
        let all = self.credentials().credentials_of(person)?;
        if !all.iter().any(|row| row.id == credential) {
            return Err(GateError::NotFound("credential"));
        }
        let admin = self.credentials().find_person(person)?.is_some_and(|row| row.roles.contains(&Role::Admin));
        if all.len() == 1 && admin {
            return Err(GateError::Invalid("this is an admin's last way to sign in: add another first".to_owned()));
        }
        self.drop_credential(caller, person, credential).await
    }

    /// As [`Gate::remove_credential`], for whoever holds the lock.
    pub(super) async fn drop_credential(
        &self,
        caller: &Caller,
        person: Uuid,
        credential: Uuid,
    ) -> Result<(), GateError> {
        self.credentials().remove_credential(credential)?;
        self.forget_callers();
        self.record(caller, CredentialRemoved { person, credential }, Vec::new(), &self.shared.workspace_key).await
    }

    /// Whether an attempt to sign in by `name` from `address` is looked at now.
    ///
    /// # Errors
    /// [`GateError::TooMany`] says until when it is not.
    pub fn may_try(&self, name: &str, address: &str) -> Result<(), GateError> {
        let now = self.shared.now();
        for of in [account_key(name), address_key(address)] {
            if let Some(until) = self.shared.attempts.blocked(&of, now) {
                return Err(GateError::TooMany(format!(
                    "too many failed attempts: try again after {until}, or sign in with a passkey"
                )));
            }
        }
        Ok(())
    }

    /// Notes what came of an attempt. Where a known person's name is locked by it, that is recorded.
    ///
    /// # Errors
    /// [`GateError`] where it cannot be recorded.
    pub async fn tried(
        &self,
        name: &str,
        address: &str,
        person: Option<Uuid>,
        succeeded: bool,
    ) -> Result<(), GateError> {
        let now = self.shared.now();
        if succeeded {
            self.shared.attempts.succeeded(&account_key(name));
            return Ok(());
        }
        self.shared.attempts.failed(&address_key(address), now);
        match (self.shared.attempts.failed(&account_key(name), now), person) {
            (Some(until), Some(person)) => {
                let body = AccessLocked { person, until };
                let draft = crate::draft::Draft::plain(self.shared.new_id(), crate::draft::system(), body);
                self.send(crate::command::Command::System(vec![draft])).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn account_key(name: &str) -> String {
    format!("name {}", Digest::of(plain_identity(name).as_bytes()))
}

fn address_key(address: &str) -> String {
    format!("address {address}")
}
