use std::sync::Arc;
use std::time::Duration;

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{self, Value};
use countersign_evidence::record::{ActorKind, Correlation, ExecutionFinished};
use countersign_wire::{ActionView, CancelRequest, FinishRequest, ProposeRequest, StartNow, StartRequest};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::caller::Caller;
use crate::command::{Answer, Command, Finish, Presented, Redeemer, Start};
use crate::draft::{Draft, Field, Fields, actor};
use crate::error::GateError;
use crate::evaluate::{Manner, check_name};
use crate::judge::Judged;
use crate::open_action::OpenAction;
use crate::prepare::{Checked, check_paths};
use crate::shared::Shared;
use crate::writer::{Job, WriterState};

/// How often something is made ready again because another policy came into force meanwhile.
pub(crate) const MOST_TRIES: usize = 5;

/// The gate: a handle that is cheap to clone. Every answer of every method leaves only after its records are durable.
#[derive(Clone)]
pub struct Gate {
    pub(crate) shared: Arc<Shared>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) told: watch::Receiver<WriterState>,
}

impl Gate {
    /// Proposes an action.
    ///
    /// # Errors
    /// [`GateError`]; nothing may be executed then.
    pub async fn propose(&self, caller: &Caller, request: ProposeRequest) -> Result<ActionView, GateError> {
        caller.must_act()?;
        check_name(&request.request_id)?;
        let wait = request.wait_s;
        let view = self.propose_now(caller, request, Manner::Asks).await?;
        if wait > 0 && view.state == countersign_wire::State::Waiting {
            return self.action(caller, view.action, wait).await;
        }
        Ok(view)
    }

    pub(crate) async fn propose_now(
        &self,
        caller: &Caller,
        request: ProposeRequest,
        manner: Manner,
    ) -> Result<ActionView, GateError> {
        let mut checked = self.shared.check(caller, request)?;
        if let Some(held) = self.same_request(caller, &checked).await? {
            return Ok(held);
        }
        if let Some(held) = self.redeem(caller, &checked).await? {
            return Ok(held);
        }
        let mismatch = self.give_up_mismatched(caller, &checked).await?;
        for _ in 0..MOST_TRIES {
            let mut prepared = self.shared.prepare(caller, &checked, manner)?;
            match mismatch {
                true => prepared.judged.deny_mismatch(),
                false => prepared.covered = self.covered(&checked, &prepared)?,
            }
            if let Some(view) = self.view_of(Command::Propose(Box::new(prepared))).await? {
                return Ok(view);
            }
            // Another policy is in force by now, and so is another catalogue; or the action is there after all.
            checked = self.shared.check(caller, checked.request)?;
            if let Some(held) = self.same_request(caller, &checked).await? {
                return Ok(held);
            }
        }
        Err(GateError::Busy)
    }

    /// The action that this request id already names.
    async fn same_request(&self, caller: &Caller, checked: &Checked) -> Result<Option<ActionView>, GateError> {
        let request_id = &checked.request.request_id;
        let held = match self.shared.board.by_request(caller.key, request_id) {
            Some(held) => Some(held),
            None => match self.shared.indexed_request(caller.key, request_id)? {
                // Its content was erased: nobody can say that it is the same, and it must not be executed again.
                Some(action) => Some(self.find(action).await?.ok_or(GateError::RequestReplayed(action))?),
                None => None,
            },
        };
        match held {
            None => Ok(None),
            Some(held) if held.identity != checked.identity => Err(GateError::RequestReplayed(held.id())),
            Some(held) => {
                let start = checked.request.start_if_allowed.as_ref();
                match start.filter(|_| held.begun_by_another(request_id, start)) {
                    Some(start) => self.start(caller, held.id(), start_of(&checked.request, start)).await.map(Some),
                    None => {
                        self.shared.board.heard(&held);
                        Ok(Some(held.view()))
                    }
                }
            }
        }
    }

    /// Takes over an identical action that was approved, or still waits, and that nobody holds; or hears of its denial.
    async fn redeem(&self, caller: &Caller, checked: &Checked) -> Result<Option<ActionView>, GateError> {
        if !checked.request.redeem {
            return Ok(None);
        }
        let Some(held) = self.shared.board.redeemable(&checked.identity) else {
            return self.denied_meanwhile(checked).await;
        };
        // An edit must reach the caller before it can execute it, so it starts by itself.
        let ready = held.action.authorization().is_some() && held.edited.is_none();
        let Some(start) = checked.request.start_if_allowed.as_ref().filter(|_| ready) else {
            self.shared.board.take_over(held.id(), caller.key, &checked.request.request_id);
            return Ok(Some(held.view()));
        };
        // The answer may be lost: the same request again gets it again, so the start says whose it is.
        self.start(caller, held.id(), start_of(&checked.request, start)).await.map(Some)
    }

