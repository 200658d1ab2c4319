//! The way of one `tools/call` to its permission.

use std::sync::Arc;
use std::time::Duration;

use countersign_client::wire::{ActionView, ProposeRequest, StartNow, StartRequest, State};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Agent, Category, Source, ToolRef};
use tokio::sync::{OwnedSemaphorePermit, watch};
use uuid::Uuid;

use crate::answer::Denial;
use crate::catalogue::Definition;
use crate::config::HoldPolicy;
use crate::execute::Go;
use crate::flights::Stop;
use crate::gate;
use crate::gateway::Gateway;
use crate::hold::{Held, Hold};
use crate::jsonrpc::{self, Id};
use crate::outcome::not_sent;
use crate::payload::Call;
use crate::peers::Caller;
use crate::redefined::Now;

/// A policy that changes at every start must not keep a call going round for ever.
const MOST_TURNS: usize = 16;
/// The gate waits this much longer for an outcome than the gateway does, so that the gateway's word comes first.
const DEADLINE_MARGIN_S: u64 = 10;

/// One call of the client, not sent yet.
pub(crate) struct Asked {
    pub(crate) id: Id,
    pub(crate) call: Call,
    pub(crate) caller: Caller,
    pub(crate) stop: watch::Receiver<Option<Stop>>,
    pub(crate) _place: OwnedSemaphorePermit,
}

/// How asking for permission ends.
enum Permission {
    /// `execution.started` is durable: send this.
    Go(Go),
    /// It does not run; say so.
    No(Denial),
    /// Nobody wants it any more.
    Stopped(Stop),
}

/// What is proposed, and under which names it is asked for.
pub(crate) struct Proposal {
    /// Where it redeems an approval, the start says whose it is and what it carries.
    request_id: String,
    context: Option<Value>,
    payload: Value,
    /// The tool's definition as it was then.
    pub(crate) definition: Option<Digest>,
    pub(crate) attempt: String,
    executor: String,
    deadline_s: u32,
    /// When the go-ahead was asked for last, by the monotonic clock: the gate counts the deadline from then or later.
    pub(crate) begun_at: i64,
}

impl Gateway {
    /// Decides one call, and executes it where that is allowed. Told once, in order: what the tool is, propose, hold,
    /// start (durable), send, finish (durable), answer.
    pub(crate) async fn call(self: Arc<Self>, asked: Asked) {
        let definition = self.definition(&asked.call).await;
        match self.permission(&asked, definition).await {
            Permission::Go(go) => self.execute(asked, go).await,
            Permission::No(denial) => {
                tracing::info!(tool = asked.call.name, reason = denial.reason, "not executed");
                let cancelled = self.flights.forget(&asked.id) == Some(Stop::Cancelled);
                if !cancelled {
                    self.tell_client(jsonrpc::result(&asked.id, denial.to_result(asked.caller.modern))).await;
                }
            }
            Permission::Stopped(stop) => {
                tracing::info!(tool = asked.call.name, ?stop, "given up before it was executed");
                self.flights.forget(&asked.id);
                if stop == Stop::ServerGone {
                    let message = "the MCP server ended before the call was sent; it was not executed";
                    self.tell_client(jsonrpc::error(Some(&asked.id), jsonrpc::INTERNAL_ERROR, message, None)).await;
                }
            }
        }
    }

    async fn permission(&self, asked: &Asked, definition: Option<Definition>) -> Permission {
        if let Some(stop) = stop_of(asked) {
            return Permission::Stopped(stop);
        }
        let mut proposal = self.proposal(&asked.call, definition);
        let request = self.propose_request(asked, &proposal, definition);
        let mut view = match gate::propose(&self.settings.client, &request).await {
            Ok(view) => view,
            Err(error) => return Permission::No(Denial::refused(None, &error)),
        };
        let mut hold = Hold::new(self.hold_for(asked), &*self.settings.clock);
        let mut presented = proposal.payload.clone();
        for _ in 0..MOST_TURNS {
            let action = view.action;
            let stepped = match view.state {
                State::Executing => return self.go(asked, &proposal, presented, &view).await,
                State::Authorized => {
                    presented = authorized(&view).unwrap_or_else(|| proposal.payload.clone());
                    self.start(asked, &mut proposal, &presented, action).await
                }
                State::Waiting => self.wait(asked, &view, &mut hold).await,
                _ => return Permission::No(Denial::ended(&view)),
            };
            view = match stepped {
                Ok(view) if view.action == action => view,
                Ok(_) => return Permission::No(Denial::unsendable(action, "the gate answered for another action")),
                Err(permission) => return permission,
            };
        }
        Permission::No(Denial::unsendable(view.action, "the policy changed too often while it was decided"))
    }

