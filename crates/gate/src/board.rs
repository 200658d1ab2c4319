//! What is durable, for everyone but the writer to look at, and the bell that rings when it changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_evidence::action::{Denial, Stage};
use countersign_evidence::time::Timestamp;
use parking_lot::RwLock;
use tokio::sync::watch;
use uuid::Uuid;

use crate::open_action::{Identity, OpenAction};

/// Most denials that are kept for who was not there to hear them.
const MOST_UNHEARD: usize = 10_000;
/// Seconds for which they are: who asks later asks people again.
const NEWS_S: i64 = 900;

/// Open actions, and ended ones until the index has read them, as of the last commit.
#[derive(Default)]
pub(crate) struct Board {
    slots: RwLock<Slots>,
}

#[derive(Default)]
struct Slots {
    actions: HashMap<Uuid, Slot>,
    /// Open actions by what was proposed, for redemption.
    identities: HashMap<Identity, Vec<Uuid>>,
    requests: HashMap<(Uuid, String), Uuid>,
    /// Denials by people that no caller was there to hear, for who asks the same again.
    unheard: HashMap<Identity, Unheard>,
    /// Actions that a hook proposed, by key and the client's id of the call: the enforcement point behind it sees that call too.
    hooked: HashMap<(Uuid, String), Uuid>,
}

struct Slot {
    sender: watch::Sender<Arc<OpenAction>>,
    waiting: Arc<AtomicUsize>,
    /// The request that took it over last and has not started it.
    taken_by: Option<String>,
}

/// A denial that its caller was not there to hear.
struct Unheard {
    action: Uuid,
    at: Timestamp,
    /// The request that was told: asked again, it hears the same.
    told: Option<String>,
}

impl Unheard {
    fn is_news(&self, now: Timestamp) -> bool {
        now < self.at.plus_seconds(NEWS_S)
    }
}

