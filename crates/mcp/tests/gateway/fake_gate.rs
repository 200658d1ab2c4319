//! A gate in this process that decides by the tool's name: `allow…`, `deny…`, `wait…`; others are denied.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::wire::{
    ActionView, AuthorizationView, ExecutionView, FinishRequest, Problem, ProposeRequest, ReviewView, StartRequest,
    State,
};
use countersign_client::{Client, Transport};
use countersign_evidence::json::{Limits, Object, Value, from_value, parse, to_string};
use countersign_evidence::record::{Decision, Outcome};
use countersign_evidence::time::Timestamp;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use tokio::sync::watch;
use uuid::Uuid;

/// One action of the fake gate.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) id: Uuid,
    pub(crate) request: ProposeRequest,
    pub(crate) state: State,
    pub(crate) edited: Option<Value>,
    pub(crate) attempt: Option<String>,
    pub(crate) started: Option<Value>,
    /// The request that started it by its id, and what it said beside the payload.
    pub(crate) started_by: Option<(Option<String>, Option<Value>)>,
    /// Payloads that were presented and are not the authorized one.
    pub(crate) mismatches: Vec<Value>,
    pub(crate) finishes: Vec<FinishRequest>,
    pub(crate) cancelled: Option<String>,
}

#[derive(Default)]
pub(crate) struct FakeGate {
    actions: Mutex<HashMap<Uuid, Fake>>,
    order: Mutex<Vec<Uuid>>,
    changed: watch::Sender<u64>,
    count: AtomicU64,
    /// Nobody answers.
    pub(crate) unreachable: AtomicBool,
    /// So many requests are acted on, but their answers are lost.
    pub(crate) lose_answers: AtomicU64,
    /// Answers are not what the API promises.
    pub(crate) babbles: AtomicBool,
    /// Outcomes cannot be recorded.
    pub(crate) finish_fails: AtomicBool,
    /// Responses of more than this many bytes are refused.
    pub(crate) most_response: AtomicU64,
    /// The go-ahead is refused.
    pub(crate) start_refused: AtomicBool,
    /// The gate says that another attempt executes.
    pub(crate) other_attempt: AtomicBool,
    /// Proposals that came in.
    pub(crate) proposals: AtomicU64,
    /// How long a proposal takes.
    pub(crate) slow_ms: AtomicU64,
    /// How long it takes to record an outcome.
    pub(crate) slow_finish_ms: AtomicU64,
}

type Answer = Result<Value, (u16, &'static str, &'static str)>;

impl FakeGate {
    pub(crate) fn new() -> Arc<Self> {
        let gate = FakeGate { changed: watch::channel(0).0, ..FakeGate::default() };
        gate.most_response.store(u64::MAX, Ordering::SeqCst);
        Arc::new(gate)
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        let gate = Arc::clone(self);
        let service = move |request: Request<Full<Bytes>>| {
            let gate = Arc::clone(&gate);
            let answer: countersign_client::InProcessAnswer = Box::pin(async move { gate.serve(request).await });
            answer
        };
        Client::new(Transport::InProcess(Arc::new(service)), None)
    }

