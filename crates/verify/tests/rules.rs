//! The rules that hold across a log: each broken alone, in a log that is otherwise whole and rightly signed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use countersign_evidence::record::*;
use countersign_evidence::time::Timestamp;
use countersign_tlog::TrustFile;
use countersign_verify::{Options, Question, Report, Verdict, verify_folder};
use sample::courses::{given_up, log, propose_and_allow, propose_and_deny, redeemed};
use sample::publish::{trust_text, whole};
use sample::standing::{Standing, asked, grant, standing, unseen, use_again, use_it};
use sample::{ORIGIN, Writer, actor, policy};
use uuid::Uuid;

fn verify(log: &Writer) -> Report {
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let options = Options { trust: Some(&trust), ..Options::default() };
    verify_folder(&whole(&log.entries), options, &mut |_| {}).unwrap()
}

fn gate() -> Actor {
    actor(ActorKind::System, "gate")
}

fn open(log: &mut Writer, origin: &str, epoch: u64) {
    let body = LogOpened { origin: origin.to_owned(), epoch, version: "0.1.0".to_owned() };
    log.system(gate(), body, "");
}

/// Breaks one rule at the last record.
fn assert_breaks(what: &str, change: impl Fn(&mut Writer)) {
    let mut log = log(31, 18);
    assert_eq!(verify(&log).verdict(Question::Conformance), Some(Verdict::Pass));
    change(&mut log);
    let report = verify(&log);
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass), "{what}");
    let answer = report.answer(Question::Conformance).unwrap();
    assert_eq!(answer.verdict, Verdict::Fail, "{what}");
    let finding = &answer.findings[0];
    assert!(finding.what.contains(what), "{what}: {finding:?}");
    assert_eq!(finding.place, format!("record {}", log.entries.len() - 1), "{what}");
}

