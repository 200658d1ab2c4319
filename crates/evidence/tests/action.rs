//! The action's state machine against an independent telling of its rules: random courses, right and wrong.
//!
//! `SEED=n` replays one seed; `SEEDS=n` runs that many (2,000 if unset).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod life;

use std::collections::{BTreeMap, BTreeSet};

use countersign_evidence::action::{Action, ApplyError};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::*;
use countersign_evidence::time::Timestamp;
use life::Life;
use uuid::{Builder, Uuid};

const STEPS: usize = 24;

/// SplitMix64: small, seeded, good enough to choose with.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % sides
    }

    /// True in one of `in_` rolls.
    fn rarely(&mut self, in_: u64) -> bool {
        self.roll(in_) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len() as u64) as usize].clone()
    }
}

fn uuid(dice: &mut Dice) -> Uuid {
    let bits: [u8; 10] = std::array::from_fn(|_| dice.roll(256) as u8);
    Builder::from_unix_timestamp_millis(1_767_225_600_000, &bits).into_uuid()
}

fn digest(dice: &mut Dice) -> Digest {
    Digest::of(&dice.roll(u64::MAX).to_be_bytes())
}

fn policy(name: &str) -> PolicyRef {
    PolicyRef { version: name.to_owned(), digest: Digest::of(name.as_bytes()) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn proposed() -> ActionProposed {
    ActionProposed {
        agent: Agent { id: "agent".to_owned(), version: None },
        model: None,
        tool: ToolRef { name: "tool".to_owned(), server: "server".to_owned(), definition: None },
        category: Category::Write,
        resource_type: None,
        request_id: "r".to_owned(),
        correlation: Correlation::default(),
        source: Source { via: "api".to_owned(), version: None },
        authenticated: Authenticated { key: Uuid::from_u128(1), kind: KeyKind::Agent },
        isolation: Isolation::Remote,
    }
}

/// A course of events as far as it has come.
struct Course {
    dice: Dice,
    life: Life,
    action: Action,
    last: Digest,
    time: Timestamp,
}

impl Course {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let (id, payload) = (uuid(&mut dice), digest(&mut dice));
        let time = Timestamp::from_micros(1_767_225_600_000_000);
        let envelope = Envelope {
            id: uuid(&mut dice),
            time,
            workspace: "acme".to_owned(),
            environment: "test".to_owned(),
            link: Some(Link { action: id, step: 0, prev: None }),
            actor: Actor { kind: ActorKind::Agent, id: "agent".to_owned() },
            body: proposed().into(),
            sealed: [("payload".to_owned(), payload)].into(),
            vault: None,
        };
        let last = Digest::leaf(envelope.to_canonical().unwrap().as_bytes());
        let action = Action::open(&envelope, last).unwrap();
        Course { dice, life: Life::new(payload), action, last, time }
    }

    fn decided(&mut self) -> ActionDecided {
        let decision =
            self.dice.of(&[Decision::Allow, Decision::Review, Decision::Review, Decision::Review, Decision::Deny]);
        let with_demand = (decision == Decision::Review) != self.dice.rarely(12);
        let rules = [("a", names(&["red"])), ("b", names(&["red", "blue"])), ("c", names(&["green"]))];
        let count = if self.dice.rarely(12) { 0 } else { 1 + self.dice.roll(3) as usize };
        let requirements = rules.into_iter().take(count);
        let requirements = requirements
            .map(|(rule, groups)| Requirement {
                rule: rule.to_owned(),
                groups,
                quorum: 1 + self.dice.roll(2) as u32,
                signature: None,
                standing_s: (!self.dice.rarely(3)).then_some(3_600),
                escalation: None,
            })
            .collect();
        let expires_at = self.time.plus_seconds(self.dice.of(&[1, 60, 60, 3600]));
        let failed = RuleError { rule: "a".to_owned(), code: "type".to_owned() };
        ActionDecided {
            decision,
            policy_set: policy(self.dice.of(&["one", "two"])),
            reasons: Vec::new(),
            reasons_total: None,
            risk: Risk::default(),
            review: with_demand.then_some(ReviewDemand { requirements, expires_at }),
            errors: if self.dice.rarely(12) { vec![failed] } else { Vec::new() },
            payload_version: self.version(10),
        }
    }

    /// The version in question; one beside it in one of `wrong` rolls.
    fn version(&mut self, wrong: u64) -> u32 {
        let version = self.life.version();
        if self.dice.rarely(wrong) {
            self.dice.of(&[version + 1, version + 2, version.saturating_sub(1)])
        } else {
            version
        }
    }

    /// One of few, so that it is often the same.
    fn question(&mut self) -> Uuid {
        Uuid::from_u128(self.dice.of(&[1, 2, 3]))
    }

    fn payload(&mut self, wrong: u64) -> Digest {
        if self.dice.rarely(wrong) { digest(&mut self.dice) } else { self.dice.of(&[self.life.payload()]) }
    }

    fn reviewed(&mut self, sealed: &mut BTreeMap<String, Digest>) -> ReviewDecided {
        let edit = self.dice.rarely(5);
        let version = if edit { self.life.version() + 1 } else { self.version(12) };
        let payload = if edit { digest(&mut self.dice) } else { self.payload(12) };
        if edit != self.dice.rarely(12) {
            sealed.insert("payload".to_owned(), if self.dice.rarely(10) { digest(&mut self.dice) } else { payload });
        }
        let groups =
            self.dice.of(&[names(&["red"]), names(&["red", "green"]), names(&["blue"]), names(&["board"]), names(&[])]);
        let mut requirements = self.life.rules_for(&groups);
        match self.dice.roll(20) {
            0 => requirements.reverse(),
            1 => drop(requirements.pop()),
            2 => requirements.push("z".to_owned()),
            _ => {}
        }
        ReviewDecided {
            expanded_all: None,
            meaning: None,
            on_behalf_of: None,
            together_with: None,
            policy: None,
            signature: None,
            verdict: if self.dice.rarely(8) { Verdict::Deny } else { Verdict::Approve },
            requirements,
            groups,
            authentication: Authentication { method: "key".to_owned(), session: None, strength: None },
            separation: Separation::Enforced,
            payload_version: version,
            payload,
            presentation: None,
            active_ms: None,
        }
    }

    fn standing_used(&mut self) -> ReviewStandingUsed {
        let groups = self.dice.of(&[names(&["red"]), names(&["red", "green"]), names(&["blue"]), names(&[])]);
        let mut requirements = self.life.standing_for(&groups);
        if self.dice.rarely(6) {
            requirements.pop();
        }
        if self.dice.rarely(20) {
            requirements.push("z".to_owned());
        }
        ReviewStandingUsed {
            standing: self.question(),
            number: 1,
            person: self.dice.of(&["p1", "p2", "p3"]).to_owned(),
            groups,
            requirements,
            payload_version: self.version(12),
            payload: self.payload(12),
        }
    }

    fn authorized(&mut self) -> ActionAuthorized {
        let by = if (self.life.stage == "in review") != self.dice.rarely(10) {
            self.dice.of(&[AuthorizedBy::Review, AuthorizedBy::Review, AuthorizedBy::Standing])
        } else {
            AuthorizedBy::Policy
        };
        let last = self.life.policy.clone().filter(|_| !self.dice.rarely(12));
        ActionAuthorized {
            by,
            policy_set: last.unwrap_or_else(|| policy(self.dice.of(&["one", "two", "three"]))),
            payload_version: self.version(12),
            payload: self.payload(12),
            expires_at: self.time.plus_seconds(self.dice.of(&[0, 1, 60, 60, 60, 3600])),
        }
    }

    fn started(&mut self, sealed: &mut BTreeMap<String, Digest>) -> ExecutionStarted {
        let version = self.version(12);
        let exact = (version == 0) != self.dice.rarely(12);
        if !self.dice.rarely(15) {
            let payload = self.payload(12);
            sealed.insert("payload".to_owned(), payload);
        }
        if self.dice.rarely(10) {
            sealed.insert("context".to_owned(), digest(&mut self.dice));
        }
        ExecutionStarted {
            attempt: self.dice.of(&["a1", "a2"]).to_owned(),
            executor: "x".to_owned(),
            deadline: self.time.plus_seconds(60),
            payload_version: version,
            matches: if exact { Match::Exact } else { Match::Edited },
            enforcement: Enforcement::Wire,
            redeemed_by: self.dice.rarely(8).then(|| self.dice.of(&["again", "r"]).to_owned()),
        }
    }

    fn finished(&mut self) -> ExecutionFinished {
        let known = (!self.dice.rarely(8)).then(|| self.life.attempt.clone());
        ExecutionFinished {
            attempt: known.filter(|attempt| !attempt.is_empty()).unwrap_or_else(|| "a3".to_owned()),
            outcome: self.dice.of(&[Outcome::Succeeded, Outcome::Failed, Outcome::Unknown, Outcome::Unknown]),
            late: (self.life.stage == "finished") != self.dice.rarely(8),
            status: None,
            duration_us: None,
            downstream_request_id: None,
        }
    }

    /// Often a type that fits the stage, so that courses get somewhere; else any.
    fn body(&mut self, sealed: &mut BTreeMap<String, Digest>) -> Body {
        let fitting: &[u64] = match self.life.stage {
            "proposed" | "edited" => &[0],
            "allowed" => &[6],
            "in review" => &[0, 1, 2, 2, 2, 2, 2, 3, 6, 6, 4, 16, 17, 17, 18, 19, 19, 19],
            "authorized" => &[7, 7, 7, 0, 8],
            "executing" => &[9],
            "finished" => &[9, 10],
            _ => &[8, 13],
        };
        let kind = if self.dice.rarely(5) { self.dice.roll(20) } else { self.dice.of(fitting) };
        let why = || "why".to_owned();
        match kind {
            0 => self.decided().into(),
            1 => ReviewPresented { renderer: "r".to_owned(), payload_version: self.version(6) }.into(),
            2 => self.reviewed(sealed).into(),
            3 => ReviewEscalated { groups: names(&["board"]), rule: None, why: why() }.into(),
            4 => ReviewExpired { why: why() }.into(),
            5 => ReviewCancelled { why: why() }.into(),
            6 => self.authorized().into(),
            7 => self.started(sealed).into(),
            8 => {
                let refusal = self.dice.of(&[Refusal::Mismatch, Refusal::Expired]);
                ExecutionRefused { refusal, attempt: "a9".to_owned(), payload_version: 0 }.into()
            }
            9 => self.finished().into(),
            10 => {
                let outcome = self.dice.of(&[Outcome::Succeeded, Outcome::Failed, Outcome::Unknown]);
                ExecutionResolved { outcome, basis: "b".to_owned(), reference: None }.into()
            }
            11 => ActionClosed { how: Closing::Cancelled }.into(),
            12 => proposed().into(),
            13 => Body::Unknown { kind: "action.noted".to_owned(), content: Value::from(Object::new()) },
            16 => ReviewAsked { question: self.question() }.into(),
            17 => ReviewAnswered { question: self.question() }.into(),
            18 => ReviewHandedOver { to: self.question() }.into(),
            19 => self.standing_used().into(),
            14 => LogClosed { epoch: 1 }.into(),
            _ => PolicyActivated { version: "one".to_owned(), digest: self.payload(2), tests_passed: 1 }.into(),
        }
    }

    /// The next record, right in its place; then perhaps put out of it. Says whether its place is right.
    fn record(&mut self) -> (Envelope, bool) {
        let seconds = self.dice.of(&[0, 0, 0, 0, 1, 1, 30, 90, 4000]);
        let time = self.time.plus_seconds(seconds);
        let earlier = std::mem::replace(&mut self.time, time);
        let mut sealed = BTreeMap::new();
        let body = self.body(&mut sealed);
        let by_reviewer = matches!(body, Body::ReviewDecided(_) | Body::ReviewAsked(_) | Body::ReviewHandedOver(_));
        let reviewer = by_reviewer != self.dice.rarely(20);
        let executor = self.dice.of(&[ActorKind::System, ActorKind::Gateway, ActorKind::Agent]);
        let kind = match body {
            _ if reviewer => ActorKind::Reviewer,
            Body::ExecutionFinished(_) | Body::ReviewAnswered(_) => executor,
            _ => ActorKind::System,
        };
        let link = Link { action: self.action.id, step: self.action.steps, prev: Some(self.last) };
        let mut envelope = Envelope {
            id: uuid(&mut self.dice),
            time,
            workspace: "acme".to_owned(),
            environment: "test".to_owned(),
            link: Some(link),
            actor: Actor { kind, id: self.dice.of(&["p1", "p2", "p3"]).to_owned() },
            body,
            sealed,
            vault: None,
        };
        match self.dice.roll(60) {
            0 => envelope.link = Some(Link { step: link.step + 1, ..link }),
            1 => envelope.link = Some(Link { prev: Some(digest(&mut self.dice)), ..link }),
            2 => envelope.link = Some(Link { action: uuid(&mut self.dice), ..link }),
            3 => envelope.link = None,
            4 => envelope.workspace = "other".to_owned(),
            5 => envelope.environment = "production".to_owned(),
            6 => envelope.time = Timestamp::from_micros(earlier.as_micros() - 1),
            _ => return (envelope, true),
        }
        (envelope, false)
    }

    /// Applies one record to both and compares. Says what was accepted.
    fn step(&mut self, seed: u64) -> Option<String> {
        let earlier = self.time;
        let (envelope, placed) = self.record();
        let mut expected = self.life.clone();
        let accept = placed && expected.take(&envelope);
        let before = self.action.clone();
        let leaf = Digest::leaf(format!("{envelope:?}").as_bytes());
        let applied = self.action.apply(&envelope, leaf);
        let told = format!("SEED={seed}: {} while {}, {:?}", envelope.body.kind(), before.stage.name(), envelope);
        assert_eq!(applied.is_ok(), accept, "{applied:?} {told}");
        match applied {
            Ok(()) => {
                self.life = expected;
                self.last = leaf;
            }
            Err(error) => {
                assert_eq!(self.action, before, "an error has changed something: {told}");
                assert_eq!(placed, !matches!(error, ApplyError::Chain(_)), "{error} {told}");
                self.time = earlier;
            }
        }
        assert_eq!(self.action.stage.name(), self.life.stage, "{told}");
        assert_eq!(self.action.payloads, self.life.payloads, "{told}");
        assert_eq!(self.action.refusals, self.life.refusals, "{told}");
        let outcome = match &self.action.stage {
            countersign_evidence::action::Stage::Finished(end) => Some(end.outcome),
            _ => None,
        };
        assert_eq!(outcome, self.life.outcome, "{told}");
        accept.then(|| format!("{}→{}", before.stage.name(), self.life.stage))
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(2_000),
    }
}

#[test]
fn random_courses_go_as_the_rules_say() {
    let mut seen = BTreeSet::new();
    for seed in seeds() {
        let mut course = Course::new(seed);
        for _ in 0..STEPS {
            seen.extend(course.step(seed));
        }
    }
    // The dice must have been everywhere, or this test shows nothing.
    if seeds().end - seeds().start >= 2_000 {
        for (from, to) in [
            ("proposed", "allowed"),
            ("proposed", "in review"),
            ("proposed", "denied"),
            ("proposed", "closed"),
            ("in review", "in review"),
            ("in review", "edited"),
            ("in review", "authorized"),
            ("in review", "denied"),
            ("in review", "closed"),
            ("in review", "allowed"),
            ("edited", "in review"),
            ("edited", "allowed"),
            ("edited", "denied"),
            ("allowed", "authorized"),
            ("authorized", "executing"),
            ("authorized", "in review"),
            ("authorized", "denied"),
            ("authorized", "closed"),
            ("executing", "finished"),
            ("finished", "finished"),
            ("denied", "denied"),
            ("closed", "closed"),
        ] {
            assert!(seen.contains(&format!("{from}→{to}")), "{from}→{to} was never taken: {seen:?}");
        }
    }
}

#[test]
fn only_a_proposal_at_step_zero_with_a_payload_begins() {
    let course = Course::new(1);
    let envelope = Envelope {
        id: course.action.id,
        time: course.time,
        workspace: "acme".to_owned(),
        environment: "test".to_owned(),
        link: Some(Link { action: course.action.id, step: 0, prev: None }),
        actor: Actor { kind: ActorKind::Agent, id: "agent".to_owned() },
        body: proposed().into(),
        sealed: [("payload".to_owned(), course.life.payload())].into(),
        vault: None,
    };
    assert!(Action::open(&envelope, course.last).is_ok());
    let unsealed = Envelope { sealed: BTreeMap::new(), ..envelope.clone() };
    let later = Envelope {
        link: Some(Link { action: course.action.id, step: 1, prev: Some(course.last) }),
        ..envelope.clone()
    };
    let other = Envelope { body: ActionClosed { how: Closing::Cancelled }.into(), ..envelope.clone() };
    let unlinked = Envelope { link: None, ..envelope };
    for wrong in [unsealed, later, other, unlinked] {
        assert!(Action::open(&wrong, course.last).is_err(), "{wrong:?}");
    }
}
