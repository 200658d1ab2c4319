//! What is durable, for everyone but the writer to look at, and the bell that rings when it changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_evidence::action::{Denial, Stage};
use countersign_evidence::time::Timestamp;
use countersign_wire::ActionView;
use parking_lot::RwLock;
use tokio::sync::watch;
use uuid::Uuid;

use crate::open_action::{Identity, OpenAction};

/// Most denials that are kept for who was not there to hear them.
const MOST_UNHEARD: usize = 10_000;

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

/// A denial, as its caller is to be told it.
struct Unheard {
    at: Timestamp,
    view: Box<ActionView>,
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

    /// The denial of an identical action that its caller has not heard: told once, and not later than this long after it.
    pub(crate) fn unheard_denial(&self, identity: &Identity, now: Timestamp, fresh_s: i64) -> Option<ActionView> {
        // Mostly there is none, and nobody has to wait for that.
        self.slots.read().unheard.get(identity)?;
        let unheard = self.slots.write().unheard.remove(identity)?;
        (now < unheard.at.plus_seconds(fresh_s)).then_some(*unheard.view)
    }

    /// The caller has seen how this action ended.
    pub(crate) fn heard(&self, open: &OpenAction) {
        let same =
            |slots: &Slots| slots.unheard.get(&open.identity).is_some_and(|denial| denial.view.action == open.id());
        if same(&self.slots.read()) {
            self.slots.write().unheard.remove(&open.identity);
        }
    }

    /// Shows a committed state, as of then, and wakes who waits for it.
    pub(crate) fn show(&self, open: Arc<OpenAction>, at: Timestamp) {
        let slots = &mut *self.slots.write();
        let id = open.id();
        if let Some(slot) = slots.actions.get(&id) {
            let denied = matches!(open.action.stage, Stage::Denied(Denial::Reviewer | Denial::Expired));
            if denied && slot.waiting.load(Ordering::Acquire) == 0 {
                if slots.unheard.len() >= MOST_UNHEARD
                    && let Some(oldest) = slots.unheard.iter().min_by_key(|(_, denial)| denial.at).map(|(key, _)| *key)
                {
                    slots.unheard.remove(&oldest);
                }
                slots.unheard.insert(open.identity, Unheard { at, view: Box::new(open.view()) });
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

    /// Waits until people have decided, at most so long; then the state by then. `None`: it is not held here.
    pub(crate) async fn wait(&self, action: Uuid, most: Duration) -> Option<Arc<OpenAction>> {
        let (mut receiver, _waiting) = {
            let slots = self.slots.read();
            let slot = slots.actions.get(&action)?;
            slot.waiting.fetch_add(1, Ordering::AcqRel);
            (slot.sender.subscribe(), Waiting(Arc::clone(&slot.waiting)))
        };
        let undecided = |open: &Arc<OpenAction>| matches!(open.action.stage, Stage::Reviewing(_));
        let _ = tokio::time::timeout(most, receiver.wait_for(|open| !undecided(open))).await;
        let open = Arc::clone(&receiver.borrow());
        Some(open)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.read().actions.len()
    }
}