    async fn serve(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err("nobody listens".to_owned());
        }
        if self.babbles.load(Ordering::SeqCst) {
            return Ok(Response::new(Bytes::from_static(b"<html>hello</html>")));
        }
        let path = request.uri().path_and_query().unwrap().to_string();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = if body.is_empty() { Value::Null } else { parse(&body, limits()).unwrap() };
        let answer = self.route(&path, body).await;
        if self.lose_answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err("the connection broke".to_owned());
        }
        let (status, body) = match answer {
            Ok(value) => (200, value.to_canonical()),
            Err((status, name, detail)) => {
                let problem = Problem {
                    kind: format!("/problems/{name}"),
                    title: name.to_owned(),
                    status,
                    detail: detail.to_owned(),
                    action: None,
                    more: Object::new(),
                };
                (status, to_string(&problem).unwrap())
            }
        };
        Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap())
    }

    async fn route(&self, path: &str, body: Value) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> =
            path.trim_start_matches("/v1/actions").split('/').filter(|part| !part.is_empty()).collect();
        let id = parts.first().map(|id| id.parse::<Uuid>().unwrap());
        match (id, parts.get(1)) {
            (None, _) => self.propose(from_value(body).unwrap()).await,
            (Some(id), None) => self.state(id, query.trim_start_matches("wait_s=").parse().unwrap()).await,
            (Some(id), Some(&"start")) => self.start(id, from_value(body).unwrap()),
            (Some(id), Some(&"finish")) => {
                pause(&self.slow_finish_ms).await;
                self.finish(id, from_value(body).unwrap())
            }
            (Some(id), Some(&"cancel")) => self.change(id, |fake| {
                fake.cancelled = body.get("why").and_then(Value::as_str).map(str::to_owned);
                fake.state = State::Closed;
            }),
            _ => panic!("unknown route {path}"),
        }
    }

    async fn propose(&self, request: ProposeRequest) -> Answer {
        self.proposals.fetch_add(1, Ordering::SeqCst);
        pause(&self.slow_ms).await;
        if let Some(same) = self.all().into_iter().find(|fake| fake.request.request_id == request.request_id) {
            return Ok(self.view(&same));
        }
        let open = |state| matches!(state, State::Waiting | State::Authorized);
        let same = |fake: &Fake| fake.request.payload == request.payload && fake.request.agent == request.agent;
        if let Some(held) = self.all().into_iter().find(|fake| request.redeem && open(fake.state) && same(fake)) {
            let start = request.start_if_allowed.unwrap();
            if held.state == State::Authorized && held.edited.is_none() {
                let (attempt, payload) = (start.attempt, Some(request.payload));
                let (request_id, context) = (Some(request.request_id), request.context);
                let start = StartRequest {
                    attempt,
                    request_id,
                    context,
                    executor: None,
                    payload,
                    payload_sha256: None,
                    deadline_s: None,
                };
                return self.start(held.id, start);
            }
            return Ok(self.view(&held));
        }
        let name = request.tool.name.clone();
        let state = match name.as_str() {
            name if name.starts_with("allow") => State::Executing,
            name if name.starts_with("wait") => State::Waiting,
            "refuse" => return Err((422, "payload-too-large", "the payload is too large for this gate")),
            _ => State::Denied,
        };
        let id = Uuid::from_u128(u128::from(self.count.fetch_add(1, Ordering::SeqCst)) + 0x1000);
        let executing = state == State::Executing;
        let attempt = executing.then(|| request.start_if_allowed.as_ref().unwrap().attempt.clone());
        let started = executing.then(|| request.payload.clone());
        let fake = Fake {
            id,
            request,
            state,
            edited: None,
            attempt,
            started,
            started_by: None,
            mismatches: Vec::new(),
            finishes: Vec::new(),
            cancelled: None,
        };
        let view = self.view(&fake);
        self.actions.lock().unwrap().insert(id, fake);
        self.order.lock().unwrap().push(id);
        self.changed.send_modify(|count| *count += 1);
        Ok(view)
    }

    async fn state(&self, id: Uuid, wait_s: u64) -> Answer {
        let mut changes = self.changed.subscribe();
        let until = tokio::time::sleep(Duration::from_secs(wait_s));
        tokio::pin!(until);
        loop {
            let fake = self.get(id);
            if fake.state != State::Waiting {
                return Ok(self.view(&fake));
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = &mut until => return Ok(self.view(&fake)),
            }
        }
    }

    fn start(&self, id: Uuid, request: StartRequest) -> Answer {
        let fake = self.get(id);
        if self.start_refused.load(Ordering::SeqCst) {
            return Err((409, "expired", "the authorization has expired: call the tool again"));
        }
        match (&fake.attempt, fake.state) {
            (Some(attempt), _) if *attempt == request.attempt => return Ok(self.view(&fake)),
            (None, State::Authorized) => {}
            _ => return Err((409, "already-used", "another attempt has used it")),
        }
        let authorized = fake.edited.as_ref().unwrap_or(&fake.request.payload);
        if request.payload.as_ref() != Some(authorized) {
            let _ = self.change(id, |fake| fake.mismatches.extend(request.payload));
            return Err((409, "mismatch", "another payload than the authorized one"));
        }
        self.change(id, |fake| {
            fake.state = State::Executing;
            fake.started = request.payload;
            fake.started_by = Some((request.request_id, request.context));
            fake.attempt = Some(request.attempt);
        })
    }

    fn finish(&self, id: Uuid, request: FinishRequest) -> Answer {
        if self.finish_fails.load(Ordering::SeqCst) {
            return Err((500, "journal-failed", "the disk is full"));
        }
        let bytes = request.response.as_ref().map_or(0, |response| response.to_canonical().len() as u64);
        if bytes > self.most_response.load(Ordering::SeqCst) {
            return Err((413, "payload-too-large", "too large"));
        }
        assert_eq!(self.get(id).attempt.as_ref(), Some(&request.attempt), "finish of another attempt");
        self.change(id, |fake| {
            fake.state = match request.outcome {
                Outcome::Succeeded => State::Succeeded,
                Outcome::Failed => State::Failed,
                Outcome::Unknown => State::Unknown,
            };
            fake.finishes.push(request);
        })
    }

    pub(crate) fn change(&self, id: Uuid, change: impl FnOnce(&mut Fake)) -> Answer {
        let mut actions = self.actions.lock().unwrap();
        let fake = actions.get_mut(&id).unwrap();
        change(fake);
        let fake = fake.clone();
        drop(actions);
        self.changed.send_modify(|count| *count += 1);
        Ok(self.view(&fake))
    }

    /// A reviewer approves.
    pub(crate) fn approve(&self, id: Uuid, edited: Option<Value>) {
        let _ = self.change(id, |fake| {
            fake.state = State::Authorized;
            fake.edited = edited;
        });
    }

    /// A reviewer denies.
    pub(crate) fn deny(&self, id: Uuid) {
        let _ = self.change(id, |fake| fake.state = State::Denied);
    }

    pub(crate) fn get(&self, id: Uuid) -> Fake {
        self.actions.lock().unwrap().get(&id).unwrap().clone()
    }

    /// All actions, the oldest first.
    pub(crate) fn all(&self) -> Vec<Fake> {
        let order = self.order.lock().unwrap().clone();
        order.into_iter().map(|id| self.get(id)).collect()
    }

    /// Waits until the `n`th action (from 0) satisfies `ready`.
    pub(crate) async fn until(&self, n: usize, ready: impl Fn(&Fake) -> bool) -> Fake {
        let mut changes = self.changed.subscribe();
        let found = async {
            loop {
                if let Some(fake) = self.all().get(n).filter(|fake| ready(fake)) {
                    return fake.clone();
                }
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("the action did not get there")
    }

    fn view(&self, fake: &Fake) -> Value {
        let waits = fake.request.tool.name.starts_with("wait");
        let given = matches!(fake.state, State::Authorized);
        let attempt = match self.other_attempt.load(Ordering::SeqCst) {
            true => fake.attempt.as_ref().map(|_| "another".to_owned()),
            false => fake.attempt.clone(),
        };
        let view = ActionView {
            action: fake.id,
            state: fake.state,
            decision: match fake.state {
                State::Denied if !waits => Decision::Deny,
                _ if waits => Decision::Review,
                _ => Decision::Allow,
            },
            reasons: Vec::new(),
            risk: 0,
            message: "Not allowed here.".to_owned(),
            review: waits.then(|| ReviewView {
                groups: vec!["finance".into()],
                expires_at: Timestamp::default(),
                questions: Vec::new(),
            }),
            authorization: given.then(|| AuthorizationView {
                payload_version: u32::from(fake.edited.is_some()),
                expires_at: Timestamp::default(),
                payload: fake.edited.clone(),
            }),
            execution: attempt.map(|attempt| ExecutionView {
                attempt,
                matches: if fake.edited.is_some() { "edited" } else { "exact" }.to_owned(),
                enforcement: "wire".to_owned(),
                deadline: Timestamp::default(),
                outcome: None,
            }),
            policy: "p1".to_owned(),
            position: 0,
        };
        countersign_evidence::json::to_value(&view).unwrap()
    }
}

/// Not even a short sleep where there is none: timers are coarse.
async fn pause(ms: &AtomicU64) {
    let ms = ms.load(Ordering::SeqCst);
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

fn limits() -> Limits {
    Limits { bytes: 64 << 20, depth: 200 }
}
