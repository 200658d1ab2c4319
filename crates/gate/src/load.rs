//! Actions rebuilt from their records: at start, and when something late arrives for one that the gate let go of.

use std::sync::Arc;

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Value};
use countersign_evidence::open::{ActionOpener, OpenedRecord, RecordError};
use countersign_evidence::record::{Body, Envelope, Verdict};
use countersign_evidence::vault;
use countersign_wire::{NoteView, UserRef};
use uuid::Uuid;

use crate::error::GateError;
use crate::open_action::{Identity, OpenAction, Requester, Shown};
use crate::prepare::Content;
use crate::review::note_of;
use crate::shared::Shared;

/// A record of an action, opened as far as the keys go.
pub(crate) struct Told {
    pub(crate) position: u64,
    pub(crate) envelope: Envelope,
    pub(crate) text: String,
    pub(crate) opened: OpenedRecord,
    /// Id of the key that wraps what the record is sealed under, where it wraps one.
    pub(crate) wrapped_by: Option<Uuid>,
    /// Whether what is closed is withheld from this reader, not gone.
    pub(crate) withheld: bool,
}

impl Told {
    /// Closes what a caller that only acts has no business to see: reviewers, what they saw, what policy read.
    pub(crate) fn withhold(&mut self) {
        if !matches!(
            self.envelope.body,
            Body::ActionProposed(_) | Body::ExecutionStarted(_) | Body::ExecutionFinished(_)
        ) {
            self.opened =
                OpenedRecord { closed: self.envelope.sealed.keys().cloned().collect(), ..OpenedRecord::default() };
            self.withheld = true;
        }
    }
}

fn broken(what: impl std::fmt::Display) -> GateError {
    GateError::Broken(format!("a stored record does not read: {what}; run `countersign log fsck`"))
}

/// A key that cannot be read is no damage of the record.
pub(crate) fn unopened(error: RecordError) -> GateError {
    match error {
        RecordError::Ring(error) => error.into(),
        error => broken(error),
    }
}

impl Shared {
    /// The records at these positions, opened in order.
    pub(crate) async fn tell(
        &self,
        positions: &[u64],
    ) -> Result<(Vec<Told>, Option<countersign_evidence::key::Key>), GateError> {
        let mut opener = ActionOpener::new(&*self.ring, &self.settings().origin);
        let mut told = Vec::with_capacity(positions.len());
        for &position in positions {
            let entry = self.entry(position).await?;
            let envelope = Envelope::parse(&entry.envelope).map_err(broken)?;
            let opened = opener.open(&envelope, Some(&entry.vault)).map_err(unopened)?;
            let text = String::from_utf8_lossy(&entry.envelope).into_owned();
            let sections = vault::sections(&entry.vault).unwrap_or_default();
            let wrapped_by = sections.iter().find_map(|section| section.wrapped.map(|(id, _)| id));
            told.push(Told { position, envelope, text, opened, wrapped_by, withheld: false });
        }
        let key = opener.action_key().cloned();
        Ok((told, key))
    }

    /// The action whose records lie at these positions. `None` where its key is gone: it was erased, or
    /// (see [`OpenedRecord::lost`]) its key was lost.
    pub(crate) async fn load(&self, positions: &[u64]) -> Result<Option<OpenAction>, GateError> {
        let (told, key) = self.tell(positions).await?;
        if let Some((first, lost)) = told.first().and_then(|first| Some((first, first.opened.lost?))) {
            let position = first.position;
            tracing::warn!(position, key = %lost, "an action's key is lost or damaged: restore keys.db from a copy");
        }
        let (Some(first), Some(key)) = (told.first(), key) else { return Ok(None) };
        let action = fold(&told)?;
        let Some(payload) = first.opened.fields.get("payload") else { return Ok(None) };
        let edited = told.iter().rev().find_map(edited_payload).map(Arc::new);
        let in_question = edited.as_deref().unwrap_or(payload).to_canonical();
        let user = user_of(&first.opened);
        let catalogue = self.policy();
        let owner = catalogue.catalogue().agents.get(&action.proposed.agent.id).and_then(|agent| agent.owner.clone());
        let subject = first.wrapped_by.unwrap_or(self.workspace_key.0);
        Ok(Some(OpenAction {
            identity: Identity {
                content: identity(&first.envelope, &first.opened, payload),
                key: action.proposed.authenticated.key,
            },
            plain: Digest::of(in_question.as_bytes()),
            key,
            edited,
            requester: Requester { user, owner, subject },
            message: self.message_of(&action),
            rule_messages: self.rule_messages(&action),
            shown: shown(&told),
            denied_because: denied_because(&told),
            notes: notes(&told),
            positions: positions.to_vec(),
            refused_before: refused_before(&told),
            action,
        }))
    }

