//! The courses that an action can take.

use super::*;

const PAYLOAD: &str = r#"{"method":"tools/call","params":{"arguments":{"amount":1250,"iban":"DE02120300000000202051","note":"Rechnung Nr. 7 — danke 😀","reference":12345678901234567890123},"name":"transfer"}}"#;
const EDITED: &str = r#"{"method":"tools/call","params":{"arguments":{"amount":950,"iban":"DE02120300000000202051"},"name":"transfer"}}"#;

fn agent() -> Actor {
    actor(ActorKind::Agent, "payments-agent")
}

fn engine() -> Actor {
    actor(ActorKind::Policy, "cedar")
}

fn gateway() -> Actor {
    actor(ActorKind::Gateway, "mcp-1")
}

fn gate() -> Actor {
    actor(ActorKind::System, "gate")
}

/// People who review: opaque id, key id, groups.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub key: Uuid,
    pub groups: Vec<String>,
}

/// A whole log: `actions` of them, in turn every course, two policies, a restart, an erased subject.
pub fn log(seed: u64, actions: usize) -> Writer {
    let mut log = Writer::new(seed);
    log.open();
    log.activate("2026-01-01.1");
    let people = people(&mut log);
    let (anna, berta) = (log.new_key(), log.new_key());
    for number in 0..actions {
        if number == actions / 2 {
            log.close();
            log.open();
            log.activate("2026-01-02.1");
            let kind = "control.heartbeat".to_owned();
            log.system(gate(), Body::Unknown { kind, content: value(r#"{"exercised":3,"result":"pass"}"#) }, "");
        }
        let subject = if number % 7 == 3 { berta } else { anna };
        run(&mut log, number, subject, &people);
    }
    log.erase(berta);
    log
}

fn people(log: &mut Writer) -> [Person; 2] {
    ["treasury", "security"].map(|group| {
        let (person, key) = (log.uuid(), log.new_key());
        let body = AccessChanged { person, groups: vec![group.to_owned()], roles: None, until: None };
        log.system(actor(ActorKind::Operator, "operator-1"), body, r#"{"name":"Somebody"}"#);
        Person { id: person.to_string(), key, groups: vec![group.to_owned()] }
    })
}

/// Number of different courses.
pub const COURSES: usize = 18;

pub fn run(log: &mut Writer, number: usize, subject: Uuid, people: &[Person; 2]) {
    let mut act = propose(log, number, subject);
    let act = &mut act;
    let [first, second] = people;
    match number % COURSES {
        0 => allowed(log, act, Outcome::Succeeded),
        1 => decide(log, act, Decision::Deny, 0),
        2 => {
            review(log, act);
            approve(log, act, first, 0);
            approve(log, act, second, 0);
            authorize(log, act, AuthorizedBy::Review);
            execute(log, act, Outcome::Succeeded);
        }
        3 => {
            review(log, act);
            edit(log, act, first);
            decide(log, act, Decision::Review, 1);
            approve(log, act, second, 1);
            authorize(log, act, AuthorizedBy::Review);
            execute(log, act, Outcome::Succeeded);
        }
        4 => {
            decide(log, act, Decision::Allow, 0);
            authorize(log, act, AuthorizedBy::Policy);
            refuse(
                log,
                act,
                Refusal::Mismatch,
                fields(r#"{"payload":{"method":"tools/call","params":{"name":"drop"}}}"#),
            );
            execute(log, act, Outcome::Succeeded);
            let known = Sealing { known: act.payloads.last().copied(), ..Sealing::default() };
            refuse(log, act, Refusal::AlreadyUsed, known);
        }
        5 => {
            allowed(log, act, Outcome::Unknown);
            finish(log, act, Outcome::Succeeded, true);
        }
        6 => {
            allowed(log, act, Outcome::Unknown);
            let body = ExecutionResolved {
                outcome: Outcome::Failed,
                basis: "downstream_ledger".to_owned(),
                reference: Some(log.uuid()),
            };
            log.step(act, actor(ActorKind::Operator, "operator-1"), body, fields(r#"{"evidence":"no such transfer"}"#));
        }
        7 => allowed(log, act, Outcome::Unknown),
        8 => {
            review(log, act);
            log.now = log.now.plus_seconds(900);
            log.step(act, gate(), ReviewExpired { why: "nobody_decided".to_owned() }, Sealing::default());
        }
        9 => {
            review(log, act);
            let body = ReviewEscalated { groups: vec!["board".to_owned()], rule: None, why: "half_time".to_owned() };
            log.step(act, gate(), body, Sealing::default());
            log.step(act, agent(), ReviewCancelled { why: "caller_cancelled".to_owned() }, Sealing::default());
        }
        10 => {
            decide(log, act, Decision::Allow, 0);
            authorize(log, act, AuthorizedBy::Policy);
            log.now = log.now.plus_seconds(600);
            refuse(log, act, Refusal::Expired, Sealing { known: act.payloads.last().copied(), ..Sealing::default() });
            log.step(act, gate(), ActionClosed { how: Closing::AuthorizationExpired }, Sealing::default());
        }
        11 => {
            review(log, act);
            let verdict = review_decided(act, first, Verdict::Deny, 0);
            let sealing = Sealing {
                person: Some((first.key, r#"{"name":"A. Reviewer","reason":"wrong account"}"#)),
                ..Sealing::default()
            };
            log.step(act, actor(ActorKind::Reviewer, &first.id), verdict, sealing);
        }
        12 => {
            decide(log, act, Decision::Allow, 0);
            authorize(log, act, AuthorizedBy::Policy);
            decide(log, act, Decision::Deny, 0);
            refuse(
                log,
                act,
                Refusal::PolicyChanged,
                Sealing { known: act.payloads.last().copied(), ..Sealing::default() },
            );
        }
        13 => allowed(log, act, Outcome::Failed),
        14 => {
            let kind = "action.annotated".to_owned();
            log.step(
                act,
                gate(),
                Body::Unknown { kind, content: value(r#"{"label":"known_incident"}"#) },
                Sealing::default(),
            );
            allowed(log, act, Outcome::Succeeded);
        }
        15 => review(log, act),
        16 => {
            decide(log, act, Decision::Allow, 0);
            authorize(log, act, AuthorizedBy::Policy);
            start(log, act);
        }
        _ => {
            decide(log, act, Decision::Allow, 0);
            authorize(log, act, AuthorizedBy::Policy);
            log.step(act, gate(), ActionClosed { how: Closing::Cancelled }, Sealing::default());
        }
    }
}

pub(super) fn propose(log: &mut Writer, number: usize, subject: Uuid) -> Act {
    let mut act = Act {
        id: log.uuid(),
        key: Key::generate(&log.random),
        subject,
        steps: 0,
        last: None,
        payloads: Vec::new(),
        policy: log.policy.clone(),
    };
    let body = ActionProposed {
        agent: Agent { id: "payments-agent".to_owned(), version: Some("3.2.0".to_owned()) },
        model: Some("model-x".to_owned()),
        tool: ToolRef {
            name: "transfer".to_owned(),
            server: "bank".to_owned(),
            definition: Some(Digest::of(b"definition")),
        },
        category: Category::ALL[number % Category::ALL.len()],
        resource_type: Some("account".to_owned()),
        request_id: format!("req-{number}"),
        correlation: Correlation {
            session_id: Some(format!("s-{}", number / 5)),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            ..Correlation::default()
        },
        source: Source { via: "mcp".to_owned(), version: Some("0.1.0".to_owned()) },
        authenticated: Authenticated { key: Uuid::from_u128(7), kind: KeyKind::Gateway },
        isolation: Isolation::SeparateUser,
    };
    let text = format!(
        r#"{{"payload":{PAYLOAD},"intent":"pay invoice {number}","user":{{"id":"user-{number}@example.com","groups":["staff"]}},"resource":"acct-{number}"}}"#
    );
    log.step(&mut act, agent(), body, fields(&text));
    let digest = Sealer::new(&act.key).digest("payload/0", "payload", &value(PAYLOAD));
    act.payloads.push(digest);
    act
}

pub(super) fn decide(log: &mut Writer, act: &mut Act, decision: Decision, payload_version: u32) {
    decide_with(log, act, decision, payload_version, None);
}

/// The same, where rules take what is approved in advance for so many seconds.
pub(super) fn decide_with(
    log: &mut Writer,
    act: &mut Act,
    decision: Decision,
    payload_version: u32,
    standing_s: Option<u64>,
) {
    let review = (decision == Decision::Review).then(|| ReviewDemand {
        requirements: [("pay_over_1000", "treasury"), ("new_recipient", "security")]
            .map(|(rule, group)| Requirement {
                rule: rule.to_owned(),
                groups: vec![group.to_owned()],
                quorum: 1,
                signature: None,
                standing_s,
                escalation: None,
            })
            .to_vec(),
        expires_at: log.now.plus_seconds(900),
    });
    let effect = match decision {
        Decision::Allow => Effect::Permit,
        Decision::Deny => Effect::Forbid,
        Decision::Review => Effect::Review,
    };
    let body = ActionDecided {
        decision,
        policy_set: act.policy.clone(),
        reasons: vec![Reason { rule: "pay_over_1000".to_owned(), effect }],
        reasons_total: None,
        risk: Risk { score: 40, factors: vec![Factor { rule: "amount".to_owned(), points: 40 }] },
        review,
        errors: Vec::new(),
        payload_version,
    };
    log.step(act, engine(), body, fields(r#"{"facts":{"spent_today":[120,0.5,1e-7],"first_time":true}}"#));
}

fn review(log: &mut Writer, act: &mut Act) {
    decide(log, act, Decision::Review, 0);
    let body = ReviewPresented { renderer: "0.1.0".to_owned(), payload_version: 0 };
    log.step(act, actor(ActorKind::Reviewer, "seen"), body, fields(r#"{"presentation":"Pay 1250 EUR to DE02…"}"#));
}

fn review_decided(act: &Act, person: &Person, verdict: Verdict, payload_version: u32) -> ReviewDecided {
    let rule = if person.groups.contains(&"treasury".to_owned()) { "pay_over_1000" } else { "new_recipient" };
    ReviewDecided {
        expanded_all: None,
        meaning: None,
        on_behalf_of: None,
        together_with: None,
        policy: None,
        signature: None,
        verdict,
        requirements: vec![rule.to_owned()],
        groups: person.groups.clone(),
        authentication: Authentication { method: "key".to_owned(), session: Some(Uuid::from_u128(9)), strength: None },
        separation: Separation::Enforced,
        payload_version,
        payload: *act.payloads.last().unwrap(),
        presentation: None,
        active_ms: Some(4_200),
    }
}

fn approve(log: &mut Writer, act: &mut Act, person: &Person, version: u32) {
    let body = review_decided(act, person, Verdict::Approve, version);
    let person_fields = (person.key, r#"{"name":"B. Reviewer","reason":"checked"}"#);
    let sealing = Sealing { person: Some(person_fields), ..Sealing::default() };
    log.step(act, actor(ActorKind::Reviewer, &person.id), body, sealing);
}

fn edit(log: &mut Writer, act: &mut Act, person: &Person) {
    act.payloads.push(Sealer::new(&act.key).digest("payload/1", "payload", &value(EDITED)));
    let body = review_decided(act, person, Verdict::Approve, 1);
    let payload = format!(r#"{{"payload":{EDITED}}}"#);
    let sealing = Sealing {
        fields: Some(&payload),
        person: Some((person.key, r#"{"name":"A. Reviewer","reason":"less"}"#)),
        known: None,
    };
    log.step(act, actor(ActorKind::Reviewer, &person.id), body, sealing);
}

pub(super) fn authorize(log: &mut Writer, act: &mut Act, by: AuthorizedBy) {
    let body = ActionAuthorized {
        by,
        policy_set: act.policy.clone(),
        payload_version: act.payloads.len() as u32 - 1,
        payload: *act.payloads.last().unwrap(),
        expires_at: log.now.plus_seconds(300),
    };
    log.step(act, if by == AuthorizedBy::Policy { engine() } else { gate() }, body, Sealing::default());
}

fn start(log: &mut Writer, act: &mut Act) {
    start_for(log, act, None, None);
}

/// The start for a request that took the action over, with what the record then seals beside the payload.
fn start_for(log: &mut Writer, act: &mut Act, redeemed_by: Option<&str>, context: Option<&str>) {
    let version = act.payloads.len() as u32 - 1;
    let body = ExecutionStarted {
        attempt: "a1".to_owned(),
        executor: "mcp-1".to_owned(),
        deadline: log.now.plus_seconds(60),
        payload_version: version,
        matches: if version == 0 { Match::Exact } else { Match::Edited },
        enforcement: Enforcement::Wire,
        redeemed_by: redeemed_by.map(str::to_owned),
    };
    let sealing = Sealing { known: act.payloads.last().copied(), fields: context, ..Sealing::default() };
    log.step(act, gateway(), body, sealing);
}

fn finish(log: &mut Writer, act: &mut Act, outcome: Outcome, late: bool) {
    let body = ExecutionFinished {
        attempt: "a1".to_owned(),
        outcome,
        late,
        status: (outcome != Outcome::Unknown).then(|| "200".to_owned()),
        duration_us: (outcome != Outcome::Unknown).then_some(48_211),
        downstream_request_id: None,
    };
    let long = "The transfer was accepted and will be booked on the next working day. ".repeat(8);
    let response = format!(r#"{{"response":{{"content":[{{"text":"{long}","type":"text"}}],"isError":false}}}}"#);
    let sealing = match outcome {
        Outcome::Succeeded => fields(&response),
        Outcome::Failed => fields(r#"{"error":"insufficient funds"}"#),
        Outcome::Unknown => Sealing::default(),
    };
    log.step(act, gateway(), body, sealing);
}

fn execute(log: &mut Writer, act: &mut Act, outcome: Outcome) {
    start(log, act);
    finish(log, act, outcome, false);
}

fn allowed(log: &mut Writer, act: &mut Act, outcome: Outcome) {
    decide(log, act, Decision::Allow, 0);
    authorize(log, act, AuthorizedBy::Policy);
    execute(log, act, outcome);
}

fn refuse(log: &mut Writer, act: &mut Act, refusal: Refusal, sealing: Sealing<'_>) {
    let payload_version = act.payloads.len() as u32 - 1;
    let body = ExecutionRefused { refusal, attempt: "a2".to_owned(), payload_version };
    log.step(act, gateway(), body, sealing);
}

/// A proposal that policy denies.
pub fn propose_and_deny(log: &mut Writer) -> Act {
    let subject = log.new_key();
    let mut act = propose(log, 0, subject);
    decide(log, &mut act, Decision::Deny, 0);
    act
}

/// A proposal that policy allows.
pub fn propose_and_allow(log: &mut Writer) -> Act {
    let subject = log.new_key();
    let mut act = propose(log, 0, subject);
    decide(log, &mut act, Decision::Allow, 0);
    act
}

/// An execution that this request began, with these fields beside the payload. The proposal's request is `req-0`.
pub fn redeemed(log: &mut Writer, redeemed_by: Option<&str>, context: Option<&str>) -> Act {
    let mut act = propose_and_allow(log);
    authorize(log, &mut act, AuthorizedBy::Policy);
    start_for(log, &mut act, redeemed_by, context);
    finish(log, &mut act, Outcome::Failed, false);
    act
}

/// An execution of which this actor says, so many microseconds after its deadline, that nobody knows what came of it.
pub fn given_up(log: &mut Writer, by: ActorKind, after_us: i64) -> Act {
    let mut act = propose_and_allow(log);
    authorize(log, &mut act, AuthorizedBy::Policy);
    start(log, &mut act);
    let Body::ExecutionStarted(started) = Envelope::parse(&log.entries.last().unwrap().0).unwrap().body else {
        panic!("it was not started");
    };
    log.now_is(Timestamp::from_micros(started.deadline.as_micros() + after_us));
    let body = ExecutionFinished {
        attempt: started.attempt,
        outcome: Outcome::Unknown,
        late: false,
        status: None,
        duration_us: None,
        downstream_request_id: None,
    };
    log.step(&mut act, actor(by, "x-1"), body, Sealing::default());
    act
}

/// What is said about a review while it is open.
pub fn talked_about(log: &mut Writer) -> Act {
    let subject = log.new_key();
    let mut act = propose(log, 0, subject);
    review(log, &mut act);
    let (question, to) = (Uuid::from_u128(11), Uuid::from_u128(6));
    let reviewer = || actor(ActorKind::Reviewer, "seen");
    log.step(&mut act, reviewer(), ReviewAsked { question }, fields(r#"{"text":"Which invoice is it?"}"#));
    log.step(&mut act, agent(), ReviewAnswered { question }, fields(r#"{"text":"The one of May."}"#));
    log.step(&mut act, reviewer(), ReviewHandedOver { to }, fields(r#"{"text":"You know them."}"#));
    log.step(&mut act, agent(), ReviewCancelled { why: "caller_cancelled".to_owned() }, Sealing::default());
    act
}
