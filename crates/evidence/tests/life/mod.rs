//! The life of an action as `docs/evidence-format.md` §6 tells it, written down a second time and without `Action`.

use countersign_evidence::digest::Digest;
use countersign_evidence::record::*;
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

/// An approval.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    person: String,
    groups: Vec<String>,
    digest: Digest,
    /// The rules that it is for, where it was given in advance.
    only: Option<Vec<String>>,
}

/// A requirement.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    pub(crate) rule: String,
    groups: Vec<String>,
    quorum: u32,
    standing: bool,
}

/// What the rules need to know about an action.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) stage: &'static str,
    /// Digests by version.
    pub(crate) payloads: Vec<Digest>,
    pub(crate) policy: Option<PolicyRef>,
    pub(crate) demands: Vec<Demand>,
    /// Questions that nobody has answered.
    pub(crate) questions: Vec<Uuid>,
    pub(crate) review_ends: Timestamp,
    pub(crate) seats: Vec<Seat>,
    /// (version, digest, end)
    pub(crate) authorization: Option<(u32, Digest, Timestamp)>,
    pub(crate) attempt: String,
    pub(crate) deadline: Timestamp,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) refusals: u32,
    pub(crate) request_id: String,
}

impl Life {
    pub(crate) fn new(payload: Digest) -> Self {
        Life {
            stage: "proposed",
            payloads: vec![payload],
            policy: None,
            demands: Vec::new(),
            questions: Vec::new(),
            review_ends: Timestamp::default(),
            seats: Vec::new(),
            authorization: None,
            attempt: String::new(),
            deadline: Timestamp::default(),
            outcome: None,
            refusals: 0,
            request_id: "r".to_owned(),
        }
    }

    pub(crate) fn version(&self) -> u32 {
        self.payloads.len() as u32 - 1
    }

    pub(crate) fn payload(&self) -> Digest {
        *self.payloads.last().unwrap()
    }

    /// The rules that a member of `groups` may decide.
    pub(crate) fn rules_for(&self, groups: &[String]) -> Vec<String> {
        let open = self.demands.iter().filter(|one| one.groups.iter().any(|group| groups.contains(group)));
        open.map(|one| one.rule.clone()).collect()
    }

    /// Those of them whose seats a standing approval fills.
    pub(crate) fn standing_for(&self, groups: &[String]) -> Vec<String> {
        let mut fills = self.rules_for(groups);
        fills.retain(|rule| self.demands.iter().any(|one| one.rule == *rule && one.standing));
        fills
    }

    fn satisfied(&self) -> bool {
        self.demands.iter().all(|one| {
            let of_group = |seat: &&Seat| one.groups.iter().any(|group| seat.groups.contains(group));
            let for_it = |seat: &&Seat| seat.only.as_ref().is_none_or(|rules| rules.contains(&one.rule));
            self.seats.iter().filter(of_group).filter(for_it).count() >= one.quorum as usize
        })
    }

    /// Takes a record whose place in the chain is right; `false` where §6 does not allow it.
    pub(crate) fn take(&mut self, envelope: &Envelope) -> bool {
        let reviewing = self.stage == "in review";
        match &envelope.body {
            Body::ActionDecided(body) => self.decided(body),
            Body::ReviewPresented(body) => reviewing && body.payload_version == self.version(),
            Body::ReviewDecided(body) => reviewing && self.reviewed(body, envelope),
            Body::ReviewStandingUsed(body) => reviewing && self.standing_used(body, envelope),
            Body::ReviewAsked(body) => {
                let new = !self.questions.contains(&body.question);
                let may = reviewing && new && envelope.actor.kind == ActorKind::Reviewer;
                self.questions.extend(may.then_some(body.question));
                may
            }
            Body::ReviewAnswered(body) => {
                let ours = [ActorKind::Agent, ActorKind::Gateway].contains(&envelope.actor.kind);
                let open = self.questions.iter().position(|question| *question == body.question);
                let open = open.filter(|_| reviewing && ours);
                open.map(|at| self.questions.remove(at)).is_some()
            }
            Body::ReviewHandedOver(_) => reviewing && envelope.actor.kind == ActorKind::Reviewer,
            Body::ReviewEscalated(body) => {
                for one in self.demands.iter_mut().filter(|_| reviewing) {
                    one.groups.extend(body.groups.iter().cloned());
                }
                reviewing
            }
            Body::ReviewExpired(_) => reviewing && envelope.time >= self.review_ends && self.go("denied"),
            Body::ReviewCancelled(_) => reviewing && self.go("closed"),
            Body::ActionAuthorized(body) => self.authorized(body, envelope),
            Body::ExecutionStarted(body) => self.started(body, envelope),
            Body::ExecutionRefused(_) => {
                let known = self.stage != "proposed";
                self.refusals += u32::from(known);
                known
            }
            Body::ExecutionFinished(body) => self.finished(body, envelope),
            Body::ExecutionResolved(body) => {
                let open = self.stage == "finished" && self.outcome == Some(Outcome::Unknown);
                if open {
                    self.outcome = Some(body.outcome);
                }
                open
            }
            Body::ActionClosed(_) => {
                ["proposed", "allowed", "in review", "edited", "authorized"].contains(&self.stage) && self.go("closed")
            }
            Body::Unknown { .. } => true,
            _ => false,
        }
    }

