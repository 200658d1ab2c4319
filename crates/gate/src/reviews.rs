//! Reviews: who may decide what, what they are shown, and their answers as records.

use std::sync::Arc;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::record::{
    ActionProposed, ActorKind, Authentication, Isolation, KeyKind, ReviewDecided, ReviewPresented, Separation,
    Verdict as Say,
};
use countersign_evidence::time::Timestamp;
use countersign_journal::KeyKind as OwnerKind;
use countersign_policy::PolicySet;
use countersign_wire::{ActionView, DecideRequest, PendingReview, Presentation, RequirementView, SeatView, UserRef};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Command, Edit, Verdict};
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::gate::{Gate, may_see, value_of};
use crate::history::Subject;
use crate::judge::{Judged, Question};
use crate::load::user_of;
use crate::open_action::{OpenAction, Shown};
use crate::prepare::{amounts, check_paths};
use crate::shared::Shared;

const RENDERER: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));
const MOST_REASON: usize = 4_096;

/// A question that is asked again about an action that exists.
pub(crate) struct Again {
    proposed: ActionProposed,
    environment: String,
    user: Option<UserRef>,
    resource: Option<(String, Option<String>)>,
    intent: Option<String>,
    in_question: Value,
    /// The payload as proposed: that is what the facts have counted already.
    counted: Value,
    proposed_at: Timestamp,
    time: Timestamp,
}

impl Again {
    fn question(&self) -> Question<'_> {
        Question {
            agent: &self.proposed.agent.id,
            tool: &self.proposed.tool,
            category: self.proposed.category,
            environment: &self.environment,
            user: self.user.as_ref(),
            model: self.proposed.model.as_deref(),
            payload: &self.in_question,
            resource: self.resource.as_ref(),
            intent: self.intent.as_deref(),
            source: &self.proposed.source.via,
            time: self.time,
        }
    }
}

/// Who decides, as it is recorded.
struct Reviewer {
    id: String,
    name: String,
    groups: Vec<String>,
    /// The owner alone, by configuration.
    solo: bool,
}

impl Gate {
    /// What waits for people, soonest to expire first.
    ///
    /// # Errors
    /// [`GateError::Forbidden`].
    pub fn reviews(&self, caller: &Caller) -> Result<Vec<PendingReview>, GateError> {
        caller.must_look()?;
        let covered = |open: &Arc<OpenAction>| may_see(caller, open).is_ok();
        let open = self.shared.board.all().into_iter().filter(covered);
        let mut pending: Vec<PendingReview> = open.filter_map(|open| pending(&open)).collect();
        pending.sort_by_key(|review| (review.expires_at, review.action));
        Ok(pending)
    }

