//! Who may call, and who the people are: rows beside the keys. Names and labels come in sealed.

use countersign_evidence::record::{KeyKind, Role};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::keys_db::KeysDb;
use crate::keystore::KeyStoreError;
use crate::keystore_sqlite::SqliteKeyStore;

/// An API key as stored: its hash, never itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identity.
    pub id: Uuid,
    /// What it is for.
    pub kind: KeyKind,
    /// SHA-256 of the key. Whoever authenticates compares it with the presented key's in constant time.
    pub hash: [u8; 32],
    /// What it may reach: JSON, opaque here.
    pub scope: String,
    /// What its owner calls it, sealed.
    pub label: Vec<u8>,
    /// Microseconds since 1970 (UTC).
    pub created: i64,
    /// Microseconds since 1970 (UTC), once it is revoked.
    pub revoked: Option<i64>,
}

/// A person who reviews or operates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Opaque identity, as records name it.
    pub id: Uuid,
    /// The groups whose reviews this person may decide.
    pub groups: Vec<String>,
    /// What this person may do.
    pub roles: Vec<Role>,
    /// When all of it ends: microseconds since 1970 (UTC).
    pub until: Option<i64>,
    /// The name, sealed under the person's key.
    pub name: Vec<u8>,
    /// Microseconds since 1970 (UTC).
    pub created: i64,
    /// Microseconds since 1970 (UTC), once access is revoked.
    pub revoked: Option<i64>,
}

/// API keys and people, in `keys.db`. Every change is durable when it returns.
#[derive(Debug, Clone)]
pub struct Credentials {
    db: KeysDb,
}

const API_KEY: &str = "SELECT id, kind, hash, scope, label, created, revoked FROM api_key";
const PERSON: &str = "SELECT id, groups, roles, until, name, created, revoked FROM person";

impl Credentials {
    /// Those in the same file as the keys.
    #[must_use]
    pub fn beside(keys: &SqliteKeyStore) -> Self {
        Credentials { db: keys.db().clone() }
    }

    /// Adds an API key.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`], also if its id or hash exists already.
    pub fn insert_api_key(&self, key: &ApiKey) -> Result<(), KeyStoreError> {
        let insert =
            "INSERT INTO api_key (id, kind, hash, scope, label, created, revoked) VALUES (?, ?, ?, ?, ?, ?, ?)";
        self.db.write(|sql| {
            let id = key.id.to_string();
            let row = params![id, key.kind.as_str(), key.hash, key.scope, key.label, key.created, key.revoked];
            sql.execute(insert, row).map(|_| ()).map_err(KeyStoreError::from)
        })
    }

    /// The API key with this hash, revoked or not.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn find_api_key(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, KeyStoreError> {
        self.db.with(|sql| one(sql, &format!("{API_KEY} WHERE hash = ?"), params![hash], api_key))
    }

    /// All API keys, oldest first.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, KeyStoreError> {
        self.db.with(|sql| all(sql, &format!("{API_KEY} ORDER BY created, id"), &[], api_key))
    }

    /// Revokes an API key at a time (microseconds since 1970). Returns whether there was one to revoke; an earlier
    /// revocation stands.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn revoke_api_key(&self, id: Uuid, at: i64) -> Result<bool, KeyStoreError> {
        self.change("UPDATE api_key SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL", params![id.to_string(), at])
    }

    /// Adds a person.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`], also if the id exists already; [`KeyStoreError::GroupName`].
    pub fn insert_person(&self, person: &Person) -> Result<(), KeyStoreError> {
        let insert =
            "INSERT INTO person (id, groups, roles, until, name, created, revoked) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let (id, groups, roles) = (person.id.to_string(), written(&person.groups)?, named(&person.roles));
        let row = params![id, groups, roles, person.until, person.name, person.created, person.revoked];
        self.change(insert, row).map(|_| ())
    }

    /// The person with this id, revoked or not.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn find_person(&self, id: Uuid) -> Result<Option<Person>, KeyStoreError> {
        self.db.with(|sql| one(sql, &format!("{PERSON} WHERE id = ?"), params![id.to_string()], person))
    }

    /// All people, oldest first.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn people(&self) -> Result<Vec<Person>, KeyStoreError> {
        self.db.with(|sql| all(sql, &format!("{PERSON} ORDER BY created, id"), &[], person))
    }

    /// Gives a person other groups, other roles and another end (microseconds since 1970). Returns whether there is such a
    /// person.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`], [`KeyStoreError::GroupName`].
    pub fn set_access(
        &self,
        id: Uuid,
        groups: &[String],
        roles: &[Role],
        until: Option<i64>,
    ) -> Result<bool, KeyStoreError> {
        let update = "UPDATE person SET groups = ?2, roles = ?3, until = ?4 WHERE id = ?1";
        self.change(update, params![id.to_string(), written(groups)?, named(roles), until])
    }

    /// Gives a person another name, sealed. Returns whether there is such a person.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn set_name(&self, id: Uuid, name: &[u8]) -> Result<bool, KeyStoreError> {
        self.change("UPDATE person SET name = ?2 WHERE id = ?1", params![id.to_string(), name])
    }

    /// Revokes a person's access at a time (microseconds since 1970). Returns whether there was any to revoke.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn revoke_person(&self, id: Uuid, at: i64) -> Result<bool, KeyStoreError> {
        self.change("UPDATE person SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL", params![id.to_string(), at])
    }

    pub(crate) fn db(&self) -> &KeysDb {
        &self.db
    }

    pub(crate) fn change(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<bool, KeyStoreError> {
        self.db.write(|sql| Ok(sql.execute(statement, values)? > 0))
    }
}

