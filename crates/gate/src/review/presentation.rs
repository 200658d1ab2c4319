//! What a reviewer sees: one document, made from the records alone, so that its digest says what was shown.

use std::sync::Arc;

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{
    ActorKind, Body, Decision, KeyKind, Requirement, ReviewPresented, Role, Verdict as Say,
};
use countersign_evidence::time::Timestamp;
use countersign_index::Query;
use countersign_policy::Rule;
use countersign_wire::{
    Comparison, DecidingField, PendingReview, Presentation, RequirementView, RuleView, SeatView, State, difference,
    pointer,
};
use uuid::Uuid;

use super::RENDERER;
use super::reviewer::Reviewer;
use super::signing::policy_of;
use crate::caller::Caller;
use crate::command::Command;
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::gate::{Gate, may_see, value_of};
use crate::load::{Told, user_of};
use crate::open_action::{OpenAction, Shown};
use crate::shared::Shared;
use crate::view::{requirement, risk_factors};

/// Parts of a payload that are shown at the top, at most.
const MOST_DECIDING: usize = 12;
/// Earlier actions of the same agent and tool that are looked through for the last approved one.
const LOOKED_THROUGH: usize = 20;
/// Longest text of a payload within the sentence, in characters.
const MOST_IN_SENTENCE: usize = 40;

impl Gate {
    /// What waits for people, soonest to expire first.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn reviews(&self, caller: &Caller) -> Result<Vec<PendingReview>, GateError> {
        caller.must_look()?;
        let covered = |open: &Arc<OpenAction>| may_see(caller, open).is_ok();
        let open = self.shared.board.all().into_iter().filter(covered);
        let mut pending: Vec<PendingReview> = open.filter_map(|open| self.shared.pending(&open)).collect();
        pending.sort_by_key(|review| (review.expires_at, review.action));
        Ok(pending)
    }

    /// What a reviewer sees; that it was shown is recorded, sealed, once for the same content.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where nothing waits; [`GateError::TooMany`] where it was shown in too many ways.
    pub async fn present(&self, caller: &Caller, action: Uuid) -> Result<Presentation, GateError> {
        caller.must_look()?;
        let (open, mut presentation) = self.in_review(caller, action).await?;
        // Who only looks leaves no mark in the review.
        let decides = match caller.is_session() {
            true => caller.has(Role::Reviewer),
            false => caller.kind != KeyKind::Auditor,
        };
        if decides {
            let reviewer = self.reviewer(caller, None)?;
            presentation.presentation_digest = Some(self.record_presented(&open, &reviewer, &presentation).await?);
        }
        Ok(presentation)
    }

    /// What a reviewer would see, shown to nobody: nothing is recorded, and no answer can name it.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where nothing waits.
    pub async fn review(&self, caller: &Caller, action: Uuid) -> Result<Presentation, GateError> {
        caller.must_look()?;
        self.in_review(caller, action).await.map(|(_, presentation)| presentation)
    }

    async fn in_review(&self, caller: &Caller, action: Uuid) -> Result<(Arc<OpenAction>, Presentation), GateError> {
        let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
        may_see(caller, &open)?;
        let presentation = self.shared.presentation(&open).await?;
        Ok((open, presentation))
    }

    async fn record_presented(
        &self,
        open: &OpenAction,
        reviewer: &Reviewer,
        presentation: &Presentation,
    ) -> Result<Digest, GateError> {
        let payload_version = open.action.payload_version();
        let presentation = value_of(presentation);
        let content = Shown::content(RENDERER, &presentation);
        if let Some(digest) = open.shown_to(&reviewer.id, content) {
            return Ok(digest);
        }
        let body = ReviewPresented { renderer: RENDERER.to_owned(), payload_version };
        let fields = vec![Field::new("presentation", presentation)];
        let sections = vec![Fields { key: &open.key, wrapped_by: None, fields }];
        let shared = &self.shared;
        let by = actor(ActorKind::Reviewer, &reviewer.id);
        let origin = &shared.settings().origin;
        let draft = Draft::sealed(shared.new_id(), by, body, origin, sections, shared.random());
        let digest = draft.sealed.get("presentation").copied().ok_or(GateError::NotFound("presentation"))?;
        let (action, person) = (open.id(), reviewer.id.clone());
        let shown = Shown { person, digest, content };
        self.view_of(Command::Present { action, draft: Box::new(draft), payload_version, shown }).await?;
        // The same reviewer may have looked twice at once: one of both is on record.
        let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
        open.shown_to(&reviewer.id, content).ok_or(GateError::StaleReview(action))
    }
}

