//! Runtime context: what is linked to what, whose word counts, what goes when room is needed or somebody is erased.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use countersign_evidence::record::Correlation;
use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use countersign_index::runtime::*;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
const LIMITS: RuntimeLimits = RuntimeLimits { reports: 1_000, bytes: 1 << 20, age_s: 3_600 };

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16]).unwrap()
}

fn span(number: u64) -> SpanId {
    SpanId::from_bytes(number.to_be_bytes()).unwrap()
}

fn report(trace_number: u8, number: u64) -> Report {
    Report {
        kind: ReportKind::Span,
        trace: Some(trace(trace_number)),
        span: Some(span(number)),
        parent: None,
        name: format!("span {number}"),
        started: NOW,
        duration_us: Some(7),
        status: ReportStatus::Ok,
        about_agents: false,
        call: None,
        session: None,
        conversation: None,
        prompt: None,
        facts: BTreeMap::from([("gen_ai.request.model".to_owned(), "m\"1".to_owned())]),
    }
}

fn reporter(number: u128, environments: &[&str], agents: &[&str]) -> Reporter {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Reporter { key: Uuid::from_u128(number), environments: list(environments), agents: list(agents) }
}

struct House {
    _folder: tempfile::TempDir,
    file: std::path::PathBuf,
    runtime: Runtime,
    correlation: Correlation,
}

impl House {
    fn new(limits: RuntimeLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runtime.db");
        let correlation = Correlation {
            trace_id: Some(trace(1).to_string()),
            span_id: Some(span(1).to_string()),
            call_id: Some("call-1".to_owned()),
            session_id: Some("run-1".to_owned()),
            ..Correlation::default()
        };
        let runtime = Runtime::open(&file, limits).unwrap();
        House { _folder: folder, file, runtime, correlation }
    }

    fn about(&self, only: Option<u128>) -> Found {
        let about = About {
            trace: trace(1),
            span: span(100),
            correlation: &self.correlation,
            environment: "production",
            agent: "billing",
            key: Uuid::from_u128(1),
            from: NOW,
            until: NOW,
            only: only.map(Uuid::from_u128),
        };
        self.runtime.about(&about).unwrap()
    }

    /// Names and links of what is found, in the order of their beginning.
    fn found(&self, only: Option<u128>) -> Vec<(String, &'static str)> {
        self.about(only).reports.into_iter().map(|one| (one.report.name, one.link.as_str())).collect()
    }
}

#[test]
fn links_follow_from_ids_on_both_sides() {
    let house = House::new(LIMITS);
    let named = |name: &str, report: Report| Report { name: name.to_owned(), ..report };
    let text = |text: &str| Some(text.to_owned());
    let later = NOW.plus_seconds(7_200);
    let all = [
        named("asked", report(1, 1)),
        named("below", Report { parent: Some(span(100)), ..report(1, 2) }),
        named("beside", report(1, 3)),
        named("elsewhere", report(2, 4)),
        named("call", Report { call: text("call-1"), prompt: text("p1"), ..report(3, 5) }),
        named("other call", Report { call: text("call-2"), session: text("run-1"), ..report(3, 6) }),
        named("thought", Report { prompt: text("p1"), ..report(3, 7) }),
        named("session", Report { conversation: text("run-1"), ..report(3, 8) }),
        named("much later", Report { session: text("run-1"), started: later, ..report(3, 9) }),
        named("the gate's own", report(1, 100)),
    ];
    assert_eq!(house.runtime.keep(&reporter(1, &[], &[]), &all, NOW).unwrap(), 0);
    let mut found = house.found(None);
    found.sort();
    let expected = [
        ("asked", "caller"),
        ("below", "child"),
        ("beside", "trace"),
        ("call", "call"),
        ("session", "session"),
        ("thought", "prompt"),
    ];
    assert_eq!(found, expected.map(|(name, link)| (name.to_owned(), link)));
    let one = house.about(None).reports.into_iter().find(|one| one.report.name == "call").unwrap();
    assert_eq!((one.report, one.key, one.received), (all[4].clone(), Uuid::from_u128(1), NOW));
}

