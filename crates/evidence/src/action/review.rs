use uuid::Uuid;

use super::{Action, ApplyError, Denial, Stage, broken};
use crate::digest::Digest;
use crate::record::*;
use crate::time::Timestamp;

/// One reviewer's approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The reviewer's opaque id.
    pub person: String,
    /// The reviewer's groups at that time.
    pub groups: Vec<String>,
    /// Digest of the payload that was approved. An approval counts for that payload alone.
    pub payload: Digest,
    /// When.
    pub at: Timestamp,
    /// How it is signed.
    pub signature: Option<Signing>,
    /// Where it was given in advance.
    pub standing: Option<InAdvance>,
}

/// An approval that was given in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InAdvance {
    /// The standing approval.
    pub standing: Uuid,
    /// The rules whose seats it fills.
    pub requirements: Vec<String>,
}

impl Approval {
    /// Whether it may fill a seat of this requirement.
    fn counts_for(&self, requirement: &Requirement) -> bool {
        let asked_about = |one: &InAdvance| one.requirements.contains(&requirement.rule);
        counts(&self.groups, requirement)
            && is_signed_for(requirement, self.signature)
            && self.standing.as_ref().is_none_or(asked_about)
    }
}

/// People are being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Every requirement must be satisfied.
    pub demand: ReviewDemand,
    /// The approvals of the payload in question.
    pub approvals: Vec<Approval>,
    /// The questions to the agent's side that nobody has answered.
    pub questions: Vec<Uuid>,
}

impl Review {
    /// The approvals that fill seats of one requirement: distinct people who were in one of its groups, signed where it asks
    /// for that.
    pub fn seats<'a>(&'a self, requirement: &'a Requirement) -> impl Iterator<Item = &'a Approval> {
        self.approvals.iter().filter(move |approval| approval.counts_for(requirement))
    }

    /// Whether every requirement has its quorum.
    pub fn satisfied(&self) -> bool {
        self.demand.requirements.iter().all(|requirement| {
            usize::try_from(requirement.quorum).is_ok_and(|quorum| self.seats(requirement).count() >= quorum)
        })
    }

    /// Whether all approvals were given in advance: nobody looked at it.
    pub fn in_advance(&self) -> bool {
        !self.approvals.is_empty() && self.approvals.iter().all(|approval| approval.standing.is_some())
    }

    /// The rules of `rules` whose seats a standing approval of a member of `groups` fills that lasts so many seconds.
    pub fn open_to_standing(&self, groups: &[String], rules: &[String], lasts_s: u64) -> Vec<String> {
        let lets = |one: &&Requirement| one.standing_s.is_some_and(|most| lasts_s <= most) && one.signature.is_none();
        let may = self.demand.requirements.iter().filter(lets).filter(|one| counts(groups, one));
        may.filter(|one| rules.contains(&one.rule)).map(|one| one.rule.clone()).collect()
    }

    /// The rules that a member of `groups` may decide. An approval counts for those that ask for a signature only where it
    /// has one; a denial needs none.
    pub fn open_to(&self, groups: &[String], verdict: Verdict, signature: Option<Signing>) -> Vec<String> {
        let may = self.demand.requirements.iter().filter(|requirement| counts(groups, requirement));
        let may = may.filter(|requirement| verdict == Verdict::Deny || is_signed_for(requirement, signature));
        may.map(|requirement| requirement.rule.clone()).collect()
    }
}

fn is_signed_for(requirement: &Requirement, signature: Option<Signing>) -> bool {
    requirement.signature.is_none() || requirement.signature == signature
}

fn counts(groups: &[String], requirement: &Requirement) -> bool {
    groups.iter().any(|group| requirement.groups.contains(group))
}

impl Action {
    /// A reviewer answered.
    pub(super) fn reviewed(
        &self,
        review: &Review,
        decided: &ReviewDecided,
        envelope: &Envelope,
    ) -> Result<Stage, ApplyError> {
        let rule = |rule| Err(broken(envelope, rule));
        if envelope.actor.kind != ActorKind::Reviewer {
            return rule("only a reviewer decides a review");
        }
        if envelope.time >= review.demand.expires_at {
            return rule("the review has expired");
        }
        if decided.signature.is_some() != envelope.sealed.contains_key("signature")
            || decided.signature.is_some() && Statement::of(self.id, decided).is_none()
        {
            return rule("a signed answer holds its signature, and names what it states");
        }
        if decided.meaning.is_some_and(|meaning| meaning != Meaning::of(decided.verdict, self.is_edit(decided))) {
            return rule("it means something else than it says");
        }
        if decided.requirements.is_empty()
            || decided.requirements != review.open_to(&decided.groups, decided.verdict, decided.signature)
        {
            return rule("its requirements are those that the reviewer's groups may decide");
        }
        if decided.verdict == Verdict::Deny {
            return match decided.payload == self.payload() && decided.payload_version == self.payload_version() {
                true => Ok(Stage::Denied(Denial::Reviewer)),
                false => rule("it judges another payload than the one in question"),
            };
        }
        let approval = Approval {
            person: envelope.actor.id.clone(),
            groups: decided.groups.clone(),
            payload: decided.payload,
            at: envelope.time,
            signature: decided.signature,
            standing: None,
        };
        if decided.payload_version == self.payload_version() {
            return self.approved(review, approval, envelope);
        }
        if Some(decided.payload_version) != self.payload_version().checked_add(1) {
            return rule("an edit makes the next payload version");
        }
        if envelope.sealed.get("payload") != Some(&decided.payload) {
            return rule("an edit seals the payload that it judges");
        }
        Ok(Stage::Edited(approval))
    }