    /// One stored record.
    pub(crate) async fn entry(&self, position: u64) -> Result<countersign_journal::Entry, GateError> {
        let entries = self.parts.reader.read(position, 1).await.map_err(broken)?;
        entries.into_iter().next().ok_or_else(|| broken(format!("the log has no position {position}")))
    }

    /// What rules said is not in the record; the policy set in force knows it, if it still has the rule.
    fn rule_messages(&self, action: &Action) -> Vec<(String, String)> {
        let policy = self.policy();
        let asked = action.review().map(|review| review.demand.requirements.as_slice()).unwrap_or_default();
        let message = |rule: &str| {
            let found = policy.rules().iter().find(|known| known.id == rule);
            found.and_then(|rule| rule.message.clone()).unwrap_or_default()
        };
        asked.iter().map(|one| (one.rule.clone(), message(&one.rule))).collect()
    }

    fn message_of(&self, action: &Action) -> String {
        match action.review() {
            Some(_) => "This waits for a review. Call it again with the same arguments once it is approved.".to_owned(),
            None => String::new(),
        }
    }
}

/// The state that records from an action's first one on leave.
pub(crate) fn fold(told: &[Told]) -> Result<Action, GateError> {
    let leaf = |told: &Told| Digest::leaf(told.text.as_bytes());
    let first = told.first().ok_or(GateError::NotFound("action"))?;
    let mut action = Action::open(&first.envelope, leaf(first)).map_err(broken)?;
    for next in told.get(1..).unwrap_or_default() {
        action.apply(&next.envelope, leaf(next)).map_err(broken)?;
    }
    Ok(action)
}

/// How many starts were refused before the latest authorization.
fn refused_before(told: &[Told]) -> u32 {
    let authorized = told.iter().rposition(|told| matches!(told.envelope.body, Body::ActionAuthorized(_)));
    let before = told.get(..authorized.unwrap_or_default()).unwrap_or_default();
    let refused = before.iter().filter(|told| matches!(told.envelope.body, Body::ExecutionRefused(_))).count();
    u32::try_from(refused).unwrap_or(u32::MAX)
}

fn edited_payload(told: &Told) -> Option<Value> {
    match &told.envelope.body {
        Body::ReviewDecided(_) => told.opened.fields.get("payload").cloned(),
        _ => None,
    }
}

pub(crate) fn user_of(opened: &OpenedRecord) -> Option<String> {
    opened.fields.get("user")?.get("id")?.as_str().map(str::to_owned)
}

/// The same digest that the proposal had when it came in.
fn identity(envelope: &Envelope, opened: &OpenedRecord, payload: &Value) -> Digest {
    let Body::ActionProposed(proposed) = &envelope.body else { return Digest([0; 32]) };
    let user: Option<UserRef> = opened.fields.get("user").cloned().and_then(|user| json::from_value(user).ok());
    let id = opened.fields.get("resource").and_then(Value::as_str).map(str::to_owned);
    let resource = proposed.resource_type.clone().map(|kind| (kind, id));
    let content = Content {
        agent: &proposed.agent.id,
        user: user.as_ref(),
        environment: &envelope.environment,
        tool: &proposed.tool,
        via: &proposed.source.via,
        resource: resource.as_ref(),
        payload: Digest::of(payload.to_canonical().as_bytes()),
    };
    content.digest()
}

/// The reason of the denial, where its reviewer was not erased.
fn denied_because(told: &[Told]) -> Option<String> {
    let denial = told
        .iter()
        .rev()
        .find(|told| matches!(&told.envelope.body, Body::ReviewDecided(decided) if decided.verdict == Verdict::Deny));
    denial?.opened.fields.get("reason").and_then(Value::as_str).map(str::to_owned)
}

/// What was said about the review in question.
fn notes(told: &[Told]) -> Vec<NoteView> {
    let mut notes = Vec::new();
    for record in told {
        match &record.envelope.body {
            Body::ReviewDecided(_) if record.envelope.sealed.contains_key("payload") => notes.clear(),
            body => notes.extend(note_of(body, &record.envelope.actor.id, text(record), record.envelope.time)),
        }
    }
    notes
}

fn text(told: &Told) -> String {
    told.opened.fields.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What reviewers were shown of the payload in question.
fn shown(told: &[Told]) -> Vec<Shown> {
    let mut shown = Vec::new();
    for record in told {
        match &record.envelope.body {
            Body::ReviewPresented(presented) => {
                let Some(digest) = record.envelope.sealed.get("presentation").copied() else { continue };
                let Some(presentation) = record.opened.fields.get("presentation") else { continue };
                let content = Shown::content(&presented.renderer, presentation);
                shown.push(Shown { person: record.envelope.actor.id.clone(), digest, content });
            }
            Body::ReviewDecided(_) if record.envelope.sealed.contains_key("payload") => shown.clear(),
            _ => {}
        }
    }
    shown
}
