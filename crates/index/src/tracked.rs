//! An action as the index folds it: its state, and what of its records a row holds beside that.

use std::collections::BTreeSet;

use countersign_evidence::action::{Action, ApplyError, End, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::Object;
use countersign_evidence::record::{Body, Envelope};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::reviewed::Reviewed;
use crate::words::{add_value, add_words};

/// What opens of an action's records and a row holds. Gone when the keys are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) user: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) fingerprint: Option<[u8; 16]>,
    /// Characters of the payload as canonical JSON.
    pub(crate) characters: Option<usize>,
    /// Ids of the keys that wrap what its records are sealed under; the subject's first.
    pub(crate) sealed_by: Vec<Uuid>,
    /// As [`add_words`] makes them.
    pub(crate) words: String,
}

/// Whether the row's full text is that of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// [`Tracked::open`] has all of it; the row has not.
    Held,
    /// Stored, and no later record has changed it.
    Stored,
    /// A later record changes it: the action has to be read again.
    Stale,
}

#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    pub(crate) action: Action,
    pub(crate) positions: Vec<u64>,
    pub(crate) reviewers: BTreeSet<String>,
    /// People were asked.
    pub(crate) reviewed: Option<Reviewed>,
    pub(crate) closed: Option<Timestamp>,
    /// It could be executed at some time.
    pub(crate) authorized: bool,
    /// Only meaningful while [`Tracked::text`] is [`Text::Held`], or after the action was read again.
    pub(crate) open: Open,
    pub(crate) text: Text,
    /// The row exists.
    pub(crate) stored: bool,
}

impl Tracked {
    pub(crate) fn begin(envelope: &Envelope, leaf: Digest, position: u64) -> Result<Self, ApplyError> {
        Ok(Tracked {
            action: Action::open(envelope, leaf)?,
            positions: vec![position],
            reviewers: BTreeSet::new(),
            reviewed: None,
            closed: None,
            authorized: false,
            open: Open::default(),
            text: Text::Held,
            stored: false,
        })
    }

    pub(crate) fn apply(&mut self, envelope: &Envelope, leaf: Digest, position: u64) -> Result<(), ApplyError> {
        self.action.apply(envelope, leaf)?;
        self.positions.push(position);
        Reviewed::follow(&mut self.reviewed, &self.action, envelope);
        match &envelope.body {
            Body::ReviewDecided(_) => {
                self.reviewers.insert(envelope.actor.id.clone());
                self.text = Text::Stale;
            }
            Body::ActionDecided(_) if self.text == Text::Stored => self.text = Text::Stale,
            Body::ActionAuthorized(_) => self.authorized = true,
            _ => {}
        }
        if self.action.is_over() && self.closed.is_none() {
            self.closed = Some(envelope.time);
        }
        Ok(())
    }

    /// Log position of the first record: the row's number.
    pub(crate) fn row(&self) -> u64 {
        self.positions.first().copied().unwrap_or_default()
    }

    pub(crate) fn tool(&self) -> String {
        format!("{}/{}", self.action.proposed.tool.server, self.action.proposed.tool.name)
    }

    /// The downstream request id, once the execution has ended with one.
    pub(crate) fn downstream(&self) -> Option<&str> {
        match &self.action.stage {
            Stage::Finished(End { finished, .. }) => finished.downstream_request_id.as_deref(),
            _ => None,
        }
    }

    /// The request that took it over, once it is executed.
    pub(crate) fn redeemed_by(&self) -> Option<&str> {
        self.action.execution()?.started.redeemed_by.as_deref()
    }

    /// The words that stand in the clear.
    pub(crate) fn clear_words(&self) -> String {
        let mut words = String::new();
        let proposed = &self.action.proposed;
        for text in [&proposed.agent.id, &proposed.tool.server, &proposed.tool.name] {
            add_words(&mut words, text);
        }
        if let Some(kind) = &proposed.resource_type {
            add_words(&mut words, kind);
        }
        words
    }
}

impl Open {
    /// Takes what an `action.proposed` shows.
    pub(crate) fn proposed(&mut self, fields: &Object, fingerprint: impl FnOnce(&str) -> [u8; 16]) {
        self.user = fields.get("user").and_then(|user| user.get("id")?.as_str()).map(str::to_owned);
        self.resource = fields.get("resource").and_then(|resource| resource.as_str()).map(str::to_owned);
        if let Some(canonical) = fields.get("payload").map(|payload| payload.to_canonical()) {
            self.fingerprint = Some(fingerprint(&canonical));
            self.characters = Some(canonical.chars().count());
        }
        for text in self.user.iter().chain(&self.resource) {
            add_words(&mut self.words, text);
        }
        self.add(fields, &["payload", "intent"]);
    }

    /// Takes what a `review.decided` shows.
    pub(crate) fn reviewed(&mut self, fields: &Object) {
        self.add(fields, &["payload", "reason", "name"]);
    }

    fn add(&mut self, fields: &Object, names: &[&str]) {
        for value in names.iter().filter_map(|name| fields.get(name)) {
            add_value(&mut self.words, value);
        }
    }
}
