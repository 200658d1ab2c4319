//! Who decides, and what that person must not decide.

use countersign_evidence::record::{Isolation, Role, Separation, Strength};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;
use crate::open_action::{OpenAction, Requester};
use crate::shared::Shared;

/// Who decides, as it is recorded.
pub(crate) struct Reviewer {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The groups that count: its own, or those of the person that it stands in for.
    pub(crate) groups: Vec<String>,
    /// Whom it stands in for.
    pub(crate) on_behalf_of: Option<Uuid>,
    /// Identities under which it, and whom it stands in for, may have asked.
    identities: Vec<String>,
    /// The owner alone, by configuration.
    pub(crate) solo: bool,
}

impl Gate {
    /// Who this caller is as a reviewer, with the groups of `absent` where it says so.
    pub(crate) fn reviewer(&self, caller: &Caller, absent: Option<Uuid>) -> Result<Reviewer, GateError> {
        match &caller.person {
            Some(person) if caller.has(Role::Reviewer) => {
                let mut identities = vec![person.id.to_string()];
                identities.extend(person.user.clone());
                let mut groups = person.groups.clone();
                if let Some(absent) = absent {
                    let now = self.shared.now();
                    let found = person.stands_in(now).find(|one| one.person == absent);
                    let found = found.ok_or_else(|| {
                        GateError::NotAReviewer("that person has not asked you to decide while it is away".to_owned())
                    })?;
                    groups.clone_from(&found.groups);
                    identities.push(found.person.to_string());
                    identities.extend(found.user.clone());
                }
                let (id, name) = (person.id.to_string(), person.name.clone());
                Ok(Reviewer { id, name, groups, on_behalf_of: absent, identities, solo: false })
            }
            Some(_) => Err(GateError::NotAReviewer("reviews are decided by people with the role reviewer".to_owned())),
            None if caller.is_owner() && self.shared.settings().solo => Ok(Reviewer {
                id: "owner".to_owned(),
                name: "the data folder's owner".to_owned(),
                groups: self.review_groups(),
                on_behalf_of: None,
                identities: Vec::new(),
                solo: true,
            }),
            None => Err(GateError::NotAReviewer(
                "reviews are decided by people: sign in to the console, use a reviewer's key (`countersign key create --kind \
                 reviewer`), or turn on `solo` where one developer works alone"
                    .to_owned(),
            )),
        }
    }
}

impl Reviewer {
    /// Whether reviewer and requester are told apart. Under the agent's own user nothing tells a reviewer's key or session
    /// from the agent's reach, but for a passkey that verifies who touches it.
    pub(crate) fn separation(&self, caller: &Caller) -> Separation {
        match caller.isolation {
            _ if self.solo => Separation::None,
            Isolation::SameUser if caller.strength != Strength::MultiFactor => Separation::None,
            _ => Separation::Enforced,
        }
    }
}

impl Shared {
    /// A requester never approves its own action: neither the user behind the agent nor whoever owns the agent, then or now;
    /// nor does anybody in their place.
    pub(crate) fn not_own(&self, open: &OpenAction, reviewer: &Reviewer) -> Result<(), GateError> {
        if reviewer.solo {
            return Ok(());
        }
        let policy = self.policy();
        let agent = policy.catalogue().agents.get(&open.action.proposed.agent.id);
        let owner_now = agent.and_then(|agent| agent.owner.as_deref());
        let requester = &open.requester;
        let owns_now = Requester { owner: owner_now.map(str::to_owned), ..Requester::default() };
        match requester.is_any_of(&reviewer.identities) || owns_now.is_any_of(&reviewer.identities) {
            true => Err(GateError::NotAReviewer("nobody approves an action of their own agent".to_owned())),
            false => Ok(()),
        }
    }
}
