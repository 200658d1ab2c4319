//! Erasing a person: what is open closes, and no file holds a word of it any more.

use std::path::Path;

use countersign_evidence::record::{Isolation, Outcome};
use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use countersign_gate::Caller;
use countersign_gate::testing::{Setup, TestGate, agent, on_behalf, pay, reviewer, start, value};
use countersign_index::runtime::{Report, ReportKind, ReportStatus};
use countersign_journal::SqliteOptions;
use countersign_wire::{EraseRequest, ProposeRequest, State};

use crate::{finish, name, records};

const USER: &str = "zanzibarqueen@example.test";
/// Words that the index would find, too.
const WORDS: [&str; 4] = ["zanzibarqueen", "quibbleword", "intentiflora", "contextulum"];

/// The files below a folder that hold one of the words, plain or in the index's lower case.
fn holding(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    if folder.is_file() {
        return words_in(folder);
    }
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(holding(&entry.path()));
            continue;
        }
        found.extend(words_in(&entry.path()));
    }
    found
}

fn words_in(file: &Path) -> Vec<String> {
    let bytes = std::fs::read(file).unwrap().to_ascii_lowercase();
    let holds = |word: &&&str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    WORDS.iter().filter(holds).map(|word| format!("{}: {word}", file.display())).collect()
}

fn personal(request_id: &str, amount: i64) -> ProposeRequest {
    let mut request = on_behalf(pay(request_id, "bot", amount), USER);
    request.payload = value(&format!(r#"{{"amount":{amount},"note":"Quibbleword, and more"}}"#));
    request.intent = Some("Intentiflora for a friend".to_owned());
    request.context = Some(value(r#"{"why":"contextulum"}"#));
    request
}

fn erase() -> EraseRequest {
    EraseRequest { user: USER.to_owned() }
}

fn reported(trace: TraceId, number: u8, name: &str) -> Report {
    Report {
        kind: ReportKind::Span,
        trace: Some(trace),
        span: SpanId::from_bytes([number; 8]),
        parent: None,
        name: name.to_owned(),
        started: Timestamp::from_micros(0),
        duration_us: None,
        status: ReportStatus::Unset,
        about_agents: true,
        call: None,
        session: None,
        conversation: None,
        prompt: None,
        facts: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reaches_what_the_agents_side_reported() {
    let mut test = TestGate::open(Setup { on_disk: Some(SqliteOptions::default()), ..Setup::default() }).await;
    let (key, owner) = (agent(1), Caller::owner());
    let trace = TraceId::from_bytes([9; 16]).unwrap();
    let mut request = on_behalf(pay("r-1", "bot", 50), USER);
    request.correlation.trace_id = Some(trace.to_string());
    request.correlation.session_id = Some("run-9".to_owned());
    let about = test.gate.propose(&key, request).await.unwrap().action;
    let beside = test.gate.propose(&key, pay("r-2", "bot", 60)).await.unwrap().action;
    let mut of_session = reported(TraceId::from_bytes([8; 16]).unwrap(), 2, "contextulum");
    (of_session.session, of_session.prompt) = (Some("run-9".to_owned()), Some("p-1".to_owned()));
    let mut of_prompt = reported(TraceId::from_bytes([8; 16]).unwrap(), 3, "intentiflora");
    of_prompt.prompt = Some("p-1".to_owned());
    let kept = reported(TraceId::of_action(beside), 4, "stays");
    let reports = vec![reported(trace, 1, "quibbleword"), of_session, of_prompt, kept];
    assert_eq!(test.gate.report(&key, reports.clone()).await.unwrap(), 0);
    assert_eq!(test.gate.context(&owner, about).await.unwrap().spans.len(), 1);
    test.restart().await.unwrap();
    assert!(holding(&test.folder.path().join("runtime.db")).len() >= 3, "the search can find");
    test.gate.erase_subject(&owner, erase()).await.unwrap();
    assert_eq!(holding(test.folder.path()), Vec::<String>::new());
    // What comes late, or a second time, is not taken any more, also by an index that is built anew.
    assert_eq!(test.gate.report(&key, reports.clone()).await.unwrap(), 3);
    test.restart().await.unwrap();
    test.delete_index();
    test.restart().await.unwrap();
    assert_eq!(test.gate.report(&key, reports).await.unwrap(), 3);
    assert_eq!(holding(test.folder.path()), Vec::<String>::new());
    assert_eq!(test.gate.context(&owner, beside).await.unwrap().spans[0].name, "stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_no_word_in_any_file_and_closes_what_is_open() {
    let mut test = TestGate::open(Setup { on_disk: Some(SqliteOptions::default()), ..Setup::default() }).await;
    let (key, owner) = (agent(1), Caller::owner());
    let done = test.gate.propose(&key, personal("r-1", 50)).await.unwrap().action;
    test.gate.start(&key, done, start("a-1", personal("r-1", 50).payload)).await.unwrap();
    assert_eq!(name(test.gate.erase_subject(&owner, erase()).await), "wrong_state", "it is being executed");
    test.gate.finish(&key, done, finish("a-1", Outcome::Succeeded)).await.unwrap();
    let waits = test.gate.propose(&key, personal("r-2", 200)).await.unwrap().action;
    test.gate.present(&reviewer(1, &["finance"], None), waits).await.unwrap();
    let allowed = test.gate.propose(&key, personal("r-3", 60)).await.unwrap().action;
    let untouched = test.gate.propose(&key, pay("r-4", "bot", 70)).await.unwrap().action;
    test.publish().await;
    test.restart().await.unwrap();
    assert!(!holding(test.folder.path()).is_empty(), "the index holds some of it, so the search can find");
    let erased = test.gate.erase_subject(&owner, erase()).await.unwrap();
    let mut closed = erased.closed_actions;
    closed.sort_unstable();
    let mut open = vec![waits, allowed];
    open.sort_unstable();
    assert_eq!(closed, open);
    assert_eq!(holding(test.folder.path()), Vec::<String>::new());
    let refused = test.gate.start(&key, allowed, start("a-3", personal("r-3", 60).payload)).await;
    assert!(["unauthorized", "not_found"].contains(&name(refused)));
    // Nobody can say that it is the same again, so it is not executed again.
    assert_eq!(name(test.gate.propose(&key, personal("r-1", 50)).await), "request_replayed");
    let last: Vec<String> =
        records(&test).await.iter().map(|record| record["type"].as_str().unwrap().to_owned()).collect();
    let place = |kind: &str| last.iter().rposition(|found| found == kind).unwrap();
    assert!(place("action.closed") < place("subject.erasure_requested"));
    assert!(place("subject.erasure_requested") < place("subject.erased"));
    test.restart().await.unwrap();
    test.delete_index();
    test.restart().await.unwrap();
    test.publish().await;
    assert_eq!(holding(test.folder.path()), Vec::<String>::new(), "also in an index that is built anew");
    assert_eq!(test.gate.action(&key, untouched, 0).await.unwrap().state, State::Authorized);
    let auditor = Caller { isolation: Isolation::Remote, ..Caller::owner() };
    let told = format!("{:?}", test.gate.story(&auditor, done).await).to_lowercase();
    assert!(WORDS.iter().all(|word| !told.contains(word)), "{told}");
    // The person may come back: under a new key.
    let again = test.gate.propose(&key, personal("r-9", 50)).await.unwrap();
    assert_eq!(again.state, State::Authorized);
}
