//! Bodies of what agents and reviewers send, through the real router to a real gate in memory.

use std::cell::RefCell;
use std::fmt::Debug;

use bytes::Bytes;
use countersign_client::InProcess;
use countersign_evidence::json::{Limits, Value, from_value, parse, to_value};
use countersign_gate::testing::{Setup, TestGate, pay};
use countersign_gate::{Caller, Settings};
use countersign_http::{App, in_process};
use countersign_wire::{DecideRequest, FinishRequest, ProposeRequest, StartNow, StartRequest, State};
use http_body_util::Full;
use hyper::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// The deepest that a body nests (`docs/evidence-format.md` §2, and the object around the payload).
const DEPTH: usize = 65;
/// In a body it stands for the digest of the payload in question, which is another each time.
const DIGEST: &str = "PAYLOAD-DIGEST";
/// Bodies that one gate takes: it holds all of their actions in memory.
const MOST_RUNS: u32 = 500;

/// The first line names the verb, the rest is the body. What is read is all that was said and is written again the same. A
/// body that does not read changes nothing. No body makes the gate fail, and every answer is strict JSON.
pub fn http(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (verb, body) = (&data[..end], &data[end + 1..]);
    DESK.with_borrow_mut(|desk| desk.get_or_insert_with(Desk::open).take(verb, body));
    DESK.with_borrow_mut(|desk| drop(desk.take_if(|desk| desk.runs >= MOST_RUNS)));
}

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// A gate, and who knocks at it.
struct Desk {
    runtime: Runtime,
    gate: TestGate,
    door: InProcess,
    runs: u32,
}

impl Desk {
    fn open() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
        // Nobody waits, and the owner decides reviews.
        let settings = Settings { most_wait_s: 0, solo: true, most_open_per_agent: usize::MAX, ..Settings::default() };
        let setup = Setup { settings, follow: false, ..Setup::default() };
        let gate = runtime.block_on(TestGate::open(setup));
        let most = Settings::default().most_payload;
        let app = App::new(gate.gate.clone(), gate.store.clone(), gate.clock.clone(), most);
        Desk { runtime, gate, door: in_process(&app), runs: 0 }
    }

    fn take(&mut self, verb: &[u8], body: &[u8]) {
        self.runs += 1;
        match verb {
            b"propose" => self.ask("/v1/actions", body, reads::<ProposeRequest>(body)),
            b"start" => {
                let action = self.propose(50, None).0;
                self.ask(&format!("/v1/actions/{action}/start"), body, reads::<StartRequest>(body));
            }
            b"finish" => {
                let action = self.propose(50, Some("a")).0;
                self.ask(&format!("/v1/actions/{action}/finish"), body, reads::<FinishRequest>(body));
            }
            b"decide" => {
                let (action, digest) = self.propose(200, None);
                let body = String::from_utf8_lossy(body).replace(DIGEST, &digest).into_bytes();
                self.ask(&format!("/v1/reviews/{action}/decide"), &body, reads::<DecideRequest>(&body));
            }
            _ => {}
        }
    }

    /// A new action, started where `attempt` is named, and the digest of its payload where people are asked.
    fn propose(&self, amount: i64, attempt: Option<&str>) -> (Uuid, String) {
        let start = attempt.map(|attempt| StartNow { attempt: attempt.to_owned(), executor: None, deadline_s: None });
        let request =
            ProposeRequest { start_if_allowed: start, ..pay(&format!("own-{}", self.runs), "own-agent", amount) };
        let (gate, owner) = (&self.gate.gate, Caller::owner());
        let view = self.runtime.block_on(gate.propose(&owner, request)).expect("the gate takes a good proposal");
        let reviews = gate.reviews(&owner).expect("the owner looks");
        let review = reviews.iter().find(|review| review.action == view.action);
        assert_eq!(review.is_some(), view.state == State::Waiting);
        (view.action, review.map(|review| review.payload_digest.to_string()).unwrap_or_default())
    }

    fn ask(&self, path: &str, body: &[u8], reads: bool) {
        let before = self.gate.gate.durable();
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
        let answer = self.runtime.block_on((self.door)(request)).expect("the router answers");
        let (status, told) = (answer.status(), answer.body());
        let records = self.gate.gate.durable() - before;
        parse(told, Limits { bytes: usize::MAX, depth: 128 }).expect("the answer is strict JSON");
        assert!(!status.is_server_error(), "{status}: {}", String::from_utf8_lossy(told));
        if !reads {
            assert!(status.is_client_error(), "{status} for a body that does not read");
        }
        // A refused start is on record; the same proposal again is not recorded again.
        if status.is_client_error() && !(reads && path.ends_with("/start")) {
            assert_eq!(records, 0, "{status} left a record: {}", String::from_utf8_lossy(told));
        }
        assert!(status.is_client_error() || records > 0 || path == "/v1/actions", "{status} without a record");
    }
}

/// Whether a body has the form; if so, whether all of it counts.
fn reads<T: DeserializeOwned + Serialize + PartialEq + Debug>(body: &[u8]) -> bool {
    let Ok(said) = parse(body, Limits { depth: DEPTH, ..Limits::default() }) else { return false };
    if said.as_object().is_none() {
        return false;
    }
    let Ok(read) = from_value::<T>(said.clone()) else { return false };
    let written = to_value(&read).expect("what was read can be written");
    assert_eq!(from_value::<T>(written.clone()).as_ref(), Ok(&read), "and read again");
    assert!(is_in(&said, &written), "{} became {}", said.to_canonical(), written.to_canonical());
    true
}

/// Whether nothing that was said is lost. An absent member may be spelt `null`, a UUID in several ways.
fn is_in(said: &Value, written: &Value) -> bool {
    match (said, written) {
        (Value::Object(said), Value::Object(written)) => said.iter().all(|(name, value)| match written.get(name) {
            Some(written) => is_in(value, written),
            None => value.is_null(),
        }),
        (Value::Array(said), Value::Array(written)) => {
            said.len() == written.len() && said.iter().zip(written).all(|(said, written)| is_in(said, written))
        }
        (Value::String(said), Value::String(written)) => {
            said == written || matches!((Uuid::parse_str(said), Uuid::parse_str(written)), (Ok(a), Ok(b)) if a == b)
        }
        _ => said == written,
    }
}
