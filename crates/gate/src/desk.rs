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

/// Bytes of the key's id.
const ID: usize = 16;
/// For what the key is derived.
const PURPOSE: &str = "credentials/v1";

/// In the place of a text that went with its person.
const ERASED: &str = "(erased)";
/// In the place of a text that does not open, and nobody erased it.
const LOST: &str = "(lost)";

/// What a sealed text opens to.
pub(crate) enum Text<T> {
    /// Itself.
    Open(T),
    /// Its key is destroyed.
    Erased,
    /// Its key is lost or damaged, or its own bytes are.
    Lost,
}

impl<T> Text<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Text<U> {
        match self {
            Text::Open(value) => Text::Open(change(value)),
            Text::Erased => Text::Erased,
            Text::Lost => Text::Lost,
        }
    }
}

impl Text<String> {
    /// As a list shows it: one text that does not open is no reason to show none.
    pub(crate) fn shown(self) -> String {
        match self {
            Text::Open(text) => text,
            Text::Erased => ERASED.to_owned(),
            Text::Lost => LOST.to_owned(),
        }
    }
}

impl Shared {
    /// Seals a value that belongs to `row`.
    pub(crate) fn seal_text(&self, value: &impl Serialize, row: Uuid, under: &OwnerKey) -> Vec<u8> {
        let text = json::to_string(value).unwrap_or_default();
        let sealed = under.1.derive(PURPOSE).seal(text.as_bytes(), row.as_bytes(), self.random());
        [under.0.as_bytes().as_slice(), &sealed].concat()
    }

    /// Opens it again.
    ///
    /// # Errors
    /// The key store does not answer: that says nothing about the text.
    pub(crate) fn open_text<T: DeserializeOwned>(&self, sealed: &[u8], row: Uuid) -> Result<Text<T>, GateError> {
        Ok(match self.key_of_text(sealed)? {
            Text::Open((_, key)) => opened(&key, sealed, row).map_or(Text::Lost, Text::Open),
            Text::Erased => Text::Erased,
            Text::Lost => Text::Lost,
        })
    }

    /// The key of a subject that is there.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where it was erased; [`GateError::Broken`] where its key is lost.
    pub(crate) fn subject_by_id(&self, id: Uuid) -> Result<Key, GateError> {
        match self.key_by_id(id)? {
            Text::Open((_, key)) => Ok(key),
            Text::Erased => Err(GateError::NotFound("subject")),
            Text::Lost => Err(GateError::Broken("the subject's key is lost: restore keys.db from a copy".to_owned())),
        }
    }

    /// The key that a sealed text lies under.
    ///
    /// # Errors
    /// As [`Shared::open_text`].
    pub(crate) fn key_of_text(&self, sealed: &[u8]) -> Result<Text<OwnerKey>, GateError> {
        let Some(id) = sealed.get(..ID).and_then(|id| Uuid::from_slice(id).ok()) else { return Ok(Text::Lost) };
        self.key_by_id(id)
    }

    /// The key of that id.
    fn key_by_id(&self, id: Uuid) -> Result<Text<OwnerKey>, GateError> {
        Ok(match self.ring.key(id)? {
            KeyState::Live(key) => Text::Open((id, key)),
            KeyState::Destroyed => Text::Erased,
            KeyState::Unknown | KeyState::Damaged => Text::Lost,
        })
    }
}

fn opened<T: DeserializeOwned>(key: &Key, sealed: &[u8], row: Uuid) -> Option<T> {
    let text = key.derive(PURPOSE).open(sealed.get(ID..)?, row.as_bytes()).ok()?;
    json::from_value(json::parse(&text, Limits::default()).ok()?).ok()
}
