//! Standing approvals: a reviewer approves in advance what will be like an action that it has seen; so often, until then.

mod grant;
mod restore;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_evidence::key::Key;
use countersign_evidence::record::{ActorKind, Authentication, Decision, Role, StandingGranted, StandingRevoked};
use countersign_evidence::time::Timestamp;
use countersign_journal::KeyKind as OwnerKind;
use countersign_wire::{StandingRequest, StandingView};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Command, StandingChange};
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::gate::{Gate, may_see};
use crate::open_action::OpenAction;
use crate::prepare::{Checked, Prepared};
use crate::review::{HIGH_RISK, Reviewer};

pub(crate) use grant::Grant;

/// All that the gate knows: those in force, and those that ended lately.
pub(crate) type Grants = BTreeMap<Uuid, Arc<Grant>>;

/// Those in force at most.
const MOST: usize = 1_000;
const MOST_USES: u32 = 1_000;
const MOST_REASON: usize = 4_096;
/// How long those that ended are still listed, in seconds.
const LISTED_S: i64 = 30 * 24 * 3_600;

/// Who had approved in advance, and in which groups it is now.
#[derive(Debug, Clone)]
pub(crate) struct Covered {
    pub(crate) standing: Uuid,
    pub(crate) groups: Vec<String>,
}

impl Gate {
    /// A reviewer approves in advance what is like an action that waits for it. That action itself is still to be decided.
    ///
    /// # Errors
    /// [`GateError::NotAReviewer`], [`GateError::StaleReview`], [`GateError::StepUpRequired`]; [`GateError::Invalid`] where
    /// no rule takes a standing approval of this reviewer that lasts so long, or the risk is high.
    pub async fn grant_standing(&self, caller: &Caller, request: StandingRequest) -> Result<StandingView, GateError> {
        let reviewer = self.reviewer(caller, None)?;
        let open = self.shared.board.get(request.action).ok_or(GateError::NotFound("review"))?;
        may_see(caller, &open)?;
        self.shared.not_own(&open, &reviewer)?;
        let (now, reason) = (self.shared.now(), request.reason.trim());
        let lasts_s = u64::try_from(request.until.since(now).max(0) / 1_000_000).unwrap_or(u64::MAX);
        let rules = rules(&open, &reviewer, lasts_s)?;
        if request.until <= now || !(1..=MOST_USES).contains(&request.uses) {
            return Err(GateError::Invalid(format!("it ends in the future and has 1 to {MOST_USES} uses")));
        }
        if reason.is_empty() || reason.len() > MOST_REASON {
            return Err(GateError::Invalid(format!("a standing approval says why, in 1 to {MOST_REASON} bytes")));
        }
        if open.action.payload() != request.payload_digest {
            return Err(GateError::StaleReview(open.id()));
        }
        if !open.shown.iter().any(|shown| shown.person == reviewer.id) {
            return Err(GateError::Invalid("you were not shown this payload: look at it first".to_owned()));
        }
        if open.action.decided.as_ref().is_some_and(|decided| decided.risk.score >= HIGH_RISK) {
            return Err(GateError::Invalid(format!("from a risk of {HIGH_RISK} on people look at every single one")));
        }
        if !request.any_payload && open.edited.is_some() {
            return Err(GateError::Invalid(
                "this payload is a reviewer's: nobody will propose it like that".to_owned(),
            ));
        }
        self.proved_just_now(caller, open.id())?;
        if self.shared.standing.read().values().filter(|grant| grant.in_force(now)).count() >= MOST {
            return Err(GateError::TooMany(format!("{MOST} standing approvals are in force: revoke some first")));
        }
        let proposed = &open.action.proposed;
        let strength = caller.is_session().then_some(caller.strength);
        let body = StandingGranted {
            standing: self.shared.new_id(),
            action: open.id(),
            agent: proposed.agent.id.clone(),
            tool: proposed.tool.clone(),
            environment: open.action.environment.clone(),
            rules,
            groups: reviewer.groups.clone(),
            same_payload: !request.any_payload,
            uses: request.uses,
            until: request.until,
            authentication: Authentication { method: caller.method.to_owned(), session: Some(caller.key), strength },
            separation: reviewer.separation(caller),
            policy: open.action.decided.as_ref().map(|decided| decided.policy_set.version.clone()).unwrap_or_default(),
        };
        let draft = self.grant_draft(&reviewer, &open, &body, reason)?;
        let grant = Grant {
            content: body.same_payload.then_some(open.identity.content),
            subject: body.same_payload.then_some(open.requester.subject),
            granted: body,
            person: reviewer.id.clone(),
            name: reviewer.name.clone(),
            reason: Some(reason.to_owned()),
            at: now,
            used: 0,
            revoked: None,
        };
        let view = grant.view(now);
        self.send(Command::Standing(Box::new(StandingChange::Grant { draft, grant: Box::new(grant) }))).await?;
        Ok(view)
    }

