//! Proposals, made ready in parallel before they queue for the writer: checked, decided by policy, sealed.

use std::collections::BTreeMap;

use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{self, Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::open::fingerprint;
use countersign_evidence::record::{ActionProposed, ActorKind, Category, Decision, Source, ToolRef};
use countersign_evidence::seal::{MOST_PATH, longest_path};
use countersign_evidence::time::Timestamp;
use countersign_journal::{KeyKind as OwnerKind, Owner};
use countersign_policy::{Amount, Catalogue, PolicySet};
use countersign_wire::{ProposeRequest, StartNow, UserRef};
use uuid::Uuid;

use crate::caller::Caller;
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::evaluate::Manner;
use crate::history::Subject;
use crate::judge::{Judged, Question};
use crate::open_action::{Identity, Requester, VIA_API, VIA_HOOK, VIA_MCP};
use crate::shared::Shared;
use crate::standing::Covered;

/// How the executor of a hook's call begins (`docs/hooks.md`).
const HOOK: &str = "hook-";

/// A proposal that was checked, before policy is asked.
pub(crate) struct Checked {
    pub(crate) request: ProposeRequest,
    pub(crate) environment: String,
    pub(crate) category: Category,
    pub(crate) resource: Option<(String, Option<String>)>,
    /// SHA-256 of the payload's canonical form.
    pub(crate) plain: Digest,
    pub(crate) identity: Identity,
}

/// A proposal that only needs its place in the log.
pub(crate) struct Prepared {
    pub(crate) action: Uuid,
    pub(crate) environment: String,
    pub(crate) identity: Identity,
    pub(crate) plain: Digest,
    pub(crate) key: Key,
    pub(crate) requester: Requester,
    pub(crate) proposed: Draft,
    pub(crate) judged: Judged,
    pub(crate) start: Option<StartNow>,
    pub(crate) wire: bool,
    /// Whether people are asked where policy says so.
    pub(crate) asks: bool,
    /// Whose standing approvals cover it.
    pub(crate) covered: Vec<Covered>,
}

impl Shared {
    /// Everything that can be refused without asking policy.
    pub(crate) fn check(&self, caller: &Caller, request: ProposeRequest) -> Result<Checked, GateError> {
        let environment = request.environment.clone().unwrap_or_else(|| self.settings().environment.clone());
        check_identifiers(&request, &environment)?;
        if !caller.covers(&environment, &request.agent.id) {
            return Err(GateError::Forbidden("this key does not cover that agent or environment".to_owned()));
        }
        let canonical = request.payload.to_canonical();
        let (bytes, limit) = (canonical.len(), self.settings().most_payload);
        if bytes > limit {
            return Err(GateError::PayloadTooLarge { bytes, limit });
        }
        check_paths(&request.payload)?;
        request.context.as_ref().map_or(Ok(()), check_paths)?;
        let texts = [request.intent.as_deref(), request.user.as_ref().map(|user| user.id.as_str())];
        if texts.iter().flatten().any(|text| text.len() > limit) || context_len(&request) > limit {
            return Err(GateError::Invalid("intent, user and context are each limited like the payload".to_owned()));
        }
        let plain = Digest::of(canonical.as_bytes());
        let policy = self.policy();
        let (category, resource) = from_catalogue(policy.catalogue(), &request);
        let content = Content {
            agent: &request.agent.id,
            user: request.user.as_ref(),
            environment: &environment,
            tool: &request.tool,
            via: via_of(&request),
            resource: resource.as_ref(),
            payload: plain,
        };
        let identity = Identity { content: content.digest(), key: caller.key };
        Ok(Checked { environment, category, resource, plain, identity, request })
    }

    /// Asks policy and seals. The proposal counts in the facts from here on.
    pub(crate) fn prepare(&self, caller: &Caller, checked: &Checked, manner: Manner) -> Result<Prepared, GateError> {
        let policy = self.policy();
        let (action, now) = (self.new_id(), self.now());
        let key = Key::generate(self.random());
        let question = Question::proposed(checked, now);
        let facts = self.facts_of(checked, &policy, now, manner);
        let judged = self.judge(&policy, &question, facts, &key, 0);
        if judged.decision == Decision::Deny {
            self.history.denied(self.fingerprint(checked.plain), now);
        }
        if judged.decision == Decision::Review && manner == Manner::Evaluates {
            self.history.evaluated(action, now);
        }
        let owner = policy.catalogue().agents.get(&checked.request.agent.id).and_then(|agent| agent.owner.clone());
        let (subject, subject_key) = self.subject_key(checked)?;
        let user = checked.request.user.as_ref().map(|user| user.id.clone());
        let start = checked.request.start_if_allowed.clone();
        let executor = start.as_ref().and_then(|start| start.executor.as_deref());
        let wire = manner.is_wire(self.executes_on_wire(caller, executor));
        let (environment, identity) = (checked.environment.clone(), checked.identity);
        let proposed = self.proposed_draft(caller, checked, &key, (subject, &subject_key));
        let requester = Requester { user, owner, subject };
        Ok(Prepared {
            action,
            environment,
            identity,
            plain: checked.plain,
            key,
            requester,
            proposed,
            judged,
            start,
            wire,
            asks: manner != Manner::Evaluates,
            covered: Vec::new(),
        })
    }

    /// Whose word an outcome is: the enforcement point's, or the caller's.
    pub(crate) fn is_wire(&self, caller: &Caller) -> bool {
        caller.on_the_wire || caller.authenticated().kind == countersign_evidence::record::KeyKind::Gateway
    }

    /// Whose word an execution is. A hook lets its client make the call, so that it saw nothing of it, whatever its key.
    pub(crate) fn executes_on_wire(&self, caller: &Caller, executor: Option<&str>) -> bool {
        self.is_wire(caller) && !executor.is_some_and(|executor| executor.starts_with(HOOK))
    }

    pub(crate) fn fingerprint(&self, plain: Digest) -> [u8; 16] {
        fingerprint(&self.workspace_key.1, plain)
    }

    fn facts_of(
        &self,
        checked: &Checked,
        policy: &PolicySet,
        now: Timestamp,
        manner: Manner,
    ) -> countersign_policy::Facts {
        let (wanted, catalogue) = (policy.facts_wanted(), policy.catalogue());
        let counted_at = manner.asks_again().and_then(|evaluation| self.history.asked_for(evaluation));
        self.with_subject(checked, policy, |subject| match counted_at {
            Some(then) => self.history.look(subject, wanted, catalogue, then, now),
            None => self.history.take(subject, wanted, catalogue, now),
        })
    }

    /// The facts of a proposal that may never come.
    pub(crate) fn facts_beforehand(
        &self,
        checked: &Checked,
        policy: &PolicySet,
        now: Timestamp,
    ) -> countersign_policy::Facts {
        self.with_subject(checked, policy, |subject| {
            self.history.peek(subject, policy.facts_wanted(), policy.catalogue(), now)
        })
    }

    fn with_subject<T>(&self, checked: &Checked, policy: &PolicySet, ask: impl FnOnce(&Subject<'_>) -> T) -> T {
        let tool = &checked.request.tool;
        let full = format!("{}/{}", tool.server, tool.name);
        let subject = Subject {
            agent: &checked.request.agent.id,
            tool: &full,
            definition: tool.definition,
            sees_definitions: via_of(&checked.request) == VIA_MCP,
            fingerprint: self.fingerprint(checked.plain),
            amounts: amounts(policy.catalogue(), &full, &checked.request.payload),
        };
        ask(&subject)
    }

    /// The key of the person concerned; without a user, of the workspace.
    fn subject_key(&self, checked: &Checked) -> Result<(Uuid, Key), GateError> {
        match &checked.request.user {
            None => Ok(self.workspace_key.clone()),
            Some(user) => self.owner_key(OwnerKind::Subject, &user.id),
        }
    }

    pub(crate) fn owner_key(&self, kind: OwnerKind, identity: &str) -> Result<(Uuid, Key), GateError> {
        let owner = Owner { kind, workspace: &self.settings().workspace, identity };
        let (id, key) = self.parts.keys.get_or_create(owner)?;
        Ok((id.0, key))
    }

    fn proposed_draft(&self, caller: &Caller, checked: &Checked, key: &Key, subject: (Uuid, &Key)) -> Draft {
        let (request, resource) = (checked.request.clone(), checked.resource.clone());
        let category = checked.category;
        let body = ActionProposed {
            agent: request.agent,
            model: request.model,
            tool: request.tool,
            category,
            resource_type: resource.as_ref().map(|(kind, _)| kind.clone()),
            request_id: request.request_id,
            correlation: request.correlation,
            source: request.source.unwrap_or(Source { via: VIA_API.to_owned(), version: None }),
            authenticated: caller.authenticated(),
            isolation: caller.isolation,
        };
        let mut fields = vec![Field::payload(0, request.payload)];
        fields.extend(request.intent.map(|intent| Field::new("intent", intent)));
        fields.extend(request.user.map(|user| Field::new("user", user_value(user))));
        fields.extend(resource.and_then(|(_, id)| id).map(|id| Field::new("resource", id)));
        fields.extend(request.context.map(|context| Field::new("context", context)));
        let sections = vec![Fields { key, wrapped_by: Some(subject), fields }];
        let agent = actor(ActorKind::Agent, &body.agent.id);
        Draft::sealed(self.new_id(), agent, body, &self.settings().origin, sections, self.random())
    }
}

fn user_value(user: UserRef) -> Value {
    let groups: Vec<Value> = user.groups.into_iter().map(Value::from).collect();
    Value::Object(Object::from_iter([("id", Value::from(user.id)), ("groups", Value::Array(groups))]))
}

fn context_len(request: &ProposeRequest) -> usize {
    request.context.as_ref().map_or(0, |context| context.to_canonical().len())
}

/// Each member is sealed under its path: long names over many members would take quadratic time.
pub(crate) fn check_paths(value: &Value) -> Result<(), GateError> {
    match longest_path(value) {
        0..=MOST_PATH => Ok(()),
        found => Err(GateError::Invalid(format!(
            "the names on the way to one member have {found} bytes together, over the limit of {MOST_PATH}: shorten them"
        ))),
    }
}

/// The catalogue's word on category and resource wins over the caller's.
fn from_catalogue(catalogue: &Catalogue, request: &ProposeRequest) -> (Category, Option<(String, Option<String>)>) {
    let known = catalogue.tools.get(&format!("{}/{}", request.tool.server, request.tool.name));
    let listed = known.and_then(|tool| Category::from_name(tool.category.as_str()));
    // What nobody describes might do anything.
    let category = listed.or(request.category).unwrap_or(Category::Execute);
    let mapped = known.and_then(|tool| tool.resource_of(&request.payload));
    let mapped = mapped.map(|(kind, id)| (kind.to_owned(), id.map(str::to_owned)));
    let said = request.resource.as_ref().map(|resource| (resource.kind.clone(), Some(resource.id.clone())));
    (category, mapped.or(said))
}

/// What this action adds to the sums that rules read. A payload without the number adds nothing: the rule itself fails on it.
pub(crate) fn amounts(catalogue: &Catalogue, tool: &str, payload: &Value) -> BTreeMap<String, Amount> {
    let amount = |(name, sum): (&String, &countersign_policy::Sum)| {
        // A negative amount never buys room: a denied proposal must not widen a limit.
        let amount = sum.amount_of(tool, payload).ok().filter(|amount| *amount > Amount::default());
        amount.map(|amount| (name.clone(), amount))
    };
    catalogue.sums.iter().filter_map(amount).collect()
}

/// How it came in.
pub(crate) fn via_of(request: &ProposeRequest) -> &str {
    request.source.as_ref().map_or(VIA_API, |source| &source.via)
}

/// Two proposals are the same when all of this is.
pub(crate) struct Content<'a> {
    pub(crate) agent: &'a str,
    pub(crate) user: Option<&'a UserRef>,
    pub(crate) environment: &'a str,
    /// With its definition: what was judged for another one, or for none, is another call.
    pub(crate) tool: &'a ToolRef,
    /// How it came in. Hooks and MCP gateways ask about the same calls; nobody else asks for them.
    pub(crate) via: &'a str,
    pub(crate) resource: Option<&'a (String, Option<String>)>,
    /// SHA-256 of the payload's canonical form.
    pub(crate) payload: Digest,
}

impl Content<'_> {
    pub(crate) fn digest(&self) -> Digest {
        let tool = (&self.tool.server, &self.tool.name, self.tool.definition);
        let client_call = self.via == VIA_MCP || self.via == VIA_HOOK;
        let rest = (self.agent, self.user, self.environment, tool, client_call, self.resource);
        let rest = json::to_string(&rest).unwrap_or_default();
        Digest::of(&[rest.as_bytes(), &self.payload.0].concat())
    }
}

