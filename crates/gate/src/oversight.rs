//! How reviews went, for whoever may know.

use std::collections::HashMap;

use countersign_evidence::record::Role;
use countersign_evidence::time::Timestamp;
use countersign_index::{IndexError, ReviewQuery};
use countersign_oversight::{Asked, reviews};
use countersign_wire::OversightView;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;

/// Reviews that one answer is computed from at most: the newest.
const MOST_REVIEWS: usize = 100_000;

impl Gate {
    /// How the reviews went that people were asked in between these times. Who only reviews is told about itself alone.
    ///
    /// # Errors
    /// [`GateError::Forbidden`]; [`GateError::Invalid`] where `since` is not before `until`.
    pub async fn oversight(
        &self,
        caller: &Caller,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<OversightView, GateError> {
        caller.must_look()?;
        if since >= until {
            return Err(GateError::Invalid("since must lie before until".to_owned()));
        }
        self.catch_up().await;
        let (environments, agents) = (caller.environments.clone(), caller.agents.clone());
        let query = ReviewQuery { since, until, environments, agents, most: MOST_REVIEWS };
        let names: HashMap<String, String> =
            self.people(caller)?.into_iter().map(|person| (person.person.to_string(), person.name)).collect();
        let (index, now) = (std::sync::Arc::clone(&self.shared.parts.index), self.shared.now());
        let compute = move || -> Result<OversightView, IndexError> {
            let found = index.reviews(&query)?;
            let asked = Asked { since, until, now, whole: found.len() < MOST_REVIEWS };
            Ok(reviews(&found, asked, |person| names.get(person).cloned()))
        };
        let computed =
            tokio::task::spawn_blocking(compute).await.map_err(|error| GateError::Broken(error.to_string()))?;
        let mut view = computed.map_err(|error| GateError::Broken(error.to_string()))?;
        if ![Role::Admin, Role::Operator, Role::Auditor].into_iter().any(|role| caller.has(role)) && !caller.is_owner()
        {
            let own = caller.person.as_ref().map(|person| person.id.to_string());
            view.reviewers.retain(|load| Some(&load.person) == own.as_ref());
        }
        Ok(view)
    }
}
