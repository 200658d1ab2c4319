//! The key store in `keys.db`.

use std::sync::Arc;

use countersign_evidence::key::{Key, Random};
use countersign_evidence::open::KeyState;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::cache::Cache;
use crate::folder::DataFolder;
use crate::keys_db::KeysDb;
use crate::keystore::{
    KeyId, KeyInfo, KeyStore, KeyStoreError, Owner, TAG_SECRET, new_id, purpose_of_key, purpose_of_secret, tag,
};
use crate::master::MasterKey;

/// Keys that stay opened in memory: between this number and twice as many.
const CACHED: usize = 4096;
/// What the master key seals in order to be recognized.
const PROOF: &[u8] = b"master/v1";

/// Keys in a data folder, each wrapped; opened ones are cached in memory.
pub struct SqliteKeyStore {
    db: KeysDb,
    random: Arc<dyn Random>,
    tag_secret: Key,
    state: Mutex<State>,
}

struct State {
    master: Key,
    epoch: u64,
    by_id: Cache<KeyId, Key>,
    by_tag: Cache<Vec<u8>, KeyId>,
}

impl SqliteKeyStore {
    /// Opens `keys.db` in the folder, creating it under this master key if it is not there.
    ///
    /// # Errors
    /// [`KeyStoreError::OtherMaster`] if it was made under another one; [`KeyStoreError::Storage`].
    pub fn open(folder: Arc<DataFolder>, master: &MasterKey, random: Arc<dyn Random>) -> Result<Self, KeyStoreError> {
        let db = KeysDb::open(folder)?;
        let epoch = db.write(|sql| recognize(sql, &master.0, &*random))?;
        let tag_secret = db.write(|sql| secret(sql, &master.0, TAG_SECRET, &*random))?;
        let (by_id, by_tag) = (Cache::new(CACHED), Cache::new(CACHED));
        let state = Mutex::new(State { master: master.0.clone(), epoch, by_id, by_tag });
        Ok(SqliteKeyStore { db, random, tag_secret, state })
    }

    pub(crate) fn db(&self) -> &KeysDb {
        &self.db
    }
}

impl KeyStore for SqliteKeyStore {
    fn get_or_create(&self, owner: Owner<'_>) -> Result<(KeyId, Key), KeyStoreError> {
        let tag = tag(&self.tag_secret, owner);
        let mut state = self.state.lock();
        let cached = state.by_tag.get(&tag).and_then(|id| state.by_id.get(&id).map(|key| (id, key)));
        if let Some(found) = cached {
            return Ok(found);
        }
        let found = self.db.with(|sql| latest(sql, &tag))?;
        let (id, key) = match found {
            Some((info, Some(wrapped))) => (info.id, unwrap(&state.master, info.id, &wrapped)?),
            destroyed => {
                let generation = destroyed.map_or(0, |(info, _)| info.generation) + 1;
                let (id, key) = (new_id(&*self.random), Key::generate(&*self.random));
                let wrapped = state.master.wrap(&key, &purpose_of_key(id), &*self.random);
                let info = KeyInfo { id, kind: owner.kind, generation, epoch: Some(state.epoch) };
                self.db.write(|sql| insert(sql, &tag, info, &wrapped))?;
                (id, key)
            }
        };
        state.by_tag.put(tag, id);
        state.by_id.put(id, key.clone());
        Ok((id, key))
    }

    fn open(&self, id: KeyId) -> Result<KeyState, KeyStoreError> {
        let mut state = self.state.lock();
        if let Some(key) = state.by_id.get(&id) {
            return Ok(KeyState::Live(key));
        }
        let select = "SELECT wrapped FROM key WHERE id = ?";
        let wrapped = self.db.with(|sql| {
            sql.prepare_cached(select)?.query_row([id.to_string()], |row| row.get::<_, Option<Vec<u8>>>(0)).optional()
        })?;
        let wrapped = match wrapped {
            Some(Some(wrapped)) => wrapped,
            Some(None) => return Ok(KeyState::Destroyed),
            None => return Ok(KeyState::Unknown),
        };
        // The master key was recognized when the file was opened: it is this row that was changed.
        let Ok(key) = unwrap(&state.master, id, &wrapped) else { return Ok(KeyState::Damaged) };
        state.by_id.put(id, key.clone());
        Ok(KeyState::Live(key))
    }