#[test]
fn each_rule_has_its_finding() {
    assert_breaks("before the previous record's", |log| {
        log.now = Timestamp::from_micros(log.now.as_micros() - 10_000);
        log.system(gate(), ConfigChanged { setting: "a".to_owned(), value: "b".to_owned() }, "");
    });
    assert_breaks("one log holds one workspace", |log| {
        log.workspace = "other".to_owned();
        log.system(gate(), ConfigChanged { setting: "a".to_owned(), value: "b".to_owned() }, "");
    });
    assert_breaks("its id is that of an earlier record", |log| {
        let last = log.entries.last().unwrap().clone();
        log.entries.push(last);
    });
    assert_breaks("has not been opened for writing", |log| {
        log.close();
        log.system(gate(), ConfigChanged { setting: "a".to_owned(), value: "b".to_owned() }, "");
    });
    assert_breaks("its epoch is not that of the last log.opened", |log| {
        log.system(gate(), LogClosed { epoch: 77 }, "");
    });
    assert_breaks("its epoch does not rise", |log| open(log, ORIGIN, 2));
    assert_breaks("its origin is not the checkpoint's", |log| open(log, "countersign.example/other", 9));
    assert_breaks("whose erasure no earlier record requests", |log| {
        let keys = vec![log.workspace_key];
        log.system(gate(), SubjectErased { keys }, "");
    });
    assert_breaks("no earlier record activated its policy version", |log| {
        log.policy = policy("never-activated");
        propose_and_deny(log);
    });
    assert_breaks("it does not seal text, which its type always seals", |log| {
        let body = PolicyActivated { version: "2026-01-03.1".to_owned(), digest: log.policy.digest, tests_passed: 0 };
        log.system(actor(ActorKind::Operator, "operator-1"), body, "");
    });
    assert_breaks("it seals note, which its type does not know", |log| {
        let body = ConfigChanged { setting: "a".to_owned(), value: "b".to_owned() };
        log.system(gate(), body, r#"{"note":"aside"}"#);
    });
    assert_breaks("it seals aside, which its type does not know", |log| {
        let mut act = propose_and_allow(log);
        let body = ActionClosed { how: Closing::Cancelled };
        log.step(&mut act, gate(), body, sample::fields(r#"{"aside":"x"}"#));
    });
    assert_breaks("it names no action", |log| {
        log.system(gate(), ActionClosed { how: Closing::Cancelled }, "");
    });
    assert_breaks("cannot follow while the action is denied", |log| {
        let mut act = propose_and_deny(log);
        log.step(&mut act, gate(), LogClosed { epoch: 2 }, sample::Sealing::default());
    });
}

#[test]
fn what_is_approved_in_advance_falls_under_what_was_granted() {
    let mut log = log(31, 3);
    unseen(&mut log, AuthorizedBy::Standing);
    let report = verify(&log);
    assert_eq!(report.verdict(Question::Conformance), Some(Verdict::Pass), "{report:?}");
    /// Changes the grant, or the use of it.
    type Change = fn(&mut Standing);
    let cases: [(&str, Change); 9] = [
        ("no earlier record grants", |one| one.used.standing = Uuid::from_u128(1)),
        ("its number is not the next one", |one| one.used.number = 2),
        ("another person granted", |one| one.used.person = "p-9".to_owned()),
        ("another agent, tool or environment", |one| one.granted.agent = "other".to_owned()),
        ("another agent, tool or environment", |one| one.granted.environment = "test".to_owned()),
        ("another agent, tool or environment", |one| one.granted.tool.definition = None),
        ("fills no seat of that rule", |one| one.granted.rules = vec!["pay_over_1000".to_owned()]),
        ("lasts longer than the rule lets it", |one| one.granted.until = one.granted.until.plus_seconds(86_400)),
        ("such that a standing approval of these groups fills", |one| one.used.groups = vec!["nobody".to_owned()]),
    ];
    for (what, change) in cases {
        assert_breaks(what, |log| {
            let mut one = standing(log);
            change(&mut one);
            use_it(log, &mut one);
        });
    }
    assert_breaks("was revoked or had ended", |log| {
        let mut one = standing(log);
        grant(log, &one.granted);
        let revoked = StandingRevoked { standing: one.granted.standing, why: "revoked".to_owned() };
        log.system(gate(), revoked, "");
        use_again(log, &mut one);
    });
    assert_breaks("used as often as it may be", |log| {
        let mut one = standing(log);
        grant(log, &one.granted);
        for number in 1..=3 {
            one.act = asked(log);
            (one.used.number, one.used.payload) = (number, one.act.payloads[0]);
            use_again(log, &mut one);
        }
    });
    assert_breaks("was revoked or had ended", |log| {
        let mut one = standing(log);
        grant(log, &one.granted);
        log.now = one.granted.until;
        one.act = asked(log);
        one.used.payload = one.act.payloads[0];
        use_again(log, &mut one);
    });
    assert_breaks("a reviewer grants it", |log| {
        let granted = standing(log).granted;
        log.system(gate(), StandingGranted { standing: Uuid::from_u128(3), ..granted }, "");
    });
    assert_breaks("no earlier record grants it", |log| {
        log.system(gate(), StandingRevoked { standing: Uuid::from_u128(3), why: "w".to_owned() }, "");
    });
    assert_breaks("standing approvals alone authorize where nobody looked", |log| {
        unseen(log, AuthorizedBy::Review);
    });
}

/// The gate itself gives an outcome up at the deadline; an executor may do so before.
#[test]
fn an_outcome_is_given_up_in_time() {
    let finding = |by: ActorKind, after_us: i64| {
        let mut log = log(35, 18);
        given_up(&mut log, by, after_us);
        let report = verify(&log);
        let answer = report.answer(Question::Conformance).unwrap();
        answer.findings.first().map(|finding| finding.what.clone()).unwrap_or_default()
    };
    assert!(finding(ActorKind::System, -1).contains("gives an outcome up only from the deadline on"));
    for (by, after_us) in [(ActorKind::System, 0), (ActorKind::Gateway, -1), (ActorKind::Agent, -50_000_000)] {
        assert_eq!(finding(by, after_us), "", "{by:?} {after_us}");
    }
}

/// Only another request redeems an action, and only its start has a context of its own.
#[test]
fn an_action_is_redeemed_by_another_request() {
    let finding = |redeemed_by: Option<&str>, context: Option<&str>| {
        let mut log = log(36, 18);
        redeemed(&mut log, redeemed_by, context);
        let report = verify(&log);
        let answer = report.answer(Question::Conformance).unwrap();
        answer.findings.first().map(|finding| finding.what.clone()).unwrap_or_default()
    };
    let context = Some(r#"{"context":{"traceparent":"00-4bf9-00f0-01"}}"#);
    for (redeemed_by, context) in [(None, None), (Some("again"), None), (Some("again"), context)] {
        assert_eq!(finding(redeemed_by, context), "", "{redeemed_by:?} {context:?}");
    }
    assert!(finding(Some("req-0"), context).contains("the request that proposed the action does not redeem it"));
    assert!(finding(None, context).contains("only a request that redeems the action has a context of its own"));
}

#[test]
fn a_clock_that_steps_between_two_openings_is_allowed() {
    let mut log = log(32, 18);
    log.close();
    let clock = log.now.plus_seconds(-90);
    log.system(gate(), ClockStepped { clock, step_us: -90_000_000 }, "");
    log.open();
    assert_eq!(verify(&log).verdict(Question::Conformance), Some(Verdict::Pass));
}

#[test]
fn without_a_policy_everything_may_be_denied_and_nothing_allowed() {
    let mut log = Writer::new(33);
    log.open();
    log.policy = policy("empty");
    propose_and_deny(&mut log);
    assert_eq!(verify(&log).verdict(Question::Conformance), Some(Verdict::Pass));
    propose_and_allow(&mut log);
    assert_eq!(verify(&log).verdict(Question::Conformance), Some(Verdict::Fail));
}

/// A log that begins in the middle: its first records are gone, and it was signed as if they had never been.
#[test]
fn a_log_that_lost_its_beginning_is_incomplete() {
    let mut log = log(34, 18);
    log.entries.drain(..8);
    let report = verify(&log);
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
    assert!(report.failed());
}