#[test]
fn only_keys_that_may_act_for_the_agent_there_are_heard() {
    let house = House::new(LIMITS);
    let keys = [
        (reporter(1, &["other"], &[]), 11),
        (reporter(2, &["production"], &["billing", "sales"]), 12),
        (reporter(3, &["production"], &["sales"]), 13),
        (reporter(4, &["staging"], &[]), 14),
        (reporter(5, &[], &[]), 15),
    ];
    for (key, number) in &keys {
        house.runtime.keep(key, &[report(1, *number)], NOW).unwrap();
    }
    let names = |only| house.found(only).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(None), ["span 11", "span 12", "span 15"], "the proposer's own, and who covers it");
    assert_eq!(names(Some(2)), ["span 12"]);
    assert_eq!(names(Some(3)), [""; 0]);
    // The same span told by two keys is two claims.
    house.runtime.keep(&keys[1].0, &[report(1, 15)], NOW).unwrap();
    assert_eq!(house.found(None).len(), 4);
}

#[test]
fn what_is_told_twice_counts_once() {
    let house = House::new(LIMITS);
    let event = Report { kind: ReportKind::Event, span: None, ..report(1, 5) };
    let changed = Report { name: "other".to_owned(), ..report(1, 5) };
    let key = reporter(1, &[], &[]);
    house.runtime.keep(&key, &[report(1, 5), report(1, 5), event.clone(), event.clone()], NOW).unwrap();
    house.runtime.keep(&key, &[changed, event.clone()], NOW).unwrap();
    assert_eq!(house.found(None).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["span 5", "span 5"]);
    let another = Report { name: "another".to_owned(), ..event };
    house.runtime.keep(&key, &[another], NOW).unwrap();
    assert_eq!(house.found(None).len(), 3);
}

#[test]
fn who_sends_most_gives_way_and_spans_about_agents_go_last() {
    let house = House::new(RuntimeLimits { reports: 20, ..LIMITS });
    let (quiet, loud) = (reporter(1, &[], &[]), reporter(2, &[], &[]));
    house.runtime.keep(&quiet, &[report(1, 1), report(1, 2)], NOW).unwrap();
    house.runtime.keep(&loud, &[Report { about_agents: true, ..report(1, 50) }], NOW).unwrap();
    let flood: Vec<Report> = (1_000..2_000).map(|number| report(1, number)).collect();
    house.runtime.keep(&loud, &flood, NOW).unwrap();
    let found: Vec<String> = house.found(None).into_iter().map(|(name, _)| name).collect();
    assert_eq!(found.len(), 20);
    for kept in ["span 1", "span 2", "span 50", "span 1999"] {
        assert!(found.contains(&kept.to_owned()), "{kept}: {found:?}");
    }
}

#[test]
fn bytes_and_age_are_limits_too() {
    let house = House::new(RuntimeLimits { bytes: 20_000, ..LIMITS });
    let long = |number| Report { name: "x".repeat(900), ..report(1, number) };
    house.runtime.keep(&reporter(1, &[], &[]), &(1..200).map(long).collect::<Vec<_>>(), NOW).unwrap();
    let kept = house.found(None).len();
    assert!((1..20).contains(&kept), "{kept}");
    house.runtime.keep(&reporter(1, &[], &[]), &[report(2, 1)], NOW.plus_seconds(3_601)).unwrap();
    assert_eq!(house.found(None).len(), 0, "what is old goes with the next report");
}

#[test]
fn a_flood_by_a_key_that_does_not_count_hides_nothing() {
    let house = House::new(RuntimeLimits { reports: 10_000, ..LIMITS });
    let flood: Vec<Report> = (1_000..3_000).map(|number| report(1, number)).collect();
    house.runtime.keep(&reporter(9, &["staging"], &[]), &flood, NOW).unwrap();
    house.runtime.keep(&reporter(8, &[], &[]), &flood, NOW).unwrap();
    house.runtime.keep(&reporter(1, &[], &[]), &[report(1, 7)], NOW).unwrap();
    let found = house.about(None);
    assert!(found.more && found.reports.len() == MOST_FOUND);
    assert!(found.reports.iter().any(|one| one.key == Uuid::from_u128(1)), "the proposer's own word comes first");
}

#[test]
fn a_file_that_does_not_read_begins_anew() {
    let house = House::new(LIMITS);
    house.runtime.keep(&reporter(1, &[], &[]), &[report(1, 7)], NOW).unwrap();
    drop(house.runtime);
    let again = Runtime::open(&house.file, LIMITS).unwrap();
    drop(again);
    std::fs::write(&house.file, b"not a database, and longer than its head is").unwrap();
    let runtime = Runtime::open(&house.file, LIMITS).unwrap();
    assert_eq!(runtime.keep(&reporter(1, &[], &[]), &[report(1, 7)], NOW).unwrap(), 0);
}