    fn destroy(&self, keys: &[KeyId]) -> Result<Vec<KeyId>, KeyStoreError> {
        let mut state = self.state.lock();
        // Before anything can fail: what may be destroyed is not handed out from memory.
        keys.iter().for_each(|id| state.by_id.remove(id));
        let destroyed = self.db.write(|sql| {
            let mut destroy =
                sql.prepare("UPDATE key SET wrapped = NULL, epoch = NULL WHERE id = ? AND wrapped IS NOT NULL")?;
            let mut destroyed = Vec::new();
            for id in keys {
                if destroy.execute([id.to_string()])? > 0 {
                    destroyed.push(*id);
                }
            }
            Ok::<_, KeyStoreError>(destroyed)
        })?;
        // Also after a first try that was cut short, so whatever is destroyed already is gone from the file, too.
        forget_old_pages(&self.db)?;
        Ok(destroyed)
    }

    fn keys_of(&self, owner: Owner<'_>) -> Result<Vec<KeyInfo>, KeyStoreError> {
        of_tag(&self.db, &tag(&self.tag_secret, owner))
    }

    fn list(&self) -> Result<Vec<KeyInfo>, KeyStoreError> {
        let select = "SELECT id, kind, generation, epoch FROM key ORDER BY id";
        self.db.with(|sql| collect(sql.prepare(select)?.query_map([], |row| Ok(info(row)))?))
    }

    fn secret(&self, name: &str) -> Result<Key, KeyStoreError> {
        let state = self.state.lock();
        self.db.write(|sql| secret(sql, &state.master, name, &*self.random))
    }

    fn rotate_master(&self, new: &MasterKey) -> Result<u64, KeyStoreError> {
        let mut state = self.state.lock();
        let (old, new, epoch) = (state.master.clone(), new.0.clone(), state.epoch + 1);
        self.db.write(|sql| rewrap(sql, &old, &new, epoch, &*self.random))?;
        (state.master, state.epoch) = (new, epoch);
        forget_old_pages(&self.db)?;
        Ok(epoch)
    }
}

