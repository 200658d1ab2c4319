//! The way of one call to its permission: propose, hold, start (durable), and only then yes.

use std::time::Duration;

use countersign_client::ClientError;
use countersign_client::wire::{ActionView, ProposeRequest, StartNow, StartRequest, State, UserRef};
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Agent, Category, Correlation, Decision, Source, ToolRef};
use uuid::Uuid;

use crate::event::Call;
use crate::ids::{identifier, name_of, place_of, session_of};
use crate::memory::Running;
use crate::settings::{Definition, Settings};
use crate::tools::category_of;
use crate::verdict::{Verdict, passes_edits};
use crate::words;

/// A policy that changes at every start must not keep a call going round for ever.
const MOST_TURNS: usize = 16;
/// Longest single question to the gate while a review waits, in seconds.
const LONG_POLL_S: u64 = 30;
/// Pause before the gate is asked again after no answer, or one that came at once.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a proposal or a start without an answer is tried again.
const RETRIES: usize = 3;
/// How hooks name themselves in records.
const VIA: &str = "hook";

/// Decides one call.
pub async fn before(settings: &Settings, call: &Call) -> Verdict {
    let asking = Asking { settings, call };
    match asking.decide().await {
        Ok(verdict) => verdict,
        Err(reason) => Verdict::Deny(reason),
    }
}

struct Asking<'a> {
    settings: &'a Settings,
    call: &'a Call,
}

