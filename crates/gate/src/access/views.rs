//! Views of the explorer that people keep: a name and a question, sealed under the person's own key. Conveniences, not
//! evidence: nothing of them is on record.

use countersign_journal::SavedView as Row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::Caller;
use crate::desk::Text;
use crate::error::GateError;
use crate::gate::Gate;

/// Views that one person keeps at most.
const MOST: usize = 50;
const MOST_NAME: usize = 80;
const MOST_PLACE: usize = 8_192;

/// A view that somebody keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// Its id.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// The question and how its answer is shown, as a query string.
    pub place: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    place: String,
}

impl Gate {
    /// The caller's own views, by name.
    ///
    /// # Errors
    /// [`GateError`] where the key store does not answer.
    pub fn views(&self, caller: &Caller) -> Result<Vec<SavedView>, GateError> {
        let Some(person) = &caller.person else { return Ok(Vec::new()) };
        let mut views = Vec::new();
        for row in self.credentials().views_of(person.id)? {
            // What does not open is of no use to anybody.
            if let Text::Open(Kept { name, place }) = self.shared.open_text(&row.text, row.id)? {
                views.push(SavedView { id: row.id, name, place });
            }
        }
        views.sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
        Ok(views)
    }

    /// Keeps a view; one of the same name is replaced.
    ///
    /// # Errors
    /// [`GateError::Invalid`]; [`GateError::Forbidden`] for keys that are nobody's.
    pub async fn save_view(&self, caller: &Caller, name: &str, place: &str) -> Result<(), GateError> {
        let nobody = || GateError::Forbidden("views are kept for people: sign in".to_owned());
        let person = caller.person.as_ref().ok_or_else(nobody)?.id;
        let name = name.trim();
        if name.is_empty() || name.len() > MOST_NAME || place.len() > MOST_PLACE {
            return Err(GateError::Invalid(format!("a view has a name of 1 to {MOST_NAME} bytes")));
        }
        let _one_at_a_time = self.shared.access.lock().await;
        let (_, under) = self.person(person)?.ok_or_else(nobody)?;
        let views = self.views(caller)?;
        let same = views.iter().find(|view| view.name == name).map(|view| view.id);
        if same.is_none() && views.len() >= MOST {
            return Err(GateError::TooMany(format!("you keep {MOST} views: remove one first")));
        }
        let id = same.unwrap_or_else(|| self.shared.new_id());
        let kept = Kept { name: name.to_owned(), place: place.to_owned() };
        let text = self.shared.seal_text(&kept, id, &under);
        Ok(self.credentials().put_view(&Row { id, person, text })?)
    }

    /// Keeps one of the caller's views no longer.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub fn remove_view(&self, caller: &Caller, view: Uuid) -> Result<(), GateError> {
        let person = caller.person.as_ref().map(|person| person.id).ok_or(GateError::NotFound("view"))?;
        match self.credentials().remove_view(person, view)? {
            true => Ok(()),
            false => Err(GateError::NotFound("view")),
        }
    }
}
