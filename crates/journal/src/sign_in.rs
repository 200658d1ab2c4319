//! How people prove who they are, in `keys.db`: credentials, sessions, invitations, and who stands in for whom.

use countersign_evidence::record::{CredentialKind, Strength};
use rusqlite::{Row, params};
use uuid::Uuid;

use crate::credentials::{Credentials, all, one, uuid_at};
use crate::keystore::KeyStoreError;

/// A way to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id here.
    pub id: Uuid,
    /// Whose it is.
    pub person: Uuid,
    /// Its kind.
    pub kind: CredentialKind,
    /// What it is found by: a digest, opaque here. Unique.
    pub tag: Vec<u8>,
    /// What it is checked with: a public key or a password hash, opaque here; never a secret in the clear.
    pub secret: Vec<u8>,
    /// What its owner calls it, sealed.
    pub label: Vec<u8>,
    /// Microseconds since 1970 (UTC).
    pub created: i64,
}

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, as records name it.
    pub id: Uuid,
    /// SHA-256 of the token in the browser.
    pub hash: [u8; 32],
    /// Who signed in.
    pub person: Uuid,
    /// How.
    pub method: CredentialKind,
    /// How strong that is.
    pub strength: Strength,
    /// Microseconds since 1970 (UTC).
    pub created: i64,
    /// When the person proved last who it is.
    pub proved: i64,
    /// When it was used last, to the minute.
    pub seen: i64,
}

/// A link that lets one person in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the token in the link.
    pub hash: [u8; 32],
    /// For whom.
    pub person: Uuid,
    /// Microseconds since 1970 (UTC).
    pub created: i64,
    /// Microseconds since 1970 (UTC).
    pub expires: i64,
}

/// Somebody who is away lets another person decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its id, as records name it.
    pub id: Uuid,
    /// Who is away.
    pub giver: Uuid,
    /// Who decides instead.
    pub taker: Uuid,
    /// Microseconds since 1970 (UTC).
    pub since: i64,
    /// Microseconds since 1970 (UTC).
    pub until: i64,
}

const CREDENTIAL: &str = "SELECT id, person, kind, tag, secret, label, created FROM credential";
const SESSION: &str = "SELECT id, hash, person, method, strength, created, proved, seen FROM session";
const INVITATION: &str = "SELECT hash, person, created, expires FROM invitation";
const DELEGATION: &str = "SELECT id, giver, taker, since, until FROM delegation";

/// All of these fail with [`KeyStoreError`] where `keys.db` does not do it; every change is durable when it returns.
#[allow(clippy::missing_errors_doc)]
impl Credentials {
    /// Adds a way to sign in; replaces the one with the same tag.
    pub fn put_credential(&self, one: &Credential) -> Result<(), KeyStoreError> {
        let insert = "INSERT OR REPLACE INTO credential (id, person, kind, tag, secret, label, created)
             VALUES (?, ?, ?, ?, ?, ?, ?)";
        let (id, person, kind) = (one.id.to_string(), one.person.to_string(), one.kind.as_str());
        self.change(insert, params![id, person, kind, one.tag, one.secret, one.label, one.created]).map(drop)
    }

    /// The way to sign in with this tag.
    pub fn find_credential(&self, tag: &[u8]) -> Result<Option<Credential>, KeyStoreError> {
        self.db().with(|sql| one(sql, &format!("{CREDENTIAL} WHERE tag = ?"), params![tag], credential))
    }

    /// A person's ways to sign in, oldest first.
    pub fn credentials_of(&self, person: Uuid) -> Result<Vec<Credential>, KeyStoreError> {
        let select = format!("{CREDENTIAL} WHERE person = ? ORDER BY created, id");
        self.db().with(|sql| all(sql, &select, params![person.to_string()], credential))
    }

    /// Changes what a credential is checked with.
    pub fn set_secret(&self, id: Uuid, secret: &[u8]) -> Result<bool, KeyStoreError> {
        self.change("UPDATE credential SET secret = ?2 WHERE id = ?1", params![id.to_string(), secret])
    }

    /// Removes a way to sign in. Returns whether there was one.
    pub fn remove_credential(&self, id: Uuid) -> Result<bool, KeyStoreError> {
        self.change("DELETE FROM credential WHERE id = ?1", params![id.to_string()])
    }

    /// Adds a session.
    pub fn insert_session(&self, one: &Session) -> Result<(), KeyStoreError> {
        let insert = "INSERT INTO session (id, hash, person, method, strength, created, proved, seen)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let (id, person) = (one.id.to_string(), one.person.to_string());
        let (method, strength) = (one.method.as_str(), one.strength.as_str());
        let row = params![id, one.hash, person, method, strength, one.created, one.proved, one.seen];
        self.change(insert, row).map(drop)
    }

    /// Gives a session another token, after its person has proved again who it is.
    pub fn renew_session(&self, renewed: &Session) -> Result<bool, KeyStoreError> {
        let update = "UPDATE session SET hash = ?2, method = ?3, strength = ?4, proved = ?5, seen = ?5 WHERE id = ?1";
        let (id, method, strength) = (renewed.id.to_string(), renewed.method.as_str(), renewed.strength.as_str());
        self.change(update, params![id, renewed.hash, method, strength, renewed.proved])
    }