    /// What a reviewer sees; that it was shown is recorded, sealed, once for the same content.
    ///
    /// # Errors
    /// [`GateError::NotFound`] where nothing waits; [`GateError::TooMany`] where it was shown in too many ways.
    pub async fn present(&self, caller: &Caller, action: Uuid) -> Result<Presentation, GateError> {
        caller.must_look()?;
        let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
        may_see(caller, &open)?;
        let review = pending(&open).ok_or(GateError::NotFound("review"))?;
        let (told, _) = self.shared.tell(&open.positions).await?;
        let first = told.first().ok_or(GateError::NotFound("review"))?;
        let field = |name: &str| first.opened.fields.get(name).cloned();
        let text = |name: &str| field(name).and_then(|value| value.as_str().map(str::to_owned));
        let payload = open.edited.as_deref().cloned().or_else(|| field("payload"));
        let payload = payload.ok_or(GateError::NotFound("payload"))?;
        let factors = open.action.decided.iter().flat_map(|decided| &decided.risk.factors);
        let mut presentation = Presentation {
            sentence: sentence(&open),
            policy: open.action.decided.as_ref().map(|decided| decided.policy_set.version.clone()).unwrap_or_default(),
            deciding: Vec::new(),
            payload_bytes: payload.to_canonical().len() as u64,
            payload,
            edited: Vec::new(),
            comparison: None,
            rules: Vec::new(),
            facts: Value::Object(Object::new()),
            questions: Vec::new(),
            intent: text("intent"),
            user: user_of(&first.opened),
            resource: text("resource"),
            risk_factors: factors.map(|factor| format!("{} (+{})", factor.rule, factor.points)).collect(),
            presentation_digest: None,
            review,
        };
        // An auditor looks without leaving a mark in the review.
        if caller.kind != KeyKind::Auditor {
            let reviewer = self.reviewer(caller)?;
            presentation.presentation_digest = Some(self.record_presented(&open, &reviewer, &presentation).await?);
        }
        Ok(presentation)
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

    /// Decides a review.
    ///
    /// # Errors
    /// [`GateError::NotAReviewer`], [`GateError::StaleReview`], [`GateError::WrongState`].
    pub async fn decide(&self, caller: &Caller, action: Uuid, request: DecideRequest) -> Result<ActionView, GateError> {
        let reviewer = self.reviewer(caller)?;
        check(&request)?;
        for _ in 0..5 {
            let open = self.shared.board.get(action).ok_or(GateError::NotFound("review"))?;
            may_see(caller, &open)?;
            self.shared.not_own(caller, &open, &reviewer)?;
            let verdict = self.verdict(caller, &reviewer, &open, &request).await?;
            if let Some(view) = self.view_of(Command::Decide(Box::new(verdict))).await? {
                return Ok(view);
            }
        }
        Err(GateError::Busy)
    }

    async fn verdict(
        &self,
        caller: &Caller,
        reviewer: &Reviewer,
        open: &OpenAction,
        request: &DecideRequest,
    ) -> Result<Verdict, GateError> {
        let edit = match &request.payload {
            Some(payload) => Some(self.edit(open, payload).await?),
            None => None,
        };
        let payload_version = open.action.payload_version() + u32::from(edit.is_some());
        let body = ReviewDecided {
            verdict: request.verdict,
            requirements: Vec::new(),
            groups: reviewer.groups.clone(),
            authentication: Authentication {
                method: caller.method.to_owned(),
                session: Some(caller.key),
                strength: None,
            },
            // Under the agent's own user nothing tells a reviewer's key from the agent's reach.
            separation: match caller.isolation {
                Isolation::SameUser => Separation::None,
                _ if reviewer.solo => Separation::None,
                _ => Separation::Enforced,
            },
            payload_version,
            payload: open.action.payload(),
            presentation: request.presentation_digest,
            active_ms: request.active_ms,
            expanded_all: request.expanded_all,
            meaning: None,
            on_behalf_of: None,
            policy: None,
            signature: None,
        };
        let (person_key_id, person_key) = self.shared.owner_key(OwnerKind::Person, &reviewer.id)?;
        let own = Key::generate(self.shared.random());
        let mut about_reviewer = vec![Field::new("name", reviewer.name.as_str())];
        about_reviewer.extend(request.reason.as_deref().map(|reason| Field::new("reason", reason)));
        let edited = edit.iter().map(|edit| Field::payload(payload_version, (*edit.payload).clone())).collect();
        let sections = vec![
            Fields { key: &own, wrapped_by: Some((person_key_id, &person_key)), fields: about_reviewer },
            Fields { key: &open.key, wrapped_by: None, fields: edited },
        ];
        let by = actor(ActorKind::Reviewer, &reviewer.id);
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        let draft = Draft::sealed(id, by, body.clone(), origin, sections, self.shared.random());
        let payload = draft.sealed.get("payload").copied().unwrap_or(body.payload);
        let decided = ReviewDecided { payload, ..body };
        Ok(Verdict { action: open.id(), draft, decided, shown: request.payload_digest, edit })
    }

    /// Policy decides on the edited payload before it counts.
    async fn edit(&self, open: &OpenAction, payload: &Value) -> Result<Edit, GateError> {
        let canonical = payload.to_canonical();
        let limit = self.shared.settings().most_payload;
        if canonical.len() > limit {
            return Err(GateError::PayloadTooLarge { bytes: canonical.len(), limit });
        }
        check_paths(payload)?;
        let plain = Digest::of(canonical.as_bytes());
        if plain == open.plain {
            return Err(GateError::Invalid(
                "the edited payload equals the one in question: approve it as it is".to_owned(),
            ));
        }
        let question = self.shared.question_of(open, Some(payload.clone())).await?;
        let policy = self.shared.policy();
        let judged = self.shared.judge_again(&policy, &question, &open.key, open.action.payload_version() + 1);
        Ok(Edit { payload: Arc::new(payload.clone()), plain, judged: Arc::new(judged) })
    }

    /// Who this caller is as a reviewer.
    fn reviewer(&self, caller: &Caller) -> Result<Reviewer, GateError> {
        match &caller.person {
            Some(person) => Ok(Reviewer {
                id: person.id.to_string(),
                name: person.name.clone(),
                groups: person.groups.clone(),
                solo: false,
            }),
            None if caller.is_owner() && self.shared.settings().solo => Ok(Reviewer {
                id: "owner".to_owned(),
                name: "the data folder's owner".to_owned(),
                groups: self.shared.policy().catalogue().review_groups.keys().cloned().collect(),
                solo: true,
            }),
            None => Err(GateError::NotAReviewer(
                "reviews are decided by people: use a reviewer's key (`countersign key create --kind reviewer`), or turn on \
                 `solo` where one developer works alone"
                    .to_owned(),
            )),
        }
    }
}

impl Shared {
    /// What policy is asked about an action that exists, with another payload where it was edited.
    pub(crate) async fn question_of(&self, open: &OpenAction, edited: Option<Value>) -> Result<Again, GateError> {
        let (told, _) = self.tell(open.positions.get(..1).unwrap_or_default()).await?;
        let first = told.first().ok_or(GateError::NotFound("action"))?;
        let field = |name: &str| first.opened.fields.get(name);
        let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
        let proposed = &open.action.proposed;
        let user: Option<UserRef> = field("user").cloned().and_then(|user| json::from_value(user).ok());
        let counted = field("payload").cloned().ok_or(GateError::NotFound("payload"))?;
        let in_question = edited.or_else(|| open.edited.as_deref().cloned()).unwrap_or_else(|| counted.clone());
        Ok(Again {
            proposed: proposed.clone(),
            environment: open.action.environment.clone(),
            user,
            resource: proposed.resource_type.clone().map(|kind| (kind, text("resource"))),
            intent: text("intent"),
            in_question,
            counted,
            proposed_at: open.action.proposed_at,
            time: self.now(),
        })
    }