impl Shared {
    async fn presentation(&self, open: &OpenAction) -> Result<Presentation, GateError> {
        let review = self.pending(open).ok_or(GateError::NotFound("review"))?;
        let (told, _) = self.tell(&open.positions).await?;
        let first = told.first().ok_or(GateError::NotFound("review"))?;
        let text = |name: &str| first.opened.fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let proposed = first.opened.fields.get("payload").cloned().ok_or(GateError::NotFound("payload"))?;
        let payload = open.edited.as_deref().cloned().unwrap_or_else(|| proposed.clone());
        let policy = self.policy();
        let asking: Vec<&Rule> = match policy.version() == policy_of(open) {
            true => review.requirements.iter().filter_map(|one| rule_named(policy.rules(), &one.rule)).collect(),
            false => Vec::new(),
        };
        let deciding = deciding(&asking, &payload);
        let factors = open.action.decided.as_ref().map(|decided| decided.risk.factors.as_slice()).unwrap_or_default();
        let user = user_of(&first.opened);
        Ok(Presentation {
            sentence: sentence(&open.action, user.as_deref(), &deciding),
            policy: policy_of(open),
            definition: self.definition_of(&open.action.proposed.tool).await?,
            deciding,
            payload_bytes: payload.to_canonical().len() as u64,
            edited: difference(&proposed, &payload),
            comparison: self.comparison(open, &payload).await?,
            rules: rules(&review, &asking),
            facts: facts(&told),
            intent: text("intent"),
            user,
            resource: text("resource"),
            risk_factors: risk_factors(factors),
            notes: open.notes.clone(),
            presentation_digest: None,
            payload,
            review,
        })
    }

    /// How the payload differs from the last one of the same agent and tool that people approved.
    async fn comparison(&self, open: &OpenAction, payload: &Value) -> Result<Option<Comparison>, GateError> {
        let query = Query {
            agent: Some(open.action.proposed.agent.id.clone()),
            tool: Some(open.tool()),
            decision: Some(Decision::Review),
            environment: Some(open.action.environment.clone()),
            limit: LOOKED_THROUGH,
            ..Query::default()
        };
        let found = self.parts.index.list(&query).map_err(|error| GateError::Broken(error.to_string()))?;
        let approved = |state| {
            matches!(state, State::Authorized | State::Executing | State::Succeeded | State::Failed | State::Unknown)
        };
        let last = found.actions.iter().find(|one| one.action != open.id() && approved(one.state));
        let Some(last) = last else { return Ok(None) };
        let Some(positions) = self.indexed_positions(last.action)? else { return Ok(None) };
        let (told, _) = self.tell(&positions).await?;
        let Some((approved_at, before)) = approved_payload(&told) else { return Ok(None) };
        Ok(Some(Comparison { action: last.action, approved_at, changes: difference(&before, payload) }))
    }

    pub(super) fn pending(&self, open: &OpenAction) -> Option<PendingReview> {
        let action = &open.action;
        let review = action.review()?;
        let message =
            |rule: &str| open.rule_messages.iter().find(|(known, _)| known == rule).map(|(_, text)| text.clone());
        let requirement = |one: &Requirement| {
            let seats = review.seats(one).map(|seat| SeatView {
                person: seat.person.clone(),
                at: seat.at,
                standing: seat.standing.as_ref().map(|one| one.standing),
            });
            requirement(one, message(&one.rule).unwrap_or_default(), seats.collect())
        };
        Some(PendingReview {
            action: action.id,
            proposed_at: action.proposed_at,
            expires_at: review.demand.expires_at,
            agent: action.proposed.agent.id.clone(),
            tool: open.tool(),
            category: action.proposed.category.as_str().to_owned(),
            environment: action.environment.clone(),
            risk: action.decided.as_ref().map_or(0, |decided| decided.risk.score),
            requirements: review.demand.requirements.iter().map(requirement).collect(),
            payload_digest: action.payload(),
            payload_version: action.payload_version(),
            questions: u32::try_from(review.questions.len()).unwrap_or(u32::MAX),
            handed_to: open.notes.iter().rev().find_map(|note| note.to),
            fingerprint: self.likeness(open),
        })
    }