    /// The session with this token's hash.
    pub fn find_session(&self, hash: &[u8; 32]) -> Result<Option<Session>, KeyStoreError> {
        self.db().with(|sql| one(sql, &format!("{SESSION} WHERE hash = ?"), params![hash], session))
    }

    /// The session with this id.
    pub fn session(&self, id: Uuid) -> Result<Option<Session>, KeyStoreError> {
        self.db().with(|sql| one(sql, &format!("{SESSION} WHERE id = ?"), params![id.to_string()], session))
    }

    /// All sessions, the latest first.
    pub fn sessions(&self) -> Result<Vec<Session>, KeyStoreError> {
        self.db().with(|sql| all(sql, &format!("{SESSION} ORDER BY created DESC, id"), &[], session))
    }

    /// Notes that a session was used.
    pub fn touch_session(&self, id: Uuid, seen: i64) -> Result<bool, KeyStoreError> {
        self.change("UPDATE session SET seen = ?2 WHERE id = ?1", params![id.to_string(), seen])
    }

    /// Ends a session. Returns whether there was one.
    pub fn remove_session(&self, id: Uuid) -> Result<bool, KeyStoreError> {
        self.change("DELETE FROM session WHERE id = ?1", params![id.to_string()])
    }

    /// Adds an invitation; earlier ones of the same person end.
    pub fn put_invitation(&self, one: &Invitation) -> Result<(), KeyStoreError> {
        self.db().write(|sql| {
            let person = one.person.to_string();
            sql.execute("DELETE FROM invitation WHERE person = ?", params![person])?;
            let insert = "INSERT INTO invitation (hash, person, created, expires) VALUES (?, ?, ?, ?)";
            sql.execute(insert, params![one.hash, person, one.created, one.expires])?;
            Ok(())
        })
    }

    /// The invitation with this token's hash.
    pub fn find_invitation(&self, hash: &[u8; 32]) -> Result<Option<Invitation>, KeyStoreError> {
        self.db().with(|sql| one(sql, &format!("{INVITATION} WHERE hash = ?"), params![hash], invitation))
    }

    /// Uses an invitation up. Returns whether it was still there: of two that use it at once, one does.
    pub fn use_invitation(&self, hash: &[u8; 32]) -> Result<bool, KeyStoreError> {
        self.change("DELETE FROM invitation WHERE hash = ?1", params![hash])
    }

    /// Ends every invitation of a person.
    pub fn remove_invitations(&self, person: Uuid) -> Result<bool, KeyStoreError> {
        self.change("DELETE FROM invitation WHERE person = ?1", params![person.to_string()])
    }

    /// Adds a delegation.
    pub fn insert_delegation(&self, one: &Delegation) -> Result<(), KeyStoreError> {
        let insert = "INSERT INTO delegation (id, giver, taker, since, until) VALUES (?, ?, ?, ?, ?)";
        let (id, giver, taker) = (one.id.to_string(), one.giver.to_string(), one.taker.to_string());
        self.change(insert, params![id, giver, taker, one.since, one.until]).map(drop)
    }

    /// All delegations, soonest to end first.
    pub fn delegations(&self) -> Result<Vec<Delegation>, KeyStoreError> {
        self.db().with(|sql| all(sql, &format!("{DELEGATION} ORDER BY until, id"), &[], delegation))
    }

    /// Ends a delegation. Returns whether there was one.
    pub fn remove_delegation(&self, id: Uuid) -> Result<bool, KeyStoreError> {
        self.change("DELETE FROM delegation WHERE id = ?1", params![id.to_string()])
    }
}

fn credential(row: &Row<'_>) -> Result<Credential, KeyStoreError> {
    Ok(Credential {
        id: uuid_at(row, 0)?,
        person: uuid_at(row, 1)?,
        kind: kind(&row.get::<_, String>(2)?)?,
        tag: row.get(3)?,
        secret: row.get(4)?,
        label: row.get(5)?,
        created: row.get(6)?,
    })
}

fn kind(name: &str) -> Result<CredentialKind, KeyStoreError> {
    CredentialKind::from_name(name).ok_or_else(|| KeyStoreError::corrupt("a credential of unknown kind"))
}

fn session(row: &Row<'_>) -> Result<Session, KeyStoreError> {
    let strength: String = row.get(4)?;
    let unknown = || KeyStoreError::corrupt("a session of unknown strength");
    Ok(Session {
        id: uuid_at(row, 0)?,
        hash: row.get(1)?,
        person: uuid_at(row, 2)?,
        method: kind(&row.get::<_, String>(3)?)?,
        strength: Strength::from_name(&strength).ok_or_else(unknown)?,
        created: row.get(5)?,
        proved: row.get(6)?,
        seen: row.get(7)?,
    })
}

fn invitation(row: &Row<'_>) -> Result<Invitation, KeyStoreError> {
    Ok(Invitation { hash: row.get(0)?, person: uuid_at(row, 1)?, created: row.get(2)?, expires: row.get(3)? })
}

fn delegation(row: &Row<'_>) -> Result<Delegation, KeyStoreError> {
    let (since, until) = (row.get(3)?, row.get(4)?);
    Ok(Delegation { id: uuid_at(row, 0)?, giver: uuid_at(row, 1)?, taker: uuid_at(row, 2)?, since, until })
}