/// The epoch of the master key; the first one of a new file.
fn recognize(sql: &Connection, master: &Key, random: &dyn Random) -> Result<u64, KeyStoreError> {
    let select = "SELECT epoch, proof FROM master";
    let found = sql.query_row(select, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    match found {
        Some((epoch, proof)) => {
            master.open(&proof, PROOF).map_err(|_| KeyStoreError::OtherMaster)?;
            Ok(epoch as u64)
        }
        None => {
            sql.execute("INSERT INTO master (epoch, proof) VALUES (1, ?)", [master.seal(b"", PROOF, random)])?;
            Ok(1)
        }
    }
}

fn secret(sql: &Connection, master: &Key, name: &str, random: &dyn Random) -> Result<Key, KeyStoreError> {
    let select = "SELECT wrapped FROM secret WHERE name = ?";
    let found: Option<Vec<u8>> = sql.query_row(select, [name], |row| row.get(0)).optional()?;
    if let Some(wrapped) = found {
        let changed = |_| KeyStoreError::corrupt(format!("the secret {name:?} in keys.db does not open"));
        return master.unwrap_key(&wrapped, &purpose_of_secret(name)).map_err(changed);
    }
    let key = Key::generate(random);
    let wrapped = master.wrap(&key, &purpose_of_secret(name), random);
    sql.execute("INSERT INTO secret (name, wrapped) VALUES (?, ?)", params![name, wrapped])?;
    Ok(key)
}

fn unwrap(master: &Key, id: KeyId, wrapped: &[u8]) -> Result<Key, KeyStoreError> {
    let changed = |_| KeyStoreError::corrupt(format!("key {id} in keys.db does not open"));
    master.unwrap_key(wrapped, &purpose_of_key(id)).map_err(changed)
}

fn insert(sql: &Connection, tag: &[u8], info: KeyInfo, wrapped: &[u8]) -> Result<(), KeyStoreError> {
    let insert = "INSERT INTO key (id, kind, tag, generation, epoch, wrapped) VALUES (?, ?, ?, ?, ?, ?)";
    let epoch = info.epoch.map(|epoch| epoch as i64);
    let row = params![info.id.to_string(), info.kind.as_str(), tag, info.generation as i64, epoch, wrapped];
    sql.prepare_cached(insert)?.execute(row)?;
    Ok(())
}

type Latest = (KeyInfo, Option<Vec<u8>>);

fn latest(sql: &Connection, tag: &[u8]) -> Result<Option<Latest>, KeyStoreError> {
    let select = "SELECT id, kind, generation, epoch, wrapped FROM key WHERE tag = ? ORDER BY generation DESC LIMIT 1";
    let mut statement = sql.prepare_cached(select)?;
    let found = statement.query_row([tag], |row| Ok((info(row), row.get(4)?))).optional()?;
    found.map(|(info, wrapped)| Ok((info?, wrapped))).transpose()
}

fn of_tag(db: &KeysDb, tag: &[u8]) -> Result<Vec<KeyInfo>, KeyStoreError> {
    let select = "SELECT id, kind, generation, epoch FROM key WHERE tag = ? ORDER BY generation";
    db.with(|sql| collect(sql.prepare_cached(select)?.query_map([tag], |row| Ok(info(row)))?))
}

fn collect(
    rows: impl Iterator<Item = rusqlite::Result<Result<KeyInfo, KeyStoreError>>>,
) -> Result<Vec<KeyInfo>, KeyStoreError> {
    rows.map(|row| row?).collect()
}

/// The columns id, kind, generation, epoch.
fn info(row: &Row<'_>) -> Result<KeyInfo, KeyStoreError> {
    let id: String = row.get(0)?;
    let id = Uuid::parse_str(&id).map_err(|_| KeyStoreError::corrupt("a key's name in keys.db is no UUID"))?;
    Ok(KeyInfo {
        id: KeyId(id),
        kind: row.get::<_, String>(1)?.parse()?,
        generation: row.get::<_, i64>(2)? as u64,
        epoch: row.get::<_, Option<i64>>(3)?.map(|epoch| epoch as u64),
    })
}

/// Wraps everything under the new master key, in one transaction.
fn rewrap(sql: &Connection, old: &Key, new: &Key, epoch: u64, random: &dyn Random) -> Result<(), KeyStoreError> {
    let mut keys = sql.prepare("SELECT id, wrapped FROM key WHERE wrapped IS NOT NULL")?;
    let keys: Vec<(String, Vec<u8>)> =
        keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (id, wrapped) in keys {
        let name = Uuid::parse_str(&id).map_err(|_| KeyStoreError::corrupt("a key's name in keys.db is no UUID"))?;
        let key = unwrap(old, KeyId(name), &wrapped)?;
        let wrapped = new.wrap(&key, &purpose_of_key(KeyId(name)), random);
        let update = "UPDATE key SET wrapped = ?, epoch = ? WHERE id = ?";
        sql.prepare_cached(update)?.execute(params![wrapped, epoch as i64, id])?;
    }
    let mut secrets = sql.prepare("SELECT name FROM secret")?;
    let names: Vec<String> = secrets.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in names {
        let key = secret(sql, old, &name, random)?;
        let wrapped = new.wrap(&key, &purpose_of_secret(&name), random);
        sql.execute("UPDATE secret SET wrapped = ? WHERE name = ?", params![wrapped, name])?;
    }
    let proof = new.seal(b"", PROOF, random);
    sql.execute("UPDATE master SET epoch = ?, proof = ?", params![epoch as i64, proof])?;
    Ok(())
}

fn forget_old_pages(db: &KeysDb) -> Result<(), KeyStoreError> {
    let doing = "cutting off the write-ahead log of keys.db";
    match db.forget_old_pages() {
        Ok(true) => Ok(()),
        Ok(false) => Err(KeyStoreError::Storage { doing, cause: "it is being read; do it again".to_owned() }),
        Err(cause) => Err(KeyStoreError::Storage { doing, cause: cause.to_string() }),
    }
}

impl From<rusqlite::Error> for KeyStoreError {
    fn from(cause: rusqlite::Error) -> Self {
        KeyStoreError::Storage { doing: "working on keys.db", cause: cause.to_string() }
    }
}
