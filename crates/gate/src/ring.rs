use std::sync::Arc;

use countersign_evidence::open::{KeyRing, KeyState, RingError};
use countersign_journal::{KeyId, KeyStore};
use uuid::Uuid;

/// The key store as the opener of records sees it.
pub struct KeyStoreRing(pub Arc<dyn KeyStore>);

impl KeyRing for KeyStoreRing {
    fn key(&self, id: Uuid) -> Result<KeyState, RingError> {
        self.0.open(KeyId(id)).map_err(|error| RingError { key: id, cause: error.to_string() })
    }
}