    /// A requester never approves its own action: neither the user behind the agent nor whoever owns the agent, then or now.
    fn not_own(&self, caller: &Caller, open: &OpenAction, reviewer: &Reviewer) -> Result<(), GateError> {
        if reviewer.solo {
            return Ok(());
        }
        let user = caller.person.as_ref().and_then(|person| person.user.as_deref());
        let own: Vec<String> = [Some(reviewer.id.as_str()), user].into_iter().flatten().map(plain_identity).collect();
        let policy = self.policy();
        let agent = policy.catalogue().agents.get(&open.action.proposed.agent.id);
        let owner_now = agent.and_then(|agent| agent.owner.as_deref());
        let requesters = [open.requester.user.as_deref(), open.requester.owner.as_deref(), owner_now];
        match requesters.into_iter().flatten().any(|requester| own.contains(&plain_identity(requester))) {
            true => Err(GateError::NotAReviewer("nobody approves an action of their own agent".to_owned())),
            false => Ok(()),
        }
    }

    /// Decides again.
    pub(crate) fn judge_again(&self, policy: &PolicySet, again: &Again, key: &Key, version: u32) -> Judged {
        let question = again.question();
        let tool = format!("{}/{}", question.tool.server, question.tool.name);
        let subject = Subject {
            agent: question.agent,
            tool: &tool,
            fingerprint: self.fingerprint(Digest::of(question.payload.to_canonical().as_bytes())),
            amounts: amounts(policy.catalogue(), &tool, &again.counted),
        };
        let (wanted, catalogue) = (policy.facts_wanted(), policy.catalogue());
        let facts = self.history.look(&subject, wanted, catalogue, again.proposed_at, question.time);
        self.judge(policy, &question, facts, key, version)
    }
}

/// How identities are compared: who writes one in capitals or with a space behind it is the same person.
fn plain_identity(identity: &str) -> String {
    identity.trim().to_lowercase()
}

fn check(request: &DecideRequest) -> Result<(), GateError> {
    let reason = request.reason.as_deref().map_or("", str::trim);
    if reason.len() > MOST_REASON {
        return Err(GateError::Invalid(format!("a reason has at most {MOST_REASON} bytes")));
    }
    match request.verdict {
        Say::Deny if reason.is_empty() => Err(GateError::Invalid("a denial needs a reason".to_owned())),
        Say::Deny if request.payload.is_some() => Err(GateError::Invalid("a denial edits nothing".to_owned())),
        _ => Ok(()),
    }
}

fn pending(open: &OpenAction) -> Option<PendingReview> {
    let action = &open.action;
    let review = action.review()?;
    let message = |rule: &str| open.rule_messages.iter().find(|(known, _)| known == rule).map(|(_, text)| text.clone());
    let requirement = |one: &countersign_evidence::record::Requirement| RequirementView {
        rule: one.rule.clone(),
        message: message(&one.rule).unwrap_or_default(),
        groups: one.groups.clone(),
        quorum: one.quorum,
        signature: one.signature,
        escalates_at: one.escalation.as_ref().map(|escalation| escalation.at),
        approvals: review.seats(one).map(|seat| SeatView { person: seat.person.clone(), at: seat.at }).collect(),
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
        fingerprint: String::new(),
        handed_to: None,
        question_open: false,
    })
}

fn sentence(open: &OpenAction) -> String {
    let proposed = &open.action.proposed;
    format!(
        "Agent {} wants to call {} ({}) in {}.",
        proposed.agent.id,
        open.tool(),
        proposed.category.as_str(),
        open.action.environment
    )
}
