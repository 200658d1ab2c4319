//! Views of the explorer that people keep, in `keys.db`: sealed by whoever uses this.

use rusqlite::{Row, params};
use uuid::Uuid;

use crate::credentials::{Credentials, all, uuid_at};
use crate::keystore::KeyStoreError;

/// A view that somebody keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub person: Uuid,
    /// Name and question, sealed.
    pub text: Vec<u8>,
}

impl Credentials {
    /// Keeps a view, in place of one with that id.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn put_view(&self, one: &SavedView) -> Result<(), KeyStoreError> {
        let insert = "INSERT OR REPLACE INTO saved_view (id, person, text) VALUES (?, ?, ?)";
        self.change(insert, params![one.id.to_string(), one.person.to_string(), one.text]).map(drop)
    }

    /// All that one person keeps.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn views_of(&self, person: Uuid) -> Result<Vec<SavedView>, KeyStoreError> {
        let select = "SELECT id, person, text FROM saved_view WHERE person = ?1 ORDER BY id";
        self.db().with(|sql| all(sql, select, params![person.to_string()], view))
    }

    /// Removes a view of this person. Returns whether there was one.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn remove_view(&self, person: Uuid, id: Uuid) -> Result<bool, KeyStoreError> {
        let delete = "DELETE FROM saved_view WHERE id = ?1 AND person = ?2";
        self.change(delete, params![id.to_string(), person.to_string()])
    }
}

fn view(row: &Row<'_>) -> Result<SavedView, KeyStoreError> {
    Ok(SavedView { id: uuid_at(row, 0)?, person: uuid_at(row, 1)?, text: row.get(2)? })
}