    /// Asks for the go-ahead for exactly this payload.
    async fn start(
        &self,
        asked: &Asked,
        proposal: &mut Proposal,
        payload: &Value,
        action: Uuid,
    ) -> Result<ActionView, Permission> {
        let client = &self.settings.client;
        let now = self.redefined(asked, proposal).await;
        if let Some(stop) = stop_of(asked) {
            self.give_up(action, stop).await;
            return Err(Permission::Stopped(stop));
        }
        if let Err(error) = asked.call.params(&proposal.payload, payload) {
            gate::cancel(client, action, "edit_refused").await;
            return Err(Permission::No(Denial::unsendable(action, &error.to_string())));
        }
        match now {
            Now::Same => {}
            Now::Other(definition) => {
                let denial = self.refuse_redefined(proposal, payload, definition, action).await;
                return Err(Permission::No(denial));
            }
            // Nothing is given up: what was approved may still hold.
            Now::Unknown => return Err(Permission::No(Denial::undefined(action))),
        }
        proposal.begun_at = self.settings.clock.monotonic_us();
        let started = gate::start(client, action, &proposal.start(payload)).await;
        started.map_err(|error| Permission::No(Denial::refused(Some(action), &error)))
    }

    /// Holds the call until the action moves.
    async fn wait(&self, asked: &Asked, view: &ActionView, hold: &mut Hold) -> Result<ActionView, Permission> {
        match self.hold(asked, view, hold).await {
            Held::Moved(view) => Ok(*view),
            Held::Pending => Err(Permission::No(Denial::pending(view))),
            Held::Refused(error) => Err(Permission::No(Denial::refused(Some(view.action), &error))),
            Held::Stopped(stop) => {
                self.give_up(view.action, stop).await;
                Err(Permission::Stopped(stop))
            }
        }
    }

    /// Nobody wants it any more, or at least not now.
    async fn give_up(&self, action: Uuid, stop: Stop) {
        if stop != Stop::Unheard {
            gate::cancel(&self.settings.client, action, why(stop)).await;
        }
    }

    /// The action is started. Sends only what the gate says is being executed, under our own attempt.
    async fn go(&self, asked: &Asked, proposal: &Proposal, presented: Value, view: &ActionView) -> Permission {
        let execution = view.execution.as_ref().filter(|execution| execution.attempt == proposal.attempt);
        let Some(execution) = execution else {
            return Permission::No(Denial::ended(view));
        };
        if let Some(denial) = self.must_not_be_sent(asked, proposal, view.action).await {
            return Permission::No(denial);
        }
        let authorized = authorized(view).unwrap_or(presented);
        let params = match asked.call.params(&proposal.payload, &authorized) {
            Ok(_) if execution.matches == "exact" && authorized != proposal.payload => {
                Err("the gate started another payload than it authorized".to_owned())
            }
            Ok(params) => Ok(params),
            Err(error) => Err(error.to_string()),
        };
        match params {
            Ok(params) => {
                let (action, attempt) = (view.action, proposal.attempt.clone());
                Permission::Go(Go { action, attempt, params: asked.call.traced(params, action) })
            }
            Err(error) => {
                self.record(view.action, not_sent(&proposal.attempt, &error)).await;
                Permission::No(Denial::unsendable(view.action, &error))
            }
        }
    }

