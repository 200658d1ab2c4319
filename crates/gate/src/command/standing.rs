use std::sync::Arc;

use countersign_evidence::record::ReviewStandingUsed;
use uuid::Uuid;

use super::Answer;
use crate::draft::{Draft, system};
use crate::error::GateError;
use crate::open_action::OpenAction;
use crate::standing::{Covered, Grant};
use crate::turn::Turn;

/// What is to become of a standing approval.
pub(crate) enum StandingChange {
    Grant { draft: Draft, grant: Box<Grant> },
    Revoke { draft: Draft, standing: Uuid },
}

impl Turn<'_> {
    pub(super) fn change_standing(&mut self, change: &StandingChange) -> Result<Answer, GateError> {
        match change {
            StandingChange::Grant { draft, grant } => {
                // Nothing more is sealed about somebody who was erased.
                if grant.person.parse().is_ok_and(|person| self.is_closing(person)) {
                    return Err(GateError::NotAReviewer("this person was erased".to_owned()));
                }
                let position = self.system(draft.clone())?;
                self.put_standing(Grant { at: self.time, ..Grant::clone(grant) });
                Ok(Answer::Position(position))
            }
            StandingChange::Revoke { draft, standing } => {
                let grant = self.standing(*standing).filter(|grant| grant.revoked.is_none());
                let grant = grant.ok_or(GateError::NotFound("standing approval that was not revoked"))?;
                let mut grant = Grant::clone(grant);
                let position = self.system(draft.clone())?;
                grant.revoked = Some(self.time);
                self.put_standing(grant);
                Ok(Answer::Position(position))
            }
        }
    }

    /// What goes with erased keys goes from what is held in memory, too.
    pub(super) fn forget_in_standing(&mut self, subjects: &[Uuid]) {
        for left in self.standing_without(subjects) {
            self.put_standing(left);
        }
    }

    /// Fills the seats of those who had approved in advance, as long as one is missing.
    pub(super) fn use_standing(&mut self, open: &mut OpenAction, covered: &[Covered]) -> Result<(), GateError> {
        for one in covered {
            let Some(grant) = self.standing(one.standing).map(Arc::clone) else { continue };
            let erased = grant.person.parse().is_ok_and(|person| self.is_closing(person));
            if erased || !grant.in_force(self.time) {
                continue;
            }
            let Some(review) = open.action.review() else { return Ok(()) };
            let mut requirements = review.open_to_standing(&one.groups, &grant.granted.rules, grant.lasts_s());
            let missing = |rule: &String| {
                let mut asked = review.demand.requirements.iter().filter(|requirement| requirement.rule == *rule);
                asked.any(|requirement| review.seats(requirement).count() < requirement.quorum as usize)
            };
            requirements.retain(missing);
            if requirements.is_empty() || review.approvals.iter().any(|approval| approval.person == grant.person) {
                continue;
            }
            let mut grant = Grant::clone(&grant);
            grant.used += 1;
            let used = ReviewStandingUsed {
                standing: one.standing,
                number: grant.used,
                person: grant.person.clone(),
                groups: one.groups.clone(),
                requirements,
                payload_version: open.action.payload_version(),
                payload: open.action.payload(),
            };
            self.add(open, Draft::plain(self.shared.new_id(), system(), used))?;
            self.put_standing(grant);
        }
        Ok(())
    }
}
