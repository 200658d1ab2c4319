//! The key store in memory: for tests, and the model that the other is compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_evidence::key::{Key, Random};
use countersign_evidence::open::KeyState;
use parking_lot::Mutex;

use crate::keystore::{KeyId, KeyInfo, KeyStore, KeyStoreError, Owner, TAG_SECRET, new_id, tag};
use crate::master::MasterKey;

/// Forgets everything with its last handle.
pub struct MemoryKeyStore {
    random: Arc<dyn Random>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    epoch: u64,
    keys: Vec<(Vec<u8>, KeyInfo, Option<Key>)>,
    secrets: BTreeMap<String, Key>,
}

impl MemoryKeyStore {
    /// An empty one.
    pub fn new(random: Arc<dyn Random>) -> Self {
        MemoryKeyStore { random, state: Mutex::new(State { epoch: 1, ..State::default() }) }
    }

    fn tag(&self, state: &mut State, owner: Owner<'_>) -> Vec<u8> {
        tag(state.secrets.entry(TAG_SECRET.to_owned()).or_insert_with(|| Key::generate(&*self.random)), owner)
    }
}

impl KeyStore for MemoryKeyStore {
    fn get_or_create(&self, owner: Owner<'_>) -> Result<(KeyId, Key), KeyStoreError> {
        let mut state = self.state.lock();
        let tag = self.tag(&mut state, owner);
        let mut of_owner = state.keys.iter().filter(|(of, _, _)| *of == tag);
        let generation = of_owner.clone().count() as u64 + 1;
        if let Some((_, info, Some(key))) = of_owner.next_back() {
            return Ok((info.id, key.clone()));
        }
        let (id, key) = (new_id(&*self.random), Key::generate(&*self.random));
        let info = KeyInfo { id, kind: owner.kind, generation, epoch: Some(state.epoch) };
        state.keys.push((tag, info, Some(key.clone())));
        Ok((id, key))
    }

    fn open(&self, id: KeyId) -> Result<KeyState, KeyStoreError> {
        let state = self.state.lock();
        Ok(match state.keys.iter().find(|(_, info, _)| info.id == id) {
            Some((_, _, Some(key))) => KeyState::Live(key.clone()),
            Some((_, _, None)) => KeyState::Destroyed,
            None => KeyState::Unknown,
        })
    }

    fn destroy(&self, keys: &[KeyId]) -> Result<Vec<KeyId>, KeyStoreError> {
        let mut state = self.state.lock();
        let mut destroyed = Vec::new();
        for (_, info, key) in state.keys.iter_mut().filter(|(_, info, _)| keys.contains(&info.id)) {
            if key.take().is_some() {
                info.epoch = None;
                destroyed.push(info.id);
            }
        }
        Ok(destroyed)
    }

    fn keys_of(&self, owner: Owner<'_>) -> Result<Vec<KeyInfo>, KeyStoreError> {
        let mut state = self.state.lock();
        let tag = self.tag(&mut state, owner);
        Ok(state.keys.iter().filter(|(of, _, _)| *of == tag).map(|(_, info, _)| *info).collect())
    }

    fn list(&self) -> Result<Vec<KeyInfo>, KeyStoreError> {
        let mut all: Vec<KeyInfo> = self.state.lock().keys.iter().map(|(_, info, _)| *info).collect();
        all.sort_by_key(|info| info.id);
        Ok(all)
    }

    fn secret(&self, name: &str) -> Result<Key, KeyStoreError> {
        let mut state = self.state.lock();
        Ok(state.secrets.entry(name.to_owned()).or_insert_with(|| Key::generate(&*self.random)).clone())
    }

    fn rotate_master(&self, _new: &MasterKey) -> Result<u64, KeyStoreError> {
        let mut state = self.state.lock();
        state.epoch += 1;
        let epoch = state.epoch;
        state.keys.iter_mut().filter(|(_, _, key)| key.is_some()).for_each(|(_, info, _)| info.epoch = Some(epoch));
        Ok(epoch)
    }
}
