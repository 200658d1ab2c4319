//! An action read again from the log, from its first record on: after a restart in its middle, when its text changes,
//! when keys are gone.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_evidence::digest::Digest;
use countersign_evidence::open::fingerprint;
use countersign_evidence::record::{Body, Envelope};
use uuid::Uuid;

use crate::error::IndexError;
use crate::index::Setup;
use crate::log::Record;
use crate::open::{Opened, Opener};
use crate::tracked::{Open, Text, Tracked};

/// Where the records of an action come from: those of the batch at hand, else the log.
pub(crate) struct Records<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) erased: &'a HashSet<Uuid>,
    /// Position of the first record at hand.
    pub(crate) from: u64,
    pub(crate) at_hand: &'a [(&'a [u8], &'a [u8])],
}

impl Records<'_> {
    pub(crate) fn opener(&self) -> Opener<'_> {
        Opener { ring: &*self.setup.ring, origin: &self.setup.origin, erased: self.erased, key: None }
    }

    fn read(&self, position: u64) -> Result<Record, IndexError> {
        let at = position.checked_sub(self.from).and_then(|at| usize::try_from(at).ok());
        if let Some((envelope, vault)) = at.and_then(|at| self.at_hand.get(at)) {
            return Ok(Record { envelope: envelope.to_vec(), vault: vault.to_vec() });
        }
        let failed = |cause: String| IndexError::Log { position, cause };
        Arc::clone(&self.setup.log)
            .read(position)
            .map_err(failed)?
            .ok_or_else(|| failed("the log ends before it".to_owned()))
    }

    /// What an `action.proposed` shows.
    pub(crate) fn open_proposed(&self, open: &mut Open, opened: Opened) {
        open.sealed_by.extend(opened.sealed_by);
        open.proposed(&opened.fields, |canonical| {
            fingerprint(&self.setup.workspace_key, Digest::of(canonical.as_bytes()))
        });
    }

    /// The action whose records lie at these positions, with everything that opens.
    pub(crate) fn fold(&self, positions: &[u64]) -> Result<Tracked, IndexError> {
        let mut tracked: Option<Tracked> = None;
        let mut opener = self.opener();
        for &position in positions {
            let broken = |cause: String| IndexError::Log { position, cause };
            let record = self.read(position)?;
            let envelope = Envelope::parse(&record.envelope).map_err(|error| broken(error.to_string()))?;
            let leaf = Digest::leaf(&record.envelope);
            let next = match tracked.take() {
                None => Tracked::begin(&envelope, leaf, position).map_err(|error| broken(error.to_string()))?,
                Some(mut tracked) => {
                    tracked.apply(&envelope, leaf, position).map_err(|error| broken(error.to_string()))?;
                    tracked
                }
            };
            let held = tracked.insert(next);
            match &envelope.body {
                Body::ActionProposed(_) => self.open_proposed(&mut held.open, opener.open(&envelope, &record.vault)?),
                Body::ReviewDecided(_) => {
                    let opened = opener.open(&envelope, &record.vault)?;
                    held.open.sealed_by.extend(opened.sealed_by);
                    held.open.reviewed(&opened.fields);
                }
                _ => {}
            }
        }
        let mut tracked =
            tracked.ok_or_else(|| IndexError::Log { position: 0, cause: "a row has no record".to_owned() })?;
        tracked.text = Text::Held;
        Ok(tracked)
    }
}