/// Counts a caller that holds its client while an action waits.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Board {
    pub(crate) fn get(&self, action: Uuid) -> Option<Arc<OpenAction>> {
        self.slots.read().actions.get(&action).map(|slot| Arc::clone(&slot.sender.borrow()))
    }

    /// All that are held here.
    pub(crate) fn all(&self) -> Vec<Arc<OpenAction>> {
        self.slots.read().actions.values().map(|slot| Arc::clone(&slot.sender.borrow())).collect()
    }

    pub(crate) fn by_request(&self, key: Uuid, request_id: &str) -> Option<Arc<OpenAction>> {
        let slots = self.slots.read();
        let action = slots.requests.get(&(key, request_id.to_owned()))?;
        slots.actions.get(action).map(|slot| Arc::clone(&slot.sender.borrow()))
    }

    /// An identical action that still waits, or was approved and not started, and that no caller holds. The oldest.
    pub(crate) fn redeemable(&self, identity: &Identity) -> Option<Arc<OpenAction>> {
        let slots = self.slots.read();
        let candidates = slots.identities.get(identity)?.iter().filter_map(|action| slots.actions.get(action));
        candidates
            .filter(|slot| slot.waiting.load(Ordering::Acquire) == 0)
            .map(|slot| Arc::clone(&slot.sender.borrow()))
            .find(|open| matches!(open.action.stage, Stage::Reviewing(_) | Stage::Authorized(_)))
    }

    /// The open action that a hook of the same key and agent proposed for this call of its client.
    pub(crate) fn hooked(&self, key: Uuid, agent: &str, call_id: &str) -> Option<Arc<OpenAction>> {
        let slots = self.slots.read();
        let action = slots.hooked.get(&(key, call_id.to_owned()))?;
        let open = slots.actions.get(action).map(|slot| Arc::clone(&slot.sender.borrow()))?;
        let is_open = matches!(open.action.stage, Stage::Reviewing(_) | Stage::Authorized(_));
        (is_open && open.action.proposed.agent.id == agent).then_some(open)
    }

    /// A request has taken the action over and not started it: asked again, it names the same action. The start puts that on
    /// record; until then an identical request takes the action over again.
    pub(crate) fn take_over(&self, action: Uuid, key: Uuid, request_id: &str) {
        let slots = &mut *self.slots.write();
        let Some(slot) = slots.actions.get_mut(&action) else { return };
        let recorded = |name: &str| slot.sender.borrow().action.request_ids().any(|known| known == name);
        if recorded(request_id) {
            return;
        }
        if let Some(before) = slot.taken_by.take().filter(|before| !recorded(before)) {
            slots.requests.remove(&(key, before));
        }
        slot.taken_by = Some(request_id.to_owned());
        slots.requests.insert((key, request_id.to_owned()), action);
    }

    /// An identical action that people denied while its caller was away: for the first request that asks after it, however often.
    pub(crate) fn unheard_denial(&self, identity: &Identity, request_id: &str, now: Timestamp) -> Option<Uuid> {
        // Mostly there is none, and nobody has to wait for that.
        self.slots.read().unheard.get(identity)?;
        let mut slots = self.slots.write();
        let denial = slots.unheard.get_mut(identity).filter(|denial| denial.is_news(now))?;
        let told = denial.told.get_or_insert_with(|| request_id.to_owned());
        (told == request_id).then_some(denial.action)
    }

    /// The caller has seen how this action ended.
    pub(crate) fn heard(&self, open: &OpenAction) {
        let is_this =
            |slots: &Slots| slots.unheard.get(&open.identity).is_some_and(|denial| denial.action == open.id());
        if is_this(&self.slots.read()) {
            let mut slots = self.slots.write();
            if is_this(&slots) {
                slots.unheard.remove(&open.identity);
            }
        }
    }

    /// People, or the policy, may see it otherwise by now: what was denied before is asked about anew.
    pub(crate) fn forget_denials(&self) {
        self.slots.write().unheard.clear();
    }

    /// Shows a committed state, as of then, and wakes who waits for it.
    pub(crate) fn show(&self, open: Arc<OpenAction>, at: Timestamp) {
        let slots = &mut *self.slots.write();
        let id = open.id();
        if open.action.authorization().is_some() || open.action.execution().is_some() {
            slots.unheard.remove(&open.identity);
        }
        if let Some(slot) = slots.actions.get(&id) {
            let was_reviewing = matches!(slot.sender.borrow().action.stage, Stage::Reviewing(_));
            let denied = matches!(open.action.stage, Stage::Denied(Denial::Reviewer | Denial::Expired));
            if was_reviewing && denied && slot.waiting.load(Ordering::Acquire) == 0 {
                slots.unheard.retain(|_, denial| denial.is_news(at));
                if slots.unheard.len() < MOST_UNHEARD {
                    slots.unheard.insert(open.identity, Unheard { action: id, at, told: None });
                }
            }
            slots.requests.extend(open.names().skip(1).map(|name| (name, id)));
            slot.sender.send_replace(open);
            return;
        }
        slots.requests.extend(open.names().map(|name| (name, id)));
        slots.identities.entry(open.identity).or_default().push(id);
        slots.hooked.extend(open.hooked_call().map(|call| (call, id)));
        slots.actions.insert(id, Slot { sender: watch::Sender::new(open), waiting: Arc::default(), taken_by: None });
    }

    /// Forgets an action that the index answers for from now on.
    pub(crate) fn forget(&self, action: Uuid) {
        let slots = &mut *self.slots.write();
        let Some(slot) = slots.actions.remove(&action) else { return };
        let open = Arc::clone(&slot.sender.borrow());
        let taken_by = slot.taken_by.map(|request_id| (open.identity.key, request_id));
        for name in open.names().chain(taken_by) {
            slots.requests.remove(&name);
        }
        if let Some(call) = open.hooked_call().filter(|call| slots.hooked.get(call) == Some(&action)) {
            slots.hooked.remove(&call);
        }
        if let Some(same) = slots.identities.get_mut(&open.identity) {
            same.retain(|id| *id != action);
            if same.is_empty() {
                slots.identities.remove(&open.identity);
            }
        }
    }

    /// Waits until people have decided, at most so long; then the state by then. `None`: it is not held here. A caller holds its
    /// client meanwhile; anybody else only looks on.
    pub(crate) async fn wait(&self, action: Uuid, by: Uuid, most: Duration) -> Option<Arc<OpenAction>> {
        let (mut receiver, waiting) = {
            let slots = self.slots.read();
            let slot = slots.actions.get(&action)?;
            let is_caller = slot.sender.borrow().identity.key == by;
            let waiting = is_caller.then(|| {
                slot.waiting.fetch_add(1, Ordering::AcqRel);
                Waiting(Arc::clone(&slot.waiting))
            });
            (slot.sender.subscribe(), waiting)
        };
        let undecided = |open: &Arc<OpenAction>| matches!(open.action.stage, Stage::Reviewing(_));
        let _ = tokio::time::timeout(most, receiver.wait_for(|open| !undecided(open))).await;
        // Before the last look: what comes after it nobody has heard.
        drop(waiting);
        let open = Arc::clone(&receiver.borrow());
        Some(open)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.read().actions.len()
    }
}