    /// What became of an identical action that this caller was told to ask after, where people have denied it since.
    async fn denied_meanwhile(&self, checked: &Checked) -> Result<Option<ActionView>, GateError> {
        let (board, request_id) = (&self.shared.board, &checked.request.request_id);
        let Some(action) = board.unheard_denial(&checked.identity, request_id, self.shared.now()) else {
            return Ok(None);
        };
        Ok(self.find(action).await?.map(|denied| denied.view()))
    }

    /// An action now, or as soon as people have decided, at most `wait_s` seconds from now.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn action(&self, caller: &Caller, action: Uuid, wait_s: u32) -> Result<ActionView, GateError> {
        let found = self.find(action).await?.ok_or(GateError::NotFound("action"))?;
        may_see(caller, &found)?;
        let wait = Duration::from_secs(u64::from(wait_s.min(self.shared.settings().most_wait_s)));
        let waited = if wait_s == 0 { None } else { self.shared.board.wait(action, caller.key, wait).await };
        let seen = waited.unwrap_or(found);
        if caller.key == seen.identity.key {
            self.shared.board.heard(&seen);
        }
        Ok(seen.view())
    }

    /// The ids that tie an action to what surrounds it.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn correlation(&self, caller: &Caller, action: Uuid) -> Result<Correlation, GateError> {
        let found = self.find(action).await?.ok_or(GateError::NotFound("action"))?;
        may_see(caller, &found)?;
        Ok(found.action.proposed.correlation.clone())
    }

    /// Asks for the go-ahead. `Ok`: `execution.started` is durable, and the effect may leave now.
    ///
    /// # Errors
    /// [`GateError::Refused`] is recorded like any other answer.
    pub async fn start(&self, caller: &Caller, action: Uuid, request: StartRequest) -> Result<ActionView, GateError> {
        request.request_id.as_deref().map_or(Ok(()), check_name)?;
        let wire = self.shared.executes_on_wire(caller, request.executor.as_deref());
        self.start_as(caller, action, request, wire).await
    }

    pub(crate) async fn start_as(
        &self,
        caller: &Caller,
        action: Uuid,
        request: StartRequest,
        wire: bool,
    ) -> Result<ActionView, GateError> {
        caller.must_act()?;
        check_start(&request, self.shared.settings().most_payload)?;
        let presented = presented(&request)?;
        let held = self.own(caller, action).await?;
        let redeemed_by = self.redeemer(&held, request.request_id, request.context)?;
        // The writer may let go of it meanwhile: then this copy counts, where it is the latest.
        let loaded = Some(held);
        let attempt = StartNow { attempt: request.attempt, executor: request.executor, deadline_s: request.deadline_s };
        for _ in 0..MOST_TRIES {
            let judged = self.judged_again(action).await?;
            let start = Start {
                action,
                attempt: attempt.clone(),
                presented: Presented { plain: presented.plain, payload: presented.payload.clone() },
                redeemed_by: redeemed_by.clone(),
                wire,
                judged,
                loaded: loaded.clone(),
            };
            if let Some(view) = self.view_of(Command::Start(Box::new(start))).await? {
                return Ok(view);
            }
        }
        Err(GateError::Busy)
    }

    /// The request that asks for a start, where it is not the one that proposed the action. It names no other action.
    fn redeemer(
        &self,
        held: &OpenAction,
        request_id: Option<String>,
        context: Option<Value>,
    ) -> Result<Option<Redeemer>, GateError> {
        let proposer = &held.action.proposed.request_id;
        let Some(request_id) = request_id.filter(|request_id| request_id != proposer) else { return Ok(None) };
        let key = held.identity.key;
        let named = match self.shared.board.by_request(key, &request_id) {
            Some(named) => Some(named.id()),
            None => self.shared.indexed_request(key, &request_id)?,
        };
        match named.filter(|named| *named != held.id()) {
            Some(named) => Err(GateError::RequestReplayed(named)),
            None => Ok(Some(Redeemer { request_id, context })),
        }
    }

    /// Where another policy is in force than the one that authorized it, the action is decided again.
    async fn judged_again(&self, action: Uuid) -> Result<Option<Arc<Judged>>, GateError> {
        let Some(open) = self.shared.board.get(action) else { return Ok(None) };
        let policy = self.shared.policy();
        match open.action.authorization() {
            Some(authorization) if authorization.policy_set.version != policy.version() => {
                let question = self.shared.question_of(&open, None).await?;
                let version = open.action.payload_version();
                Ok(Some(Arc::new(self.shared.judge_again(&policy, &question, &open.key, version))))
            }
            _ => Ok(None),
        }
    }

    /// Records what came of an execution.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn finish(&self, caller: &Caller, action: Uuid, request: FinishRequest) -> Result<ActionView, GateError> {
        caller.must_act()?;
        check_named(&[
            ("attempt", Some(&request.attempt)),
            ("status", request.status.as_deref()),
            ("downstream_request_id", request.downstream_request_id.as_deref()),
        ])?;
        let held = self.own(caller, action).await?;
        // As for a start.
        let loaded = Some(Arc::clone(&held));
        let finished = ExecutionFinished {
            attempt: request.attempt,
            outcome: request.outcome,
            late: false,
            status: request.status,
            duration_us: request.duration_us.map(|duration| duration.min((1 << 53) - 1)),
            downstream_request_id: request.downstream_request_id,
        };
        request.response.as_ref().map_or(Ok(()), check_paths)?;
        let mut fields = Vec::new();
        fields.extend(request.response.map(|response| Field::new("response", response)));
        fields.extend(request.error.map(|error| Field::new("error", error)));
        let sections = vec![Fields { key: &held.key, wrapped_by: None, fields }];
        let kind = if self.shared.is_wire(caller) { ActorKind::Gateway } else { ActorKind::Agent };
        let (id, origin) = (self.shared.new_id(), &self.shared.settings().origin);
        let by = actor(kind, caller.key);
        let draft = Draft::sealed(id, by, finished.clone(), origin, sections, self.shared.random());
        let wire = self.shared.is_wire(caller);
        let finish = Finish { action, draft, finished, wire, loaded };
        self.view_of(Command::Finish(Box::new(finish))).await?.ok_or(GateError::Busy)
    }

    /// Gives an action up: what was not started never will be.
    ///
    /// # Errors
    /// [`GateError::WrongState`] where it was started.
    pub async fn cancel(&self, caller: &Caller, action: Uuid, request: CancelRequest) -> Result<ActionView, GateError> {
        caller.must_act()?;
        let why = request.why.unwrap_or_else(|| "caller_cancelled".to_owned());
        check_named(&[("why", Some(&why))])?;
        let held = self.own(caller, action).await?;
        if self.shared.board.get(action).is_none() {
            return crate::command::given_up(&held);
        }
        match self.view_of(Command::Cancel { action, why, by: caller.key }).await {
            // It ended, and the writer let go of it meanwhile.
            Err(GateError::NotFound(_)) => crate::command::given_up(&*self.own(caller, action).await?),
            cancelled => cancelled?.ok_or(GateError::Busy),
        }
    }

    /// Ends what time has ended. Called about once a second.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn sweep(&self) -> Result<(), GateError> {
        self.send(Command::Sweep).await.map(drop)
    }

    /// Whether records can be made durable now, and how many are.
    pub fn writer_state(&self) -> WriterState {
        self.told.borrow().clone()
    }

    /// Resolves when the writer has stopped: nothing can be recorded any more, and the process should end.
    pub async fn stopped(&self) -> String {
        let mut told = self.told.clone();
        loop {
            if let WriterState::Stopped(why) = &*told.borrow_and_update() {
                return why.clone();
            }
            if told.changed().await.is_err() {
                return "the writer has ended".to_owned();
            }
        }
    }

    /// Follows the writer.
    pub fn told(&self) -> watch::Receiver<WriterState> {
        self.told.clone()
    }

    /// Records that the log is closed in good order, where anything was recorded since it was opened.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn close(&self) -> Result<(), GateError> {
        if self.durable() == self.shared.opened_at {
            return Ok(());
        }
        let body = countersign_evidence::record::LogClosed { epoch: self.shared.epoch };
        let draft = Draft::plain(self.shared.new_id(), crate::draft::system(), body);
        self.send(Command::System(vec![draft])).await.map(drop)
    }

    /// Where people reach this deployment: scheme, host and port.
    pub fn public_url(&self) -> &str {
        &self.shared.settings().public_url
    }

    /// Where randomness comes from.
    pub fn random(&self) -> &dyn countersign_evidence::key::Random {
        self.shared.random()
    }

    /// The environment of a proposal that names none.
    pub fn environment(&self) -> &str {
        &self.shared.settings().environment
    }

    /// A new id, of this moment.
    pub fn fresh_id(&self) -> Uuid {
        self.shared.new_id()
    }

    /// Version of the policy set in force.
    pub fn policy_version(&self) -> String {
        self.shared.policy().version().to_owned()
    }

    /// Whether no policy is in force, so that everything is denied.
    pub fn denies_everything(&self) -> bool {
        self.shared.policy().is_empty()
    }

    /// Commands that wait for the writer.
    pub fn queued(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Actions that are not over.
    pub fn open_actions(&self) -> usize {
        self.shared.board.all().iter().filter(|open| !open.action.is_over()).count()
    }

    /// Actions held in memory: open ones, and ended ones until the index has read them.
    pub fn held_actions(&self) -> usize {
        self.shared.board.len()
    }

    pub(crate) async fn send(&self, command: Command) -> Result<Answer, GateError> {
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Job { command, reply }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(GateError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(self.gone()),
        }
        answer.await.map_err(|_| self.gone())?
    }

    fn gone(&self) -> GateError {
        match self.writer_state() {
            WriterState::Stopped(why) => GateError::Unavailable(why),
            WriterState::Writing(_) => GateError::Unavailable("the writer has ended".to_owned()),
        }
    }

    /// The view that a command comes to; `None` where it must be made ready again.
    pub(crate) async fn view_of(&self, command: Command) -> Result<Option<ActionView>, GateError> {
        match self.send(command).await? {
            Answer::View(view) => Ok(Some(*view)),
            Answer::Refused(error) => Err(error),
            Answer::Stale => Ok(None),
            Answer::Position(_) | Answer::Closed(_) => Err(GateError::Broken("another answer was due".to_owned())),
        }
    }

    /// The action, from memory or from the log.
    pub(crate) async fn find(&self, action: Uuid) -> Result<Option<Arc<OpenAction>>, GateError> {
        if let Some(open) = self.shared.board.get(action) {
            return Ok(Some(open));
        }
        let Some(positions) = self.shared.indexed_positions(action)? else { return Ok(None) };
        Ok(self.shared.load(&positions).await?.map(Arc::new))
    }

    /// The action, where this caller proposed it.
    pub(crate) async fn own(&self, caller: &Caller, action: Uuid) -> Result<Arc<OpenAction>, GateError> {
        let found = self.find(action).await?.ok_or(GateError::NotFound("action"))?;
        let own = found.identity.key == caller.key;
        if own { Ok(found) } else { Err(GateError::NotFound("action")) }
    }
}

