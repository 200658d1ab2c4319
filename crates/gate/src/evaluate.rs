//! Decisions for enforcement points that are not ours: they ask first, and ask for people's approval as a second step.

use countersign_evidence::action::{Action, Ending, Stage};
use countersign_evidence::json::{self, Value};
use countersign_evidence::key::Key;
use countersign_evidence::time::Timestamp;
use countersign_wire::{ActionView, ProposeRequest, Resource, StartRequest, UserRef};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;

/// Why a review ended as it began: it was an evaluation, and people are asked only when somebody wants them to be.
pub(crate) const NOT_REQUESTED: &str = "not_requested";

/// What the names of requests begin with that nobody but the gate itself gives: what such a name says is so.
const RESERVED: &str = "gate:";
const EVALUATION: &str = "gate:evaluation:";
const ACCESS_REQUEST: &str = "gate:access-request:";

/// Refuses a request under a name that says what it is not.
pub(crate) fn check_name(request_id: &str) -> Result<(), GateError> {
    match request_id.starts_with(RESERVED) {
        true => Err(GateError::Invalid(format!("request_id must not begin with {RESERVED:?}: take another one"))),
        false => Ok(()),
    }
}

/// How a proposal comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// People are asked where policy says so.
    Asks,
    /// Nobody is asked. Another's enforcement point executes.
    Evaluates,
    /// People are asked about what was evaluated before, and counted then.
    AsksAgain(Uuid),
}

impl Manner {
    /// The evaluation that it is about.
    pub(crate) fn asks_again(self) -> Option<Uuid> {
        match self {
            Manner::AsksAgain(evaluation) => Some(evaluation),
            _ => None,
        }
    }

    /// Whether the execution is seen on the wire, where the caller would see it: another's enforcement point only says so.
    pub(crate) fn is_wire(self, caller: bool) -> bool {
        self == Manner::Asks && caller
    }
}

/// What was evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The action: started, denied, or, where people would have to decide, closed.
    pub view: ActionView,
    /// When.
    pub at: Timestamp,
}

/// An action as it was proposed, and as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// As its records tell it.
    pub action: Action,
    /// On whose behalf.
    pub user: Option<UserRef>,
    /// Id of what would be affected; its type is in the clear.
    pub resource: Option<String>,
    /// The payload as proposed.
    pub payload: Value,
    /// What else was said.
    pub context: Option<Value>,
}

impl Proposed {
    /// Whether it came in by [`Gate::evaluate`], and people would have to decide.
    pub fn is_requestable(&self) -> bool {
        self.action.proposed.request_id.starts_with(EVALUATION)
            && self.action.stage == Stage::Closed(Ending::ReviewCancelled)
    }

    /// Whether it came in by [`Gate::ask_for`].
    pub fn is_access_request(&self) -> bool {
        self.action.proposed.request_id.starts_with(ACCESS_REQUEST)
    }

    /// The same to be proposed again.
    pub fn again(&self) -> ProposeRequest {
        let proposed = &self.action.proposed;
        let resource = proposed.resource_type.clone().zip(self.resource.clone());
        ProposeRequest {
            request_id: String::new(),
            agent: proposed.agent.clone(),
            model: proposed.model.clone(),
            user: self.user.clone(),
            environment: Some(self.action.environment.clone()),
            tool: proposed.tool.clone(),
            category: Some(proposed.category),
            resource: resource.map(|(kind, id)| Resource { kind, id }),
            payload: self.payload.clone(),
            intent: None,
            context: None,
            correlation: proposed.correlation.clone(),
            source: Some(proposed.source.clone()),
            start_if_allowed: None,
            redeem: false,
            wait_s: 0,
        }
    }
}

impl Gate {
    /// Decides as [`Gate::propose`] does, but asks nobody: where people would have to decide, the action is closed in the same
    /// commit, and [`Gate::ask_for`] proposes it anew. Give `start_if_allowed`: the caller takes "allowed" for its go-ahead.
    /// The request's own id does not count: each evaluation is an action of its own.
    ///
    /// # Errors
    /// As [`Gate::propose`].
    pub async fn evaluate(&self, caller: &Caller, request: ProposeRequest) -> Result<Evaluated, GateError> {
        caller.must_act()?;
        let request_id = format!("{EVALUATION}{}", self.fresh_id());
        let request = ProposeRequest { request_id, redeem: false, wait_s: 0, ..request };
        let view = self.propose_now(caller, request, Manner::Evaluates).await?;
        let at = self.own(caller, view.action).await?.action.proposed_at;
        Ok(Evaluated { view, at })
    }

    /// Proposes what was evaluated, so that people are asked. It counts once in what rules read of the past. The request's id
    /// is as [`Gate::asked_for`] takes it: the same with the same content is the same action.
    ///
    /// # Errors
    /// As [`Gate::propose`].
    pub async fn ask_for(
        &self,
        caller: &Caller,
        evaluation: Uuid,
        request: ProposeRequest,
    ) -> Result<ActionView, GateError> {
        caller.must_act()?;
        let request_id = format!("{ACCESS_REQUEST}{}", request.request_id);
        let request = ProposeRequest { request_id, redeem: false, wait_s: 0, ..request };
        self.propose_now(caller, request, Manner::AsksAgain(evaluation)).await
    }

    /// As [`Gate::start`], for an enforcement point that is not ours: what it executes it says itself.
    ///
    /// # Errors
    /// As [`Gate::start`].
    pub async fn start_elsewhere(
        &self,
        caller: &Caller,
        action: Uuid,
        request: StartRequest,
    ) -> Result<ActionView, GateError> {
        self.start_as(caller, action, request, false).await
    }

    /// What this caller proposed.
    ///
    /// # Errors
    /// [`GateError::NotFound`], also where it was erased.
    pub async fn proposed(&self, caller: &Caller, action: Uuid) -> Result<Proposed, GateError> {
        let found = self.own(caller, action).await?;
        let (told, _) = self.shared.tell(found.positions.get(..1).unwrap_or_default()).await?;
        let mut fields = told.into_iter().next().map(|first| first.opened.fields).unwrap_or_default();
        let resource = fields.remove("resource").and_then(|id| id.as_str().map(str::to_owned));
        Ok(Proposed {
            action: found.action.clone(),
            user: fields.remove("user").and_then(|user| json::from_value(user).ok()),
            resource,
            payload: fields.remove("payload").ok_or(GateError::NotFound("action"))?,
            context: fields.remove("context"),
        })
    }

    /// The action that this caller asked for under this id.
    ///
    /// # Errors
    /// [`GateError::Broken`].
    pub fn asked_for(&self, caller: &Caller, request_id: &str) -> Result<Option<Uuid>, GateError> {
        let name = format!("{ACCESS_REQUEST}{request_id}");
        match self.shared.board.by_request(caller.key, &name) {
            Some(held) => Ok(Some(held.id())),
            None => self.shared.indexed_request(caller.key, &name),
        }
    }

    /// Seed of the key that signs what enforcement points carry from one question to the next; no other key's.
    ///
    /// # Errors
    /// [`GateError::Unavailable`].
    pub fn access_token_seed(&self) -> Result<Key, GateError> {
        Ok(self.shared.parts.keys.secret(&format!("access tokens {}", self.shared.settings().origin))?)
    }
}