    fn go(&mut self, stage: &'static str) -> bool {
        self.stage = stage;
        true
    }

    fn decided(&mut self, body: &ActionDecided) -> bool {
        let may = ["proposed", "edited", "in review", "authorized"].contains(&self.stage);
        let clean = body.errors.is_empty() || body.decision == Decision::Deny;
        let demand = body.review.as_ref().map(|review| review.requirements.len());
        let fits = match body.decision {
            Decision::Review => demand.is_some_and(|count| count > 0),
            _ => demand.is_none(),
        };
        if !may || !clean || !fits || body.payload_version != self.version() {
            return false;
        }
        self.policy = Some(body.policy_set.clone());
        let payload = self.payload();
        self.seats.retain(|seat| seat.digest == payload && seat.only.is_none());
        if let Some(review) = &body.review {
            let demands = review.requirements.iter();
            let demand = |one: &Requirement| Demand {
                rule: one.rule.clone(),
                groups: one.groups.clone(),
                quorum: one.quorum,
                standing: one.standing_s.is_some(),
            };
            self.demands = demands.map(demand).collect();
            self.review_ends = review.expires_at;
            self.questions.clear();
        }
        self.go(match body.decision {
            Decision::Deny => "denied",
            Decision::Allow => "allowed",
            Decision::Review => "in review",
        })
    }

    fn reviewed(&mut self, body: &ReviewDecided, envelope: &Envelope) -> bool {
        let person = envelope.actor.id.clone();
        let rules = self.rules_for(&body.groups);
        if envelope.actor.kind != ActorKind::Reviewer
            || envelope.time >= self.review_ends
            || rules.is_empty()
            || rules != body.requirements
        {
            return false;
        }
        let same = body.payload_version == self.version() && body.payload == self.payload();
        if body.verdict == Verdict::Deny {
            return same && self.go("denied");
        }
        if body.payload_version == self.version() + 1 && envelope.sealed.get("payload") == Some(&body.payload) {
            self.payloads.push(body.payload);
            self.seats = vec![Seat { person, groups: body.groups.clone(), digest: body.payload, only: None }];
            return self.go("edited");
        }
        let new = self.seats.iter().all(|seat| seat.person != person || seat.only.is_some());
        if !same || !new || envelope.sealed.contains_key("payload") {
            return false;
        }
        self.seats.retain(|seat| seat.person != person);
        self.seats.push(Seat { person, groups: body.groups.clone(), digest: body.payload, only: None });
        true
    }

    fn standing_used(&mut self, body: &ReviewStandingUsed, envelope: &Envelope) -> bool {
        let mut fills = self.standing_for(&body.groups);
        fills.retain(|rule| body.requirements.contains(rule));
        let same = body.payload_version == self.version() && body.payload == self.payload();
        let new = self.seats.iter().all(|seat| seat.person != body.person);
        if envelope.time >= self.review_ends || fills.is_empty() || fills != body.requirements || !same || !new {
            return false;
        }
        let only = Some(fills);
        self.seats.push(Seat { person: body.person.clone(), groups: body.groups.clone(), digest: body.payload, only });
        true
    }

    fn authorized(&mut self, body: &ActionAuthorized, envelope: &Envelope) -> bool {
        let by = match body.by {
            AuthorizedBy::Policy => self.stage == "allowed",
            AuthorizedBy::Review | AuthorizedBy::Standing => {
                let looked = self.seats.iter().any(|seat| seat.only.is_none());
                self.stage == "in review" && self.satisfied() && looked == (body.by == AuthorizedBy::Review)
            }
        };
        let same = body.payload == self.payload() && body.payload_version == self.version();
        if !by || !same || body.expires_at <= envelope.time || self.policy.as_ref() != Some(&body.policy_set) {
            return false;
        }
        self.authorization = Some((body.payload_version, body.payload, body.expires_at));
        self.go("authorized")
    }

    fn started(&mut self, body: &ExecutionStarted, envelope: &Envelope) -> bool {
        let Some((version, digest, end)) = self.authorization.filter(|_| self.stage == "authorized") else {
            return false;
        };
        let exact = (body.matches == Match::Exact) == (version == 0);
        let same = body.payload_version == version && envelope.sealed.get("payload") == Some(&digest);
        let redeemed = match body.redeemed_by.as_deref() {
            None => !envelope.sealed.contains_key("context"),
            Some(request_id) => request_id != self.request_id,
        };
        self.attempt.clone_from(&body.attempt);
        self.deadline = body.deadline;
        same && redeemed && exact && envelope.time < end && self.go("executing")
    }

    fn finished(&mut self, body: &ExecutionFinished, envelope: &Envelope) -> bool {
        let by_gate = envelope.actor.kind == ActorKind::System;
        let too_soon = by_gate && body.outcome == Outcome::Unknown && envelope.time < self.deadline;
        let first = self.stage == "executing" && !body.late;
        let late = self.stage == "finished"
            && self.outcome == Some(Outcome::Unknown)
            && body.late
            && body.outcome != Outcome::Unknown;
        if !(first || late) || body.attempt != self.attempt || too_soon {
            return false;
        }
        self.outcome = Some(body.outcome);
        self.go("finished")
    }
}
