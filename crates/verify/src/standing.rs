//! Standing approvals: each use of one falls under what was granted.

use std::collections::HashMap;

use countersign_evidence::action::Action;
use countersign_evidence::record::{ActorKind, Body, Envelope, ReviewStandingUsed, StandingGranted};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

#[derive(Debug)]
struct Granted {
    what: StandingGranted,
    person: String,
    at: Timestamp,
    used: u32,
    revoked: bool,
}

/// The standing approvals of a log, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Standing(HashMap<Uuid, Granted>);

impl Standing {
    /// Takes a record about the system.
    pub(crate) fn note(&mut self, envelope: &Envelope) -> Option<&'static str> {
        match &envelope.body {
            Body::StandingGranted(what) => {
                if envelope.actor.kind != ActorKind::Reviewer || what.rules.is_empty() || what.until <= envelope.time {
                    return Some("a reviewer grants it, for a rule and for a time to come");
                }
                let (what, person) = (what.clone(), envelope.actor.id.clone());
                let new = Granted { what, person, at: envelope.time, used: 0, revoked: false };
                let before = self.0.insert(new.what.standing, new);
                before.map(|_| "its id is that of an earlier standing approval")
            }
            Body::StandingRevoked(revoked) => match self.0.get_mut(&revoked.standing) {
                Some(granted) => {
                    granted.revoked = true;
                    None
                }
                None => Some("no earlier record grants it"),
            },
            _ => None,
        }
    }

    /// Takes a use, which `action` has just taken.
    pub(crate) fn used(&mut self, used: &ReviewStandingUsed, action: &Action, time: Timestamp) -> Option<&'static str> {
        let Some(granted) = self.0.get_mut(&used.standing) else {
            return Some("no earlier record grants its standing approval");
        };
        granted.used += 1;
        let (what, proposed) = (&granted.what, &action.proposed);
        let lasts_s = u64::try_from(what.until.since(granted.at) / 1_000_000).unwrap_or(u64::MAX);
        let fills = action.review().map(|review| review.open_to_standing(&used.groups, &what.rules, lasts_s));
        if granted.revoked || time >= what.until {
            Some("its standing approval was revoked or had ended")
        } else if used.number != granted.used || used.number > what.uses {
            Some("its standing approval was used as often as it may be, or its number is not the next one")
        } else if granted.person != used.person {
            Some("another person granted its standing approval")
        } else if what.agent != proposed.agent.id
            || what.tool != proposed.tool
            || what.environment != action.environment
        {
            Some("its standing approval is for another agent, tool or environment")
        } else if !fills.is_some_and(|fills| used.requirements.iter().all(|rule| fills.contains(rule))) {
            Some("its standing approval fills no seat of that rule, or lasts longer than the rule lets it")
        } else {
            None
        }
    }
}
