//! A key store that fails on purpose, in both ways in which storage fails.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_evidence::key::Key;
use countersign_evidence::open::KeyState;
use parking_lot::Mutex;

use crate::faulty::Fault;
use crate::keystore::{KeyId, KeyInfo, KeyStore, KeyStoreError, Owner};
use crate::master::MasterKey;

/// Which call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVerb {
    /// [`KeyStore::open`].
    Open,
    /// [`KeyStore::destroy`].
    Destroy,
}

/// Passes everything on to another store, but for one verb, which fails each time until it is mended.
pub struct FaultyKeyStore {
    inner: Arc<dyn KeyStore>,
    broken: Mutex<Option<(KeyVerb, Fault)>>,
    lost: Mutex<HashSet<KeyId>>,
    damaged: Mutex<HashSet<KeyId>>,
    late: Mutex<Option<KeyId>>,
}

impl FaultyKeyStore {
    /// Nothing fails yet.
    pub fn new(inner: Arc<dyn KeyStore>) -> Self {
        FaultyKeyStore {
            inner,
            broken: Mutex::new(None),
            lost: Mutex::default(),
            damaged: Mutex::default(),
            late: Mutex::default(),
        }
    }

    /// From now on every call of `verb` fails in the given way.
    pub fn fail(&self, verb: KeyVerb, fault: Fault) {
        *self.broken.lock() = Some((verb, fault));
    }

    /// Nothing fails any more.
    pub fn mend(&self) {
        *self.broken.lock() = None;
    }

    /// From now on nothing is known of this key, as after a loss of its row.
    pub fn lose(&self, id: KeyId) {
        self.lost.lock().insert(id);
    }

    /// From now on this key does not open, as after a change of its row, until it is destroyed.
    pub fn damage(&self, id: KeyId) {
        self.damaged.lock().insert(id);
    }

    /// The next list of an owner's keys is from before this one was made.
    pub fn list_from_before(&self, id: KeyId) {
        *self.late.lock() = Some(id);
    }

    fn pass<T>(&self, verb: KeyVerb, call: impl FnOnce() -> Result<T, KeyStoreError>) -> Result<T, KeyStoreError> {
        let broken = *self.broken.lock();
        let lost = || {
            let (doing, cause) = ("a call that fails on purpose", "the answer is lost".to_owned());
            Err(KeyStoreError::Storage { doing, cause })
        };
        match broken.filter(|(broken, _)| *broken == verb) {
            Some((_, Fault::Before)) => lost(),
            Some((_, Fault::After)) => call().and_then(|_| lost()),
            None => call(),
        }
    }
}

impl KeyStore for FaultyKeyStore {
    fn get_or_create(&self, owner: Owner<'_>) -> Result<(KeyId, Key), KeyStoreError> {
        self.inner.get_or_create(owner)
    }

    fn open(&self, id: KeyId) -> Result<KeyState, KeyStoreError> {
        let (lost, damaged) = (self.lost.lock().contains(&id), self.damaged.lock().contains(&id));
        self.pass(KeyVerb::Open, || match self.inner.open(id)? {
            _ if lost => Ok(KeyState::Unknown),
            KeyState::Live(_) if damaged => Ok(KeyState::Damaged),
            state => Ok(state),
        })
    }

    fn destroy(&self, keys: &[KeyId]) -> Result<Vec<KeyId>, KeyStoreError> {
        self.pass(KeyVerb::Destroy, || self.inner.destroy(keys))
    }

    fn keys_of(&self, owner: Owner<'_>) -> Result<Vec<KeyInfo>, KeyStoreError> {
        let mut keys = self.inner.keys_of(owner)?;
        if let Some(late) = self.late.lock().take() {
            keys.retain(|key| key.id != late);
        }
        Ok(keys)
    }

    fn list(&self) -> Result<Vec<KeyInfo>, KeyStoreError> {
        self.inner.list()
    }

    fn secret(&self, name: &str) -> Result<Key, KeyStoreError> {
        self.inner.secret(name)
    }

    fn rotate_master(&self, new: &MasterKey) -> Result<u64, KeyStoreError> {
        self.inner.rotate_master(new)
    }
}
