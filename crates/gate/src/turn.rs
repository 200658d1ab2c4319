//! One turn of the writer: a transaction over the state. Nothing it does is seen until its records are durable; if they
//! cannot be, it is dropped and nothing has happened.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::record::{Body, Envelope, Link};
use countersign_evidence::time::Timestamp;
use countersign_journal::Entry;
use countersign_policy::PolicySet;
use uuid::Uuid;

use crate::draft::Draft;
use crate::error::GateError;
use crate::open_action::OpenAction;
use crate::shared::Shared;
use crate::standing::Grant;
use crate::state::State;

/// What the commands of one commit change.
pub(crate) struct Turn<'a> {
    pub(crate) shared: &'a Shared,
    state: &'a State,
    /// Every record of this turn has this time.
    pub(crate) time: Timestamp,
    pub(crate) changes: Changes,
    next: u64,
    entries: Vec<Entry>,
    bytes: usize,
    /// What `put` replaced, to undo it.
    replaced: Vec<(Uuid, Option<Arc<OpenAction>>)>,
}

/// What becomes of the state when the turn's records are durable.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) actions: HashMap<Uuid, Arc<OpenAction>>,
    pub(crate) requests: HashMap<(Uuid, String), Uuid>,
    pub(crate) policy: Option<Arc<PolicySet>>,
    /// Keys of subjects that are being erased.
    pub(crate) closing: Vec<Uuid>,
    /// Standing approvals as they become, the latest of each last.
    pub(crate) standing: Vec<Arc<Grant>>,
    opened_by_agent: HashMap<String, usize>,
}

/// Where a command began, to undo what it did when it fails half way.
pub(crate) struct Mark {
    next: u64,
    entries: usize,
    bytes: usize,
    replaced: usize,
    standing: usize,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(shared: &'a Shared, state: &'a State, time: Timestamp) -> Self {
        let next = state.head.size();
        Turn {
            shared,
            state,
            time,
            changes: Changes::default(),
            next,
            entries: Vec::new(),
            bytes: 0,
            replaced: Vec::new(),
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            next: self.next,
            entries: self.entries.len(),
            bytes: self.bytes,
            replaced: self.replaced.len(),
            standing: self.changes.standing.len(),
        }
    }

    pub(crate) fn undo(&mut self, mark: &Mark) {
        self.next = mark.next;
        self.entries.truncate(mark.entries);
        self.bytes = mark.bytes;
        self.changes.standing.truncate(mark.standing);
        while self.replaced.len() > mark.replaced {
            match self.replaced.pop() {
                Some((id, Some(before))) => drop(self.changes.actions.insert(id, before)),
                Some((id, None)) => drop(self.changes.actions.remove(&id)),
                None => break,
            }
        }
    }

    /// Whether records were added since.
    pub(crate) fn has_more_than(&self, mark: &Mark) -> bool {
        self.entries.len() > mark.entries
    }

    pub(crate) fn is_full(&self) -> bool {
        let settings = self.shared.settings();
        self.entries.len() >= settings.batch_records || self.bytes >= settings.batch_bytes
    }

    pub(crate) fn finish(self) -> (Vec<Entry>, Changes) {
        (self.entries, self.changes)
    }

    /// The policy in force at this point of the log.
    pub(crate) fn policy(&self) -> &PolicySet {
        self.changes.policy.as_deref().unwrap_or(&self.state.policy)
    }

    /// The action as it is at this point of the log, where the gate holds it.
    pub(crate) fn get(&self, action: Uuid) -> Option<&Arc<OpenAction>> {
        self.changes.actions.get(&action).or_else(|| self.state.actions.get(&action))
    }

    /// Ids of all actions that are not over, as they are at this point of the log.
    pub(crate) fn open_ids(&self) -> Vec<Uuid> {
        let changed = self.changes.actions.keys().filter(|id| !self.state.actions.contains_key(*id));
        let all = self.state.open.iter().chain(changed).copied();
        all.filter(|id| self.get(*id).is_some_and(|open| !open.action.is_over())).collect()
    }

    /// Ids of actions about which time may have ended something by now.
    pub(crate) fn due(&self) -> Vec<Uuid> {
        let changed = self.changes.actions.keys().copied();
        let due = self.state.deadlines.iter().take_while(|(deadline, _)| *deadline <= self.time);
        due.map(|(_, id)| *id).chain(changed).collect()
    }

    /// The action that a request id names, held or let go lately.
    pub(crate) fn named(&self, key: Uuid, request_id: &str) -> Option<Uuid> {
        let name = (key, request_id.to_owned());
        self.changes.requests.get(&name).or_else(|| self.state.requests.get(&name)).copied()
    }

    pub(crate) fn by_request(&self, key: Uuid, request_id: &str) -> Option<&Arc<OpenAction>> {
        self.get(self.named(key, request_id)?)
    }

