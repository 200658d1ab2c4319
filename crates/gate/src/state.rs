use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use countersign_evidence::time::Timestamp;
use countersign_journal::Head;
use countersign_policy::PolicySet;
use uuid::Uuid;

use crate::open_action::OpenAction;
use crate::shared::Shared;
use crate::standing::{Grants, is_listed};
use crate::turn::Changes;

/// How long the request id of an action that was let go stays known: far longer than making a proposal ready takes.
const NAMES_KEPT_US: i64 = 30 * 1_000_000;

/// What the writer knows: always what folding the log up to `head` gives.
pub(crate) struct State {
    pub(crate) head: Head,
    pub(crate) policy: Arc<PolicySet>,
    /// Open actions, and ended ones until the index has read them.
    pub(crate) actions: HashMap<Uuid, Arc<OpenAction>>,
    /// Those that are not over.
    pub(crate) open: HashSet<Uuid>,
    /// When time ends something about an open action, soonest first.
    pub(crate) deadlines: BTreeSet<(Timestamp, Uuid)>,
    pub(crate) open_by_agent: HashMap<String, usize>,
    pub(crate) requests: HashMap<(Uuid, String), Uuid>,
    /// Ended actions by the position of their last record.
    ended: VecDeque<(u64, Uuid)>,
    /// Keys of subjects that were erased since the start: a proposal that was sealed before must not come after.
    pub(crate) closing: HashSet<Uuid>,
    /// Standing approvals: those in force, and those that ended lately.
    pub(crate) standing: Arc<Grants>,
    /// Names of actions that were let go lately, oldest first.
    forgotten: VecDeque<(Timestamp, (Uuid, String))>,
    /// Time of the latest record.
    pub(crate) last_time: Timestamp,
}

impl State {
    pub(crate) fn new(head: Head, policy: Arc<PolicySet>, last_time: Timestamp) -> Self {
        State {
            head,
            policy,
            actions: HashMap::new(),
            open: HashSet::new(),
            deadlines: BTreeSet::new(),
            open_by_agent: HashMap::new(),
            requests: HashMap::new(),
            ended: VecDeque::new(),
            forgotten: VecDeque::new(),
            closing: HashSet::new(),
            standing: Arc::default(),
            last_time,
        }
    }

    /// Takes over what a turn changed, once its records are durable, and shows it to everyone.
    pub(crate) fn commit(&mut self, head: Head, time: Timestamp, changes: Changes, shared: &Shared) {
        self.head = head;
        self.last_time = time;
        let (policy_changed, standing_changed) = (changes.policy.is_some(), !changes.standing.is_empty());
        if let Some(policy) = changes.policy {
            *shared.policy.write() = Arc::clone(&policy);
            self.policy = policy;
        }
        if !changes.standing.is_empty() {
            let mut grants = Grants::clone(&self.standing);
            grants.extend(changes.standing.into_iter().map(|grant| (grant.granted.standing, grant)));
            grants.retain(|_, grant| is_listed(grant, time));
            self.standing = Arc::new(grants);
            *shared.standing.write() = Arc::clone(&self.standing);
        }
        if policy_changed || standing_changed {
            shared.board.forget_denials();
        }
        self.requests.extend(changes.requests);
        if !changes.closing.is_empty() {
            self.forget_reasons(shared);
        }
        self.closing.extend(changes.closing);
        for (_, open) in changes.actions {
            self.hold(open, shared);
        }
    }

    /// What a reviewer said goes with the reviewer's key: from here on the log alone says whether it can still be read.
    fn forget_reasons(&mut self, shared: &Shared) {
        for open in self.actions.values_mut().filter(|open| open.denied_because.is_some()) {
            let without = OpenAction { denied_because: None, ..OpenAction::clone(open) };
            *open = Arc::new(without);
            shared.board.show(Arc::clone(open), self.last_time);
        }
    }

    /// Holds an action's latest state.
    pub(crate) fn hold(&mut self, open: Arc<OpenAction>, shared: &Shared) {
        let (id, agent) = (open.id(), open.action.proposed.agent.id.clone());
        let was_reviewing = self.actions.get(&id).is_some_and(|held| held.action.review().is_some());
        match (was_reviewing, open.action.review().is_some()) {
            (false, true) => shared.history.review_began(&agent),
            (true, false) => shared.history.review_ended(&agent),
            _ => {}
        }
        if open.action.authorization().is_some() || open.action.execution().is_some() {
            shared.history.authorized(&agent, &open.tool(), open.action.proposed.tool.definition);
        }
        if let Some(deadline) = self.actions.get(&id).and_then(|held| held.deadline()) {
            self.deadlines.remove(&(deadline, id));
        }
        if let Some(deadline) = open.deadline() {
            self.deadlines.insert((deadline, id));
        }
        if open.action.is_over() {
            if self.open.remove(&id) {
                self.one_less(&agent);
            }
            self.ended.push_back((open.position(), id));
        } else if self.open.insert(id) {
            *self.open_by_agent.entry(agent).or_default() += 1;
        }
        shared.board.show(Arc::clone(&open), self.last_time);
        self.actions.insert(id, open);
    }

    fn one_less(&mut self, agent: &str) {
        if let Some(count) = self.open_by_agent.get_mut(agent) {
            *count -= 1;
            if *count == 0 {
                self.open_by_agent.remove(agent);
            }
        }
    }

    /// Forgets ended actions that the index answers for from now on: those that it has read whole.
    pub(crate) fn forget_indexed(&mut self, indexed: u64, shared: &Shared) {
        while let Some((position, id)) = self.ended.front().copied() {
            if position >= indexed {
                break;
            }
            self.ended.pop_front();
            // An unknown outcome that was known later stands in the queue twice; the later place counts.
            if self.actions.get(&id).is_some_and(|open| open.position() <= position)
                && let Some(open) = self.actions.remove(&id)
            {
                // A proposal that is being made ready may have asked the index before this action was there: its name stays
                // known for a while, and such a proposal asks again.
                self.forgotten.extend(open.names().map(|name| (self.last_time, name)));
                shared.board.forget(id);
            }
        }
        let now = self.last_time;
        while self.forgotten.front().is_some_and(|(then, _)| now.since(*then) > NAMES_KEPT_US) {
            if let Some((_, name)) = self.forgotten.pop_front() {
                self.requests.remove(&name);
            }
        }
    }
}
