//! Names and labels beside the records, in `keys.db`. Each is sealed under the key of whom it is about, whose id stands
//! before it, and is gone with that key.

use countersign_evidence::json::{self, Limits};
use countersign_evidence::key::Key;
use countersign_evidence::open::KeyState;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::error::GateError;
use crate::shared::Shared;

/// A key of the key store with its id.
pub(crate) type OwnerKey = (Uuid, Key);

/// For what the key is derived.
const PURPOSE: &str = "credentials/v1";

fn broken() -> GateError {
    GateError::Broken("keys.db was changed: a label or a name does not open".to_owned())
}

impl Shared {
    /// Seals a value that belongs to `row`.
    pub(crate) fn seal_text(&self, value: &impl Serialize, row: Uuid, under: &OwnerKey) -> Vec<u8> {
        let text = json::to_string(value).unwrap_or_default();
        let sealed = under.1.derive(PURPOSE).seal(text.as_bytes(), row.as_bytes(), self.random());
        [under.0.as_bytes().as_slice(), &sealed].concat()
    }

    /// Opens it again; `None` once its key is destroyed.
    pub(crate) fn open_text<T: DeserializeOwned>(&self, sealed: &[u8], row: Uuid) -> Result<Option<T>, GateError> {
        let Some((_, key)) = self.key_of_text(sealed)? else { return Ok(None) };
        let (_, sealed) = sealed.split_at_checked(16).ok_or_else(broken)?;
        let text = key.derive(PURPOSE).open(sealed, row.as_bytes()).map_err(|_| broken())?;
        let value = json::parse(&text, Limits::default()).map_err(|_| broken())?;
        json::from_value(value).map(Some).map_err(|_| broken())
    }

    /// The key that a sealed text lies under; `None` once it is destroyed.
    pub(crate) fn key_of_text(&self, sealed: &[u8]) -> Result<Option<OwnerKey>, GateError> {
        let id = sealed.get(..16).and_then(|id| Uuid::from_slice(id).ok()).ok_or_else(broken)?;
        match self.ring.key(id)? {
            KeyState::Live(key) => Ok(Some((id, key))),
            KeyState::Destroyed => Ok(None),
            KeyState::Unknown | KeyState::Damaged => {
                Err(GateError::Broken(format!("keys.db has lost the key {id}: restore keys.db from a copy")))
            }
        }
    }
}