pub(crate) fn one<T>(
    sql: &Connection,
    select: &str,
    values: &[&dyn rusqlite::ToSql],
    read: fn(&Row<'_>) -> Result<T, KeyStoreError>,
) -> Result<Option<T>, KeyStoreError> {
    sql.prepare_cached(select)?.query_row(values, |row| Ok(read(row))).optional()?.transpose()
}

pub(crate) fn all<T>(
    sql: &Connection,
    select: &str,
    values: &[&dyn rusqlite::ToSql],
    read: fn(&Row<'_>) -> Result<T, KeyStoreError>,
) -> Result<Vec<T>, KeyStoreError> {
    sql.prepare_cached(select)?.query_map(values, |row| Ok(read(row)))?.map(|row| row?).collect()
}

fn api_key(row: &Row<'_>) -> Result<ApiKey, KeyStoreError> {
    Ok(ApiKey {
        id: uuid(row)?,
        kind: kind(&row.get::<_, String>(1)?)?,
        hash: row.get(2)?,
        scope: row.get(3)?,
        label: row.get(4)?,
        created: row.get(5)?,
        revoked: row.get(6)?,
    })
}

fn kind(name: &str) -> Result<KeyKind, KeyStoreError> {
    KeyKind::from_name(name).ok_or_else(|| KeyStoreError::corrupt("an API key of unknown kind"))
}

fn person(row: &Row<'_>) -> Result<Person, KeyStoreError> {
    let groups: String = row.get(1)?;
    let roles: String = row.get(2)?;
    let unknown = || KeyStoreError::corrupt("a person of unknown role");
    Ok(Person {
        id: uuid(row)?,
        groups: groups.lines().map(str::to_owned).collect(),
        roles: roles.lines().map(|role| Role::from_name(role).ok_or_else(unknown)).collect::<Result<_, _>>()?,
        until: row.get(3)?,
        name: row.get(4)?,
        created: row.get(5)?,
        revoked: row.get(6)?,
    })
}

fn uuid(row: &Row<'_>) -> Result<Uuid, KeyStoreError> {
    uuid_at(row, 0)
}

pub(crate) fn uuid_at(row: &Row<'_>, column: usize) -> Result<Uuid, KeyStoreError> {
    let text: String = row.get(column)?;
    Uuid::parse_str(&text).map_err(|_| KeyStoreError::corrupt("an id in keys.db is no UUID"))
}

/// Groups as stored: one a line. A name with a line break would put a person into two groups.
fn written(groups: &[String]) -> Result<String, KeyStoreError> {
    match groups.iter().find(|group| group.is_empty() || group.chars().any(char::is_control)) {
        Some(_) => Err(KeyStoreError::GroupName),
        None => Ok(groups.join("\n")),
    }
}

/// Roles as stored: one a line.
fn named(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join("\n")
}