impl Asking<'_> {
    /// `Err` is a no with its reason.
    async fn decide(&self) -> Result<Verdict, String> {
        let definition = self.definition().await?;
        let mut request = self.request(definition);
        let mut view = self.again(|| self.settings.gate.propose(&request)).await?;
        // What is asked to be started, where a reviewer edited it: of what is started the gate tells only that it is it.
        let mut edited = None;
        for _ in 0..MOST_TURNS {
            let action = view.action;
            view = match view.state {
                // The gateway starts it, and sends what was authorized.
                State::Authorized if self.behind_gate() => {
                    if self.to_the_gateway(&request, action)? {
                        return Ok(Verdict::Allow { edited: None });
                    }
                    if view.decision != Decision::Allow || !request.redeem {
                        return Err(words::unusable(
                            "another call was let through for it, and the gateway has not executed that one",
                        ));
                    }
                    // No person's approval: policy decides this call by itself, and counts it.
                    request.request_id.push_str("-anew");
                    request.redeem = false;
                    view = self.again(|| self.settings.gate.propose(&request)).await?;
                    continue;
                }
                State::Authorized => {
                    edited = authorized(&view);
                    let payload = edited.clone().unwrap_or_else(|| request.payload.clone());
                    // What cannot be passed on must not be started.
                    self.input_of(&request.payload, &payload)?;
                    if edited.is_some() && !passes_edits(self.settings.client, &self.call.event) {
                        return Err(words::unusable(
                            "a reviewer approved it with changes, which this event cannot pass on",
                        ));
                    }
                    let start = self.start(&request, payload);
                    self.again(|| self.settings.gate.start(action, &start)).await?
                }
                State::Executing => return self.go(&request, edited, &view),
                State::Waiting => match self.hold(&view).await? {
                    Some(view) => view,
                    None => return Ok(self.undecided(&view)),
                },
                _ => return Err(words::ended(&view)),
            };
            if view.action != action {
                return Err(words::unusable("the gate answered for another action"));
            }
        }
        Err(words::unusable("the policy changed too often while it was decided"))
    }

    /// Whether this call may go on to the gateway as this action, as no other may: where no gateway is there to start it, one
    /// approval is not many runs.
    fn to_the_gateway(&self, request: &ProposeRequest, action: Uuid) -> Result<bool, String> {
        let session = session_of(self.settings.client, self.call);
        let told = self.settings.memory.told(&session, action, &request.request_id, self.settings.clock.now());
        told.map_err(|error| words::unusable(&format!("this hook cannot keep which call it let through ({error})")))
    }

    /// The execution is on record. Says yes only to what the gate says is being executed, under our own attempt.
    fn go(&self, request: &ProposeRequest, edited: Option<Value>, view: &ActionView) -> Result<Verdict, String> {
        let attempt = request.start_if_allowed.as_ref().map(|start| &start.attempt);
        let execution = view.execution.as_ref().filter(|execution| Some(&execution.attempt) == attempt);
        let execution = execution.ok_or_else(|| words::ended(view))?;
        if edited.is_some() != (execution.matches != "exact") {
            return Err(words::unusable("the gate started another payload than it authorized"));
        }
        let edited = edited.map(|payload| self.input_of(&request.payload, &payload)).transpose()?;
        let input = edited.as_ref().unwrap_or(&self.call.input);
        let running = Running { action: view.action, attempt: execution.attempt.clone() };
        let (client, now) = (self.settings.client, self.settings.clock.now());
        let place = place_of(client, self.call, input);
        if let Err(error) = self.settings.memory.keep(&session_of(client, self.call), &place, &running, now) {
            // It is allowed and on record; only its outcome will not be known.
            return Err(words::unusable(&format!(
                "this hook cannot keep what it needs to record the outcome ({error})"
            )));
        }
        Ok(Verdict::Allow { edited })
    }

    /// Waits until the action moves; `None` where nobody decided in time.
    async fn hold(&self, view: &ActionView) -> Result<Option<ActionView>, String> {
        let from = self.settings.clock.monotonic_us();
        loop {
            let left = self.hold_left(from);
            let asked = self.settings.clock.monotonic_us();
            let wait_s = u32::try_from(left.as_secs().min(LONG_POLL_S)).unwrap_or_default();
            match self.within(left + PAUSE, self.settings.gate.action(view.action, wait_s)).await {
                Some(Ok(now)) if now.state != State::Waiting => return Ok(Some(now)),
                Some(Err(error)) if !is_passing(&error) => return Err(words::refused(&error)),
                _ if left.is_zero() => return Ok(None),
                _ => {}
            }
            // A gate that answered at once is not asked at once again.
            let since = self.settings.clock.monotonic_us().saturating_sub(asked);
            let rest = PAUSE.saturating_sub(Duration::from_micros(u64::try_from(since).unwrap_or_default()));
            tokio::time::sleep(left.min(rest)).await;
        }
    }

    /// What is left of the hold that began at `from`, by the monotonic clock.
    fn hold_left(&self, from: i64) -> Duration {
        let left = self.settings.left();
        let Some(most) = self.settings.defer else { return left };
        let since = self.settings.clock.monotonic_us().saturating_sub(from);
        left.min(most.saturating_sub(Duration::from_micros(u64::try_from(since).unwrap_or_default())))
    }

    fn undecided(&self, view: &ActionView) -> Verdict {
        match self.settings.defer {
            Some(_) => Verdict::Defer(words::pending(view)),
            None => Verdict::Deny(words::pending(view)),
        }
    }

    /// Asks, and again where nobody answered: every request carries its own ids, so that gets the same answer.
    async fn again<F: Future<Output = Result<ActionView, ClientError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<ActionView, String> {
        for _ in 0..RETRIES {
            match self.within(self.settings.left(), ask()).await {
                Some(Ok(view)) => return Ok(view),
                Some(Err(error)) if is_passing(&error) => tokio::time::sleep(PAUSE.min(self.settings.left())).await,
                Some(Err(error)) => return Err(words::refused(&error)),
                None => break,
            }
        }
        match self.within(self.settings.left(), ask()).await {
            Some(answer) => answer.map_err(|error| words::refused(&error)),
            None => Err(words::unusable("the gate did not answer in time")),
        }
    }

    async fn within<T>(&self, most: Duration, ask: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(most, ask).await.ok()
    }

    fn behind_gate(&self) -> bool {
        self.call.tool.mcp && self.settings.behind_gate.contains(&self.call.tool.server)
    }

    async fn definition(&self) -> Result<Option<Definition>, String> {
        match self.behind_gate() {
            true => (self.settings.catalogue)(self.call.tool.server.clone(), self.call.tool.name.clone()).await,
            false => Ok(None),
        }
    }

    /// The input that the client shall use for a payload that a reviewer may have edited: nothing else may have changed.
    fn input_of(&self, proposed: &Value, authorized: &Value) -> Result<Value, String> {
        let rest = |payload: &Value| {
            let mut rest = payload.as_object().cloned();
            rest.as_mut().map(|rest| rest.remove("arguments"));
            rest
        };
        let input = authorized.get("arguments").filter(|input| input.as_object().is_some());
        match input {
            Some(input) if rest(proposed) == rest(authorized) => Ok(input.clone()),
            _ => Err(words::unusable("it was approved with changes to more than the tool's input")),
        }
    }

    fn start(&self, request: &ProposeRequest, payload: Value) -> StartRequest {
        let now = request.start_if_allowed.clone();
        StartRequest {
            attempt: now.as_ref().map(|start| start.attempt.clone()).unwrap_or_default(),
            request_id: Some(request.request_id.clone()),
            context: request.context.clone(),
            executor: now.as_ref().and_then(|start| start.executor.clone()),
            payload: Some(payload),
            payload_sha256: None,
            deadline_s: Some(self.settings.running_s),
        }
    }

    fn request(&self, definition: Option<Definition>) -> ProposeRequest {
        let (settings, call) = (self.settings, self.call);
        let name = name_of(settings.client, call);
        let start = (!self.behind_gate()).then(|| StartNow {
            attempt: name.clone(),
            executor: Some(format!("hook-{}", settings.client)),
            deadline_s: Some(settings.running_s),
        });
        let user = settings.user.clone();
        ProposeRequest {
            request_id: name,
            agent: Agent {
                id: settings.agent.clone().unwrap_or_else(|| settings.client.agent().to_owned()),
                version: None,
            },
            model: settings.model.clone().or_else(|| identifier(call.model.as_ref())),
            // Behind the gateway both must say the same, and the gateway knows only its own settings.
            user: user.or_else(|| {
                let id = call.user.clone().filter(|_| !self.behind_gate())?;
                Some(UserRef { id, groups: Vec::new() })
            }),
            environment: settings.environment.clone(),
            tool: ToolRef {
                name: call.tool.name.clone(),
                server: call.tool.server.clone(),
                definition: definition.map(|definition| definition.digest),
            },
            category: Some(match (definition, call.tool.mcp) {
                (Some(definition), _) => definition.category,
                (None, true) => Category::Execute,
                (None, false) => category_of(&call.tool.name),
            }),
            resource: None,
            payload: self.payload(definition),
            intent: None,
            context: Some(self.context()),
            correlation: Correlation {
                session_id: identifier(call.session.as_ref()),
                call_id: identifier(call.call_id.as_ref()),
                ..Correlation::default()
            },
            source: Some(Source { via: VIA.to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) }),
            start_if_allowed: start,
            redeem: true,
            wait_s: 0,
        }
    }

    /// Behind the gateway exactly what it will propose. Else a built-in tool's input, and where it runs.
    fn payload(&self, definition: Option<Definition>) -> Value {
        let call = self.call;
        let mut payload = Object::new();
        payload.insert("name", call.tool.name.as_str());
        payload.insert("server", call.tool.server.as_str());
        payload.insert("arguments", call.input.clone());
        if let Some(definition) = definition {
            payload.insert("definition", definition.digest.to_string());
        }
        if let Some(cwd) = call.cwd.as_ref().filter(|_| !call.tool.mcp) {
            payload.insert("cwd", cwd.as_str());
        }
        Value::Object(payload)
    }

    fn context(&self) -> Value {
        let call = self.call;
        let said = [
            ("client", Some(self.settings.client.to_string())),
            ("hook_event", Some(call.event.clone())),
            ("permission_mode", call.permission_mode.clone()),
            ("user", call.user.clone()),
        ];
        Value::Object(said.into_iter().filter_map(|(name, said)| Some((name, said?))).collect())
    }
}

/// The payload as a reviewer edited it.
fn authorized(view: &ActionView) -> Option<Value> {
    view.authorization.as_ref()?.payload.clone()
}

/// Whether asking again may help: nobody answered, or the gate was too busy.
pub(crate) fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Transport(_) => true,
        ClientError::Refused(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
        ClientError::BadAnswer { .. } => false,
    }
}
