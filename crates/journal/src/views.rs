//! Views of the explorer that people keep, in `keys.db`: sealed by whoever uses this.

use rusqlite::params;
use uuid::Uuid;

use crate::credentials::{Credentials, uuid_at};
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
        self.db().with(|sql| {
            sql.execute(insert, params![one.id.to_string(), one.person.to_string(), one.text])?;
            Ok(())
        })
    }

    /// All that one person keeps.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn views_of(&self, person: Uuid) -> Result<Vec<SavedView>, KeyStoreError> {
        self.db().with(|sql| {
            let mut select = sql.prepare("SELECT id, text FROM saved_view WHERE person = ?1 ORDER BY id")?;
            let mut rows = select.query([person.to_string()])?;
            let mut views = Vec::new();
            while let Some(row) = rows.next()? {
                views.push(SavedView { id: uuid_at(row, 0)?, person, text: row.get(1)? });
            }
            Ok(views)
        })
    }

    /// Removes a view of this person. Returns whether there was one.
    ///
    /// # Errors
    /// [`KeyStoreError::Storage`].
    pub fn remove_view(&self, person: Uuid, id: Uuid) -> Result<bool, KeyStoreError> {
        let delete = "DELETE FROM saved_view WHERE id = ?1 AND person = ?2";
        self.db().with(|sql| Ok(sql.execute(delete, params![id.to_string(), person.to_string()])? > 0))
    }
}