fn check_identifiers(request: &ProposeRequest, environment: &str) -> Result<(), GateError> {
    let mut named = vec![
        ("request_id", Some(request.request_id.as_str())),
        ("agent.id", Some(request.agent.id.as_str())),
        ("agent.version", request.agent.version.as_deref()),
        ("model", request.model.as_deref()),
        ("environment", Some(environment)),
        ("tool.name", Some(request.tool.name.as_str())),
        ("tool.server", Some(request.tool.server.as_str())),
        ("resource.type", request.resource.as_ref().map(|resource| resource.kind.as_str())),
        ("source.via", request.source.as_ref().map(|source| source.via.as_str())),
        ("source.version", request.source.as_ref().and_then(|source| source.version.as_deref())),
        ("start_if_allowed.attempt", request.start_if_allowed.as_ref().map(|start| start.attempt.as_str())),
    ];
    named.extend(request.correlation.texts().map(|text| ("correlation", Some(text))));
    for (name, text) in named {
        if text.is_some_and(|text| !is_identifier(text)) {
            return Err(GateError::Invalid(format!("{name} must be 1 to 128 visible ASCII characters without spaces")));
        }
    }
    match request.tool.server.contains('/') {
        true => Err(GateError::Invalid("tool.server must not contain '/'".to_owned())),
        false => Ok(()),
    }
}