    /// Equal for reviews of the same proposal under the same payload. Keyed: it says nothing to who has only the text.
    pub(super) fn likeness(&self, open: &OpenAction) -> String {
        let text = format!("{} {}", open.identity.content, open.plain);
        let print = self.fingerprint(Digest::of(text.as_bytes()));
        print.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn rule_named<'a>(rules: &'a [Rule], id: &str) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.id == id)
}

/// What the asking rules read of the payload, where it is there.
fn deciding(asking: &[&Rule], payload: &Value) -> Vec<DecidingField> {
    let mut found: Vec<DecidingField> = Vec::new();
    for rule in asking {
        for path in rule.payload_paths() {
            let Some(value) = at(payload, path) else { continue };
            let path = path.iter().fold(String::new(), |path, name| pointer::member(&path, name));
            let known = found.iter().position(|one| one.path == path);
            match known.and_then(|at| found.get_mut(at)) {
                Some(known) => known.rules.push(rule.id.clone()),
                None => found.push(DecidingField { path, value: value.clone(), rules: vec![rule.id.clone()] }),
            }
        }
    }
    found.truncate(MOST_DECIDING);
    found
}

fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.as_object()?.get(name))
}

fn rules(review: &PendingReview, asking: &[&Rule]) -> Vec<RuleView> {
    let view = |one: &RequirementView| {
        let text = asking.iter().find(|rule| rule.id == one.rule).map(|rule| rule.text.clone()).unwrap_or_default();
        RuleView { rule: one.rule.clone(), message: one.message.clone(), text }
    };
    review.requirements.iter().map(view).collect()
}

/// The facts that the latest decision read.
fn facts(told: &[Told]) -> Value {
    let decisions = told.iter().rev().filter(|told| matches!(told.envelope.body, Body::ActionDecided(_)));
    let facts = decisions.filter_map(|told| told.opened.fields.get("facts").cloned()).next();
    facts.unwrap_or_else(|| Value::Object(Object::new()))
}

/// The payload of an action as people approved it last, and when.
fn approved_payload(told: &[Told]) -> Option<(Timestamp, Value)> {
    let approved = told
        .iter()
        .rev()
        .find(|told| matches!(&told.envelope.body, Body::ReviewDecided(decided) if decided.verdict == Say::Approve))?;
    let edited = told.iter().rev().filter(|told| matches!(told.envelope.body, Body::ReviewDecided(_)));
    let edited = edited.filter_map(|told| told.opened.fields.get("payload")).next();
    let payload = edited.or_else(|| told.first()?.opened.fields.get("payload"))?;
    Some((approved.envelope.time, payload.clone()))
}

/// One plain sentence: who, what, where, for whom, and the deciding values that are short. Texts of the payload stand in
/// quotes: they are the agent's.
fn sentence(action: &Action, user: Option<&str>, deciding: &[DecidingField]) -> String {
    let proposed = &action.proposed;
    let behalf = user.map(|user| format!(" on behalf of {user}")).unwrap_or_default();
    let short = |field: &DecidingField| {
        let name = field.path.rsplit('/').next().unwrap_or_default().to_owned();
        match &field.value {
            Value::Number(_) | Value::Bool(_) => Some(format!("{name} {}", field.value.to_canonical())),
            Value::String(text) if text.chars().count() <= MOST_IN_SENTENCE => Some(format!("{name} “{text}”")),
            _ => None,
        }
    };
    let values: Vec<String> = deciding.iter().filter_map(short).take(3).collect();
    let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    format!(
        "Agent {}{behalf} wants to call {}/{} ({}) in {}{values}.",
        proposed.agent.id,
        proposed.tool.server,
        proposed.tool.name,
        proposed.category.as_str(),
        action.environment
    )
}