/// Callers see what they proposed; people see what their key covers.
pub(crate) fn may_see(caller: &Caller, open: &OpenAction) -> Result<(), GateError> {
    may_see_action(caller, &open.action)
}

pub(crate) fn may_see_action(caller: &Caller, action: &Action) -> Result<(), GateError> {
    let own = action.proposed.authenticated.key == caller.key;
    let covered = caller.covers(&action.environment, &action.proposed.agent.id);
    match own || (caller.must_look().is_ok() && covered) {
        true => Ok(()),
        false => Err(GateError::NotFound("action")),
    }
}

/// The start of an action by the request that would have proposed it.
fn start_of(request: &ProposeRequest, start: &StartNow) -> StartRequest {
    StartRequest {
        attempt: start.attempt.clone(),
        request_id: Some(request.request_id.clone()),
        context: request.context.clone(),
        executor: start.executor.clone(),
        payload: Some(request.payload.clone()),
        payload_sha256: None,
        deadline_s: start.deadline_s,
    }
}

fn check_start(request: &StartRequest, limit: usize) -> Result<(), GateError> {
    check_named(&[
        ("attempt", Some(&request.attempt)),
        ("executor", request.executor.as_deref()),
        ("request_id", request.request_id.as_deref()),
    ])?;
    if request.context.is_some() && request.request_id.is_none() {
        return Err(GateError::Invalid("context is what a request says: give its request_id too".to_owned()));
    }
    request.context.as_ref().map_or(Ok(()), check_paths)?;
    let too_long = |value: &Option<Value>| value.as_ref().is_some_and(|value| value.to_canonical().len() > limit);
    match too_long(&request.payload) || too_long(&request.context) {
        true => Err(GateError::PayloadTooLarge { bytes: limit + 1, limit }),
        false => Ok(()),
    }
}

fn presented(request: &StartRequest) -> Result<Presented, GateError> {
    match (&request.payload, request.payload_sha256) {
        (Some(payload), None) => {
            Ok(Presented { plain: Digest::of(payload.to_canonical().as_bytes()), payload: Some(payload.clone()) })
        }
        (None, Some(plain)) => Ok(Presented { plain, payload: None }),
        _ => Err(GateError::Invalid("start takes exactly one of payload and payload_sha256".to_owned())),
    }
}

fn check_named(named: &[(&str, Option<&str>)]) -> Result<(), GateError> {
    match named.iter().find(|(_, text)| text.is_some_and(|text| !is_identifier(text))) {
        Some((name, _)) => Err(GateError::Invalid(format!("{name} must be 1 to 128 visible ASCII characters"))),
        None => Ok(()),
    }
}

/// A value as a canonical JSON value.
pub(crate) fn value_of(value: &impl serde::Serialize) -> Value {
    json::to_value(value).unwrap_or_default()
}