    /// The record. Who grants it lies under its own key; what tells the payload goes with the payload's subject.
    fn grant_draft(
        &self,
        reviewer: &Reviewer,
        open: &OpenAction,
        body: &StandingGranted,
        reason: &str,
    ) -> Result<Draft, GateError> {
        let (person_key_id, person_key) = self.shared.owner_key(OwnerKind::Person, &reviewer.id)?;
        let (own, other) = (Key::generate(self.shared.random()), Key::generate(self.shared.random()));
        let fields = vec![Field::new("name", reviewer.name.as_str()), Field::new("reason", reason)];
        let mut sections = vec![Fields { key: &own, wrapped_by: Some((person_key_id, &person_key)), fields }];
        let subject = self.shared.subject_by_id(open.requester.subject)?;
        if body.same_payload {
            let fields = vec![Field::new("content_digest", open.identity.content.to_string())];
            sections.push(Fields { key: &other, wrapped_by: Some((open.requester.subject, &subject)), fields });
        }
        let by = actor(ActorKind::Reviewer, &reviewer.id);
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        Ok(Draft::sealed(id, by, body.clone(), origin, sections, self.shared.random()))
    }

    /// Those in force, and those that ended within 30 days; the newest first.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn standing(&self, caller: &Caller) -> Result<Vec<StandingView>, GateError> {
        caller.must_look()?;
        let now = self.shared.now();
        let grants = Arc::clone(&self.shared.standing.read());
        let covers = |grant: &&Arc<Grant>| caller.covers(&grant.granted.environment, &grant.granted.agent);
        let mut told: Vec<StandingView> = grants.values().filter(covers).map(|grant| grant.view(now)).collect();
        told.sort_by_key(|view| std::cmp::Reverse((view.at, view.standing)));
        Ok(told)
    }

    /// Ends a standing approval: by who granted it, an operator or an admin.
    ///
    /// # Errors
    /// [`GateError::NotFound`]; [`GateError::Forbidden`].
    pub async fn revoke_standing(&self, caller: &Caller, standing: Uuid) -> Result<(), GateError> {
        let found = self.shared.standing.read().get(&standing).cloned();
        let found = found.filter(|grant| caller.covers(&grant.granted.environment, &grant.granted.agent));
        let found = found.ok_or(GateError::NotFound("standing approval"))?;
        let own = caller.person.as_ref().is_some_and(|person| person.id.to_string() == found.person);
        if !own && !caller.has(Role::Operator) && !caller.has(Role::Admin) && !caller.is_owner() {
            let detail = "a standing approval is ended by who granted it, an operator or an admin";
            return Err(GateError::Forbidden(detail.to_owned()));
        }
        let body = StandingRevoked { standing, why: "revoked".to_owned() };
        let draft = Draft::plain(self.shared.new_id(), caller.actor(), body);
        self.send(Command::Standing(Box::new(StandingChange::Revoke { draft, standing }))).await.map(drop)
    }

    /// Whose standing approvals cover this proposal. Those of people who may no longer decide it are not among them.
    pub(crate) fn covered(&self, checked: &Checked, prepared: &Prepared) -> Result<Vec<Covered>, GateError> {
        if prepared.judged.decision != Decision::Review || prepared.judged.risk() >= HIGH_RISK {
            return Ok(Vec::new());
        }
        let (grants, now) = (Arc::clone(&self.shared.standing.read()), self.shared.now());
        let mut covered = Vec::new();
        for grant in grants.values().filter(|grant| grant.in_force(now) && grant.covers(checked)) {
            if let Some(groups) = self.groups_now(grant, prepared)? {
                covered.push(Covered { standing: grant.granted.standing, groups });
            }
        }
        Ok(covered)
    }

    /// The groups that who granted it has now, where it still reviews and is not who asks.
    fn groups_now(&self, grant: &Grant, prepared: &Prepared) -> Result<Option<Vec<String>>, GateError> {
        if grant.is_solo() {
            return Ok(self.shared.settings().solo.then(|| self.review_groups()));
        }
        let Ok(person) = grant.person.parse() else { return Ok(None) };
        let Some((person, _)) = self.person(person)? else { return Ok(None) };
        let mut identities = vec![person.id.to_string()];
        identities.extend(person.user.clone());
        let reviews = person.roles.contains(&Role::Reviewer);
        let own = prepared.requester.is_any_of(&identities);
        Ok((reviews && !own).then_some(person.groups))
    }

    /// What opens a door for long takes a proof of who opens it.
    fn proved_just_now(&self, caller: &Caller, action: Uuid) -> Result<(), GateError> {
        match !caller.is_session() || self.has_proved_lately(caller) {
            true => Ok(()),
            false => Err(GateError::StepUpRequired(action)),
        }
    }
}

/// The rules whose seats it will fill.
fn rules(open: &OpenAction, reviewer: &Reviewer, lasts_s: u64) -> Result<Vec<String>, GateError> {
    let review = open.action.review().ok_or(GateError::NotFound("review"))?;
    let asking: Vec<String> = review.demand.requirements.iter().map(|one| one.rule.clone()).collect();
    let rules = review.open_to_standing(&reviewer.groups, &asking, lasts_s);
    match rules.is_empty() {
        false => Ok(rules),
        true => Err(GateError::Invalid(
            "no rule that asks you here takes a standing approval that lasts so long: `@standing(\"24h\")` on a rule says how \
             long one may last"
                .to_owned(),
        )),
    }
}

/// Whether it is still to be kept in memory.
pub(crate) fn is_listed(grant: &Grant, now: Timestamp) -> bool {
    grant.granted.until.plus_seconds(LISTED_S) > now
}
