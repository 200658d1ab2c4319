use std::sync::Arc;

use countersign_evidence::key::Key;
use countersign_evidence::open::KeyRing;
use countersign_journal::{KeyId, KeyStore};
use uuid::Uuid;

/// The key store as the opener of records sees it.
pub struct KeyStoreRing(pub Arc<dyn KeyStore>);

impl KeyRing for KeyStoreRing {
    fn key(&self, id: Uuid) -> Option<Key> {
        // A store that does not answer is like a key that is gone: the field stays closed.
        self.0.open(KeyId(id)).ok().flatten()
    }
}
