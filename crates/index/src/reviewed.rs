//! What of an action's review a row holds: when people were asked, what each of them did, how it ended. All of it from clear
//! fields but the length of what they had to read.

use countersign_evidence::action::{Action, Denial, Ending, Stage};
use countersign_evidence::record::{AuthorizedBy, Body, Decision, Envelope, ReviewDecided, Verdict};
use countersign_evidence::time::Timestamp;

/// How a review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewEnd {
    /// Everybody who had to agree did.
    Approved,
    /// Everybody who had to agree had done so in advance: nobody looked at it.
    InAdvance,
    /// A reviewer said no, or policy did to what a reviewer had made of it.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The caller gave up, or the action was closed for another reason.
    Cancelled,
}

impl ReviewEnd {
    pub(crate) const ALL: [ReviewEnd; 5] =
        [ReviewEnd::Approved, ReviewEnd::InAdvance, ReviewEnd::Denied, ReviewEnd::Expired, ReviewEnd::Cancelled];
}

/// What a reviewer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewerDid {
    /// Was shown it.
    Saw,
    /// Approved what was proposed.
    Approved,
    /// Approved something else than was proposed.
    Edited,
    /// Denied it.
    Denied,
}

impl ReviewerDid {
    pub(crate) const ALL: [ReviewerDid; 4] =
        [ReviewerDid::Saw, ReviewerDid::Approved, ReviewerDid::Edited, ReviewerDid::Denied];
}

/// One thing that a reviewer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) reviewer: String,
    pub(crate) at: Timestamp,
    pub(crate) did: ReviewerDid,
    pub(crate) active_ms: Option<u64>,
    pub(crate) expanded_all: Option<bool>,
}

/// A review as the records tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reviewed {
    pub(crate) asked: Timestamp,
    pub(crate) rules: Vec<String>,
    pub(crate) presented: Option<Timestamp>,
    pub(crate) ended: Option<(Timestamp, ReviewEnd)>,
    pub(crate) escalated: bool,
    pub(crate) deeds: Vec<Deed>,
}

impl Reviewed {
    /// Takes a record that `action` has just taken.
    pub(crate) fn follow(reviewed: &mut Option<Reviewed>, action: &Action, envelope: &Envelope) {
        let time = envelope.time;
        if let Body::ActionDecided(decided) = &envelope.body
            && decided.decision == Decision::Review
        {
            let asked = decided.review.iter().flat_map(|demand| &demand.requirements);
            let rules = asked.map(|requirement| requirement.rule.clone()).collect();
            match reviewed {
                // Policy is asked again about an edit; people have been asked since the first time.
                Some(reviewed) => reviewed.rules = rules,
                None => *reviewed = Some(Reviewed::asked(time, rules)),
            }
        }
        let Some(reviewed) = reviewed else { return };
        match &envelope.body {
            Body::ReviewPresented(_) => {
                reviewed.presented.get_or_insert(time);
                reviewed.deed(envelope, ReviewerDid::Saw, None);
            }
            Body::ReviewDecided(decided) => {
                let did = match decided.verdict {
                    Verdict::Deny => ReviewerDid::Denied,
                    Verdict::Approve if matches!(action.stage, Stage::Edited(_)) => ReviewerDid::Edited,
                    Verdict::Approve => ReviewerDid::Approved,
                };
                reviewed.deed(envelope, did, Some(decided));
            }
            Body::ReviewEscalated(_) => reviewed.escalated = true,
            _ => {}
        }
        if reviewed.ended.is_none()
            && let Some(end) = end(&action.stage)
        {
            reviewed.ended = Some((time, end));
        }
    }

    fn asked(asked: Timestamp, rules: Vec<String>) -> Self {
        Reviewed { asked, rules, presented: None, ended: None, escalated: false, deeds: Vec::new() }
    }

    fn deed(&mut self, envelope: &Envelope, did: ReviewerDid, decided: Option<&ReviewDecided>) {
        self.deeds.push(Deed {
            reviewer: envelope.actor.id.clone(),
            at: envelope.time,
            did,
            active_ms: decided.and_then(|decided| decided.active_ms),
            expanded_all: decided.and_then(|decided| decided.expanded_all),
        });
    }
}

fn end(stage: &Stage) -> Option<ReviewEnd> {
    match stage {
        Stage::Proposed | Stage::Reviewing(_) | Stage::Edited(_) => None,
        Stage::Denied(Denial::Expired) => Some(ReviewEnd::Expired),
        Stage::Denied(Denial::Reviewer | Denial::Policy) => Some(ReviewEnd::Denied),
        Stage::Closed(Ending::ReviewCancelled | Ending::Closed(_)) => Some(ReviewEnd::Cancelled),
        Stage::Authorized(authorization) if authorization.by == AuthorizedBy::Standing => Some(ReviewEnd::InAdvance),
        Stage::Allowed(_) | Stage::Authorized(_) | Stage::Executing(_) | Stage::Finished(_) => {
            Some(ReviewEnd::Approved)
        }
    }
}