    fn hold_for(&self, asked: &Asked) -> Duration {
        match self.settings.hold {
            HoldPolicy::Fixed(duration) => duration,
            HoldPolicy::PerClient => asked.caller.bears(asked.call.transport.get("progressToken").is_some()),
        }
    }

    fn proposal(&self, call: &Call, definition: Option<Definition>) -> Proposal {
        let deadline_s = self.settings.deadline.as_secs().saturating_add(DEADLINE_MARGIN_S);
        let context = context(call, definition);
        let definition = definition.map(|definition| definition.digest);
        Proposal {
            request_id: self.fresh_id().to_string(),
            context,
            payload: call.payload(&self.settings.server, definition),
            definition,
            attempt: self.fresh_id().to_string(),
            executor: self.instance.clone(),
            deadline_s: u32::try_from(deadline_s).unwrap_or(u32::MAX),
            begun_at: self.settings.clock.monotonic_us(),
        }
    }

    fn propose_request(&self, asked: &Asked, proposal: &Proposal, definition: Option<Definition>) -> ProposeRequest {
        let settings = &self.settings;
        let name = asked.caller.name.clone();
        let version = if settings.agent.is_some() { None } else { asked.caller.version.clone() };
        ProposeRequest {
            request_id: proposal.request_id.clone(),
            agent: Agent {
                id: settings.agent.clone().or(name).unwrap_or_else(|| "unknown-client".to_owned()),
                version: settings.agent_version.clone().or(version),
            },
            model: settings.model.clone().or_else(|| asked.call.model()),
            user: settings.user.clone(),
            environment: settings.environment.clone(),
            tool: ToolRef {
                name: asked.call.name.clone(),
                server: settings.server.clone(),
                definition: definition.map(|definition| definition.digest),
            },
            category: Some(definition.map_or(Category::Execute, |definition| definition.category)),
            resource: None,
            payload: proposal.payload.clone(),
            intent: None,
            context: proposal.context.clone(),
            correlation: asked.call.correlation(),
            source: Some(Source { via: "mcp".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) }),
            start_if_allowed: Some(StartNow {
                attempt: proposal.attempt.clone(),
                executor: Some(proposal.executor.clone()),
                deadline_s: Some(proposal.deadline_s),
            }),
            redeem: true,
            wait_s: 0,
        }
    }
}

impl Proposal {
    /// Microseconds from the go-ahead to its deadline.
    pub(crate) fn lasts_us(&self) -> u64 {
        u64::from(self.deadline_s) * 1_000_000
    }

    pub(crate) fn start(&self, payload: &Value) -> StartRequest {
        StartRequest {
            attempt: self.attempt.clone(),
            request_id: Some(self.request_id.clone()),
            context: self.context.clone(),
            executor: Some(self.executor.clone()),
            payload: Some(payload.clone()),
            payload_sha256: None,
            deadline_s: Some(self.deadline_s),
        }
    }
}

/// What is recorded beside the payload: a definition that is not the one first seen, and what only carries the call.
fn context(call: &Call, definition: Option<Definition>) -> Option<Value> {
    let mut context = Object::new();
    if let Some(before) = definition.and_then(|definition| definition.before) {
        context.insert("definition_changed", true);
        context.insert("definition_before", before.to_string());
    }
    call.transport.add_to(&mut context);
    (!context.is_empty()).then_some(Value::Object(context))
}

/// The payload as a reviewer edited it.
fn authorized(view: &ActionView) -> Option<Value> {
    view.authorization.as_ref()?.payload.clone()
}

/// Why a call that was not sent shall not be. A client that is gone takes nothing back that was allowed before.
fn stop_of(asked: &Asked) -> Option<Stop> {
    asked.stop.borrow().filter(|stop| *stop != Stop::ClientGone)
}

/// The stable name under which the gate records why a call was given up.
pub(crate) fn why(stop: Stop) -> &'static str {
    match stop {
        Stop::Cancelled => "client_cancelled",
        Stop::ClientGone | Stop::Over | Stop::Unheard => "client_disconnected",
        Stop::ServerGone => "server_ended",
    }
}