    /// Whether the answer judges another payload than the one that was shown.
    fn is_edit(&self, decided: &ReviewDecided) -> bool {
        decided.payload_version != self.payload_version()
    }

    /// A reviewer asks the agent's side.
    pub(super) fn asked(
        &self,
        review: &Review,
        asked: &ReviewAsked,
        envelope: &Envelope,
    ) -> Result<Review, ApplyError> {
        let mut review = review.clone();
        if envelope.actor.kind != ActorKind::Reviewer || review.questions.contains(&asked.question) {
            return Err(broken(envelope, "only a reviewer asks, each question once"));
        }
        review.questions.push(asked.question);
        Ok(review)
    }

    /// The agent's side answers.
    pub(super) fn answered(
        &self,
        review: &Review,
        answered: &ReviewAnswered,
        envelope: &Envelope,
    ) -> Result<Review, ApplyError> {
        let mut review = review.clone();
        let open = review.questions.len();
        review.questions.retain(|question| *question != answered.question);
        let ours = matches!(envelope.actor.kind, ActorKind::Agent | ActorKind::Gateway);
        match ours && review.questions.len() < open {
            true => Ok(review),
            false => Err(broken(envelope, "the agent's side answers a question that is open")),
        }
    }

    /// After its time, a requirement is open to the groups that the demand names for then.
    pub(super) fn escalated(
        &self,
        review: &Review,
        escalated: &ReviewEscalated,
        envelope: &Envelope,
    ) -> Result<Review, ApplyError> {
        let mut review = review.clone();
        let concerned = |one: &Requirement| escalated.rule.as_ref().is_none_or(|rule| *rule == one.rule);
        let mut found = false;
        for requirement in review.demand.requirements.iter_mut().filter(|one| concerned(one)) {
            found = true;
            if escalated.rule.is_some() {
                let due = |one: &Escalation| envelope.time >= one.at && one.groups == escalated.groups;
                if !requirement.escalation.as_ref().is_some_and(due) {
                    return Err(broken(envelope, "it escalates otherwise than its rule says"));
                }
                requirement.escalation = None;
            }
            for group in &escalated.groups {
                if !requirement.groups.contains(group) {
                    requirement.groups.push(group.clone());
                }
            }
        }
        match found {
            true => Ok(review),
            false => Err(broken(envelope, "it escalates a rule that does not ask for this review")),
        }
    }

    fn approved(&self, review: &Review, approval: Approval, envelope: &Envelope) -> Result<Stage, ApplyError> {
        if approval.payload != self.payload() || envelope.sealed.contains_key("payload") {
            return Err(broken(envelope, "it judges another payload than the one in question"));
        }
        let mut review = review.clone();
        // Who looks at it after all takes the place of what it said in advance.
        if approval.standing.is_none() {
            review.approvals.retain(|held| held.person != approval.person || held.standing.is_none());
        }
        if review.approvals.iter().any(|held| held.person == approval.person) {
            return Err(broken(envelope, "one person fills one seat"));
        }
        review.approvals.push(approval);
        Ok(Stage::Reviewing(review))
    }

    /// A standing approval fills its reviewer's seat.
    pub(super) fn approved_in_advance(
        &self,
        review: &Review,
        used: &ReviewStandingUsed,
        envelope: &Envelope,
    ) -> Result<Stage, ApplyError> {
        if envelope.time >= review.demand.expires_at {
            return Err(broken(envelope, "the review has expired"));
        }
        if used.payload_version != self.payload_version() {
            return Err(broken(envelope, "it covers another payload than the one in question"));
        }
        let fills = review.open_to_standing(&used.groups, &used.requirements, 0);
        if fills.is_empty() || fills != used.requirements {
            return Err(broken(envelope, "its requirements are such that a standing approval of these groups fills"));
        }
        let standing = Some(InAdvance { standing: used.standing, requirements: fills });
        let approval = Approval {
            person: used.person.clone(),
            groups: used.groups.clone(),
            payload: used.payload,
            at: envelope.time,
            signature: None,
            standing,
        };
        self.approved(review, approval, envelope)
    }

    /// Approvals of the payload in question that a new decision keeps: those of people who looked. What was said in advance
    /// was said under the policy of before.
    pub(super) fn kept_approvals(&self) -> Vec<Approval> {
        let held = match &self.stage {
            Stage::Reviewing(review) => review.approvals.clone(),
            Stage::Edited(approval) => vec![approval.clone()],
            Stage::Authorized(authorization) => authorization.approvals.clone(),
            _ => Vec::new(),
        };
        let kept = |approval: &Approval| approval.payload == self.payload() && approval.standing.is_none();
        held.into_iter().filter(kept).collect()
    }
}