    /// Refuses what would exceed the limits on open actions.
    pub(crate) fn check_room(&self, agent: &str) -> Result<(), GateError> {
        let settings = self.shared.settings();
        let opened = self.changes.opened_by_agent.get(agent).copied().unwrap_or_default();
        let held = self.state.open_by_agent.get(agent).copied().unwrap_or_default() + opened;
        let all = self.state.open.len() + self.changes.opened_by_agent.values().sum::<usize>();
        if held >= settings.most_open_per_agent {
            let most = settings.most_open_per_agent;
            return Err(GateError::TooMany(format!("this agent has {most} open actions: finish or cancel some first")));
        }
        if all >= settings.most_open {
            return Err(GateError::TooMany("too many actions are open: finish or cancel some first".to_owned()));
        }
        Ok(())
    }

    /// Whether the subject with this key, or this person, is being erased: nothing new may be sealed about it.
    pub(crate) fn is_closing(&self, subject: Uuid) -> bool {
        self.state.closing.contains(&subject) || self.changes.closing.contains(&subject)
    }

    /// A standing approval as it is at this point of the log.
    pub(crate) fn standing(&self, standing: Uuid) -> Option<&Arc<Grant>> {
        let changed = self.changes.standing.iter().rev().find(|grant| grant.granted.standing == standing);
        changed.or_else(|| self.state.standing.get(&standing))
    }

    /// Those that lose something by the erasure of these keys, without it.
    pub(crate) fn standing_without(&self, subjects: &[Uuid]) -> Vec<Grant> {
        let ids: std::collections::BTreeSet<Uuid> = self
            .state
            .standing
            .keys()
            .copied()
            .chain(self.changes.standing.iter().map(|grant| grant.granted.standing))
            .collect();
        ids.iter().filter_map(|id| self.standing(*id)?.without(subjects)).collect()
    }

    /// Keeps a standing approval's new state.
    pub(crate) fn put_standing(&mut self, grant: Grant) {
        self.changes.standing.push(Arc::new(grant));
    }

    /// Keeps a new action.
    pub(crate) fn put_new(&mut self, open: OpenAction) -> Arc<OpenAction> {
        let proposed = &open.action.proposed;
        self.changes.requests.insert((open.identity.key, proposed.request_id.clone()), open.id());
        if !open.action.is_over() {
            *self.changes.opened_by_agent.entry(proposed.agent.id.clone()).or_default() += 1;
        }
        self.put(open)
    }

    /// Keeps an action that a request has taken over and started.
    pub(crate) fn put_redeemed(&mut self, open: OpenAction) -> Arc<OpenAction> {
        self.changes.requests.extend(open.names().map(|name| (name, open.id())));
        self.put(open)
    }

    /// Keeps an action's new state.
    pub(crate) fn put(&mut self, open: OpenAction) -> Arc<OpenAction> {
        let open = Arc::new(open);
        let before = self.changes.actions.insert(open.id(), Arc::clone(&open));
        self.replaced.push((open.id(), before));
        open
    }

    /// Writes an action's first record.
    pub(crate) fn begin(&mut self, action: Uuid, environment: &str, draft: Draft) -> Result<(Action, u64), GateError> {
        let link = Link { action, step: 0, prev: None };
        let (envelope, leaf, position) = self.write(Some(link), environment, draft)?;
        Ok((Action::open(&envelope, leaf).map_err(|error| GateError::Broken(error.to_string()))?, position))
    }

    /// Writes an action's next record; the state machine has the last word.
    pub(crate) fn add(&mut self, open: &mut OpenAction, draft: Draft) -> Result<(), GateError> {
        let action = &open.action;
        let link = Link { action: action.id, step: action.steps, prev: Some(action.last) };
        let environment = action.environment.clone();
        let (envelope, leaf, position) = self.write(Some(link), &environment, draft)?;
        let applied = open.action.apply(&envelope, leaf);
        applied.map_err(|error| GateError::Broken(format!("{} was not recorded: {error}", envelope.body.kind())))?;
        open.positions.push(position);
        Ok(())
    }

    /// Writes a record about the system; its position.
    pub(crate) fn system(&mut self, draft: Draft) -> Result<u64, GateError> {
        let environment = self.shared.settings().environment.clone();
        self.write(None, &environment, draft).map(|(_, _, position)| position)
    }

    fn write(
        &mut self,
        link: Option<Link>,
        environment: &str,
        draft: Draft,
    ) -> Result<(Envelope, Digest, u64), GateError> {
        let vault = (!draft.vault.is_empty()).then(|| Digest::of(&draft.vault));
        let envelope = Envelope {
            id: draft.id,
            time: self.time,
            workspace: self.shared.settings().workspace.clone(),
            environment: environment.to_owned(),
            link,
            actor: draft.actor,
            body: draft.body,
            sealed: draft.sealed,
            vault,
        };
        let text = envelope.to_canonical().map_err(|error| GateError::Invalid(error.to_string()))?;
        let leaf = Digest::leaf(text.as_bytes());
        self.bytes += text.len() + draft.vault.len();
        self.entries.push(Entry { envelope: text.into(), vault: draft.vault });
        let position = self.next;
        self.next += 1;
        Ok((envelope, leaf, position))
    }

    /// Seconds from this turn's time.
    pub(crate) fn after(&self, seconds: u32) -> Timestamp {
        self.time.plus_seconds(i64::from(seconds))
    }

    pub(crate) fn policy_version_is(&self, body: &Body) -> bool {
        matches!(body, Body::ActionDecided(decided) if decided.policy_set.version == self.policy().version())
    }
}
