//! Actions with random lives.

use countersign_evidence::action::{Action, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::record::*;
use countersign_wire::State;
use uuid::Uuid;

use super::truth::Truth;
use super::{Group, World, link};

pub const WORDS: [&str; 24] = [
    "invoice",
    "refund",
    "Berlin",
    "München",
    "deploy",
    "cluster",
    "alpha",
    "beta",
    "transfer",
    "urgent",
    "OR",
    "NEAR",
    "東京",
    "pay\u{202e}load",
    "quote\"d",
    "semi;colon",
    "per%cent",
    "nul\u{0}byte",
    "x'; DROP",
    "don't",
    "2026",
    "4.50",
    "a_b",
    "🦀crab",
];
pub const AGENTS: [&str; 5] = ["billing-bot", "ops", "writer", "x'\"--", "agent*"];
pub const TOOLS: [(&str, &str); 6] = [
    ("fs", "read"),
    ("fs", "write_file"),
    ("mail", "send"),
    ("pay", "refund"),
    ("pay", "refund_all"),
    ("web%", "get_"),
];
pub const USERS: [&str; 5] = ["ada@example.org", "bob", "O'Neil", "c\u{202e}d", "zoë"];
pub const RULES: [&str; 5] = ["small-reads", "refunds-over-50", "night", "mail-out", "default-deny"];
pub const ENVIRONMENTS: [&str; 3] = ["prod", "staging", "dev"];
pub const REVIEWERS: [&str; 3] = ["reviewer-1", "reviewer-2", "reviewer-3"];

pub struct Life {
    pub action: Action,
    pub truth: Truth,
    key: Key,
    payload: Value,
}

/// Lives of many actions, woven into one log.
pub struct Lives {
    pub world: World,
    pub open: Vec<Life>,
    pub over: Vec<Life>,
    /// Share of proposals that a person must decide, in percent.
    pub reviews: usize,
    pub filler: usize,
}

fn actor(kind: ActorKind, id: &str) -> Actor {
    Actor { kind, id: id.to_owned() }
}

impl Lives {
    pub fn new(seed: u64) -> Self {
        Lives { world: World::new(seed), open: Vec::new(), over: Vec::new(), reviews: 30, filler: 0 }
    }

    pub fn truths(&self) -> Vec<Truth> {
        self.open.iter().chain(&self.over).map(|life| life.truth.clone()).collect()
    }

    /// One more record, or a few that belong together.
    pub fn step(&mut self) {
        let dice = self.world.dice.clone();
        self.world.tick(dice.below(3_000_000));
        if self.open.is_empty() || (self.open.len() < 40 && dice.percent(40)) {
            self.propose();
        } else {
            let at = dice.below(self.open.len());
            let life = self.open.swap_remove(at);
            self.go_on(life);
        }
    }

    fn sentence(&self, most: usize) -> String {
        let dice = &self.world.dice;
        let mut text: Vec<String> = (0..=dice.below(most)).map(|_| (*dice.pick(&WORDS)).to_owned()).collect();
        text.extend((0..self.filler).map(|_| format!("w{}", dice.below(50_000))));
        text.join(" ")
    }

    pub fn propose(&mut self) {
        let dice = self.world.dice.clone();
        let user = dice.percent(70).then(|| (*dice.pick(&USERS)).to_owned());
        let resource = dice.percent(50).then(|| format!("res/{} {}", dice.below(30), dice.pick(&WORDS)));
        let (server, tool) = *dice.pick(&TOOLS);
        let (body, note, intent) = (self.sentence(4), self.sentence(3), self.sentence(2));
        let payload = Value::Object(Object::from_iter([
            ("body", Value::from(body.as_str())),
            ("amount", Value::from(dice.below(500) as u64)),
            ("nested", Value::Array(vec![Value::Object(Object::from_iter([("note", note.as_str())])), Value::Null])),
        ]));
        let amount = payload.get("amount").unwrap().to_canonical();
        let correlation = Correlation {
            session_id: dice.percent(60).then(|| format!("session-{}", dice.below(12))),
            trace_id: dice.percent(60).then(|| format!("{:032x}", dice.below(200))),
            conversation_id: dice.percent(20).then(|| format!("conv{}", dice.below(9))),
            call_id: dice.percent(50).then(|| format!("call_{}", dice.roll())),
            ticket: dice.percent(10).then(|| format!("OPS-{}", dice.below(20))),
            ..Correlation::default()
        };
        let proposed = ActionProposed {
            agent: Agent { id: (*dice.pick(&AGENTS)).to_owned(), version: None },
            model: None,
            tool: ToolRef { name: tool.to_owned(), server: server.to_owned(), definition: None },
            category: *dice.pick(&Category::ALL),
            resource_type: resource.is_some().then(|| "file".to_owned()),
            request_id: self.world.id().to_string(),
            correlation: correlation.clone(),
            source: Source { via: "api".to_owned(), version: None },
            authenticated: Authenticated { key: Uuid::from_u128(7 + dice.below(3) as u128), kind: KeyKind::Gateway },
            isolation: Isolation::Remote,
        };
        let (wrapping_id, wrapping) = self.world.subject(user.as_deref());
        let key = Key::generate(&*dice);
        let mut fields = vec![("payload", Some(0), payload.clone()), ("intent", None, Value::from(intent.as_str()))];
        if let Some(user) = &user {
            fields.push(("user", None, Value::Object(Object::from_iter([("id", user.as_str())]))));
        }
        if let Some(resource) = &resource {
            fields.push(("resource", None, Value::from(resource.as_str())));
        }
        let environment = *dice.pick(&ENVIRONMENTS);
        let first = Some(Link { action: self.world.id(), step: 0, prev: None });
        let group = Group { key: &key, wrapped_by: Some((wrapping_id, &wrapping)), fields };
        let by = actor(ActorKind::Agent, "agent");
        let (position, envelope, leaf) = self.world.append(first, environment, by, proposed.clone().into(), &[group]);
        let action = Action::open(&envelope, leaf).unwrap();
        let gone = user.is_some();
        let mut texts: Vec<(String, bool)> =
            [body, note, intent, amount, "body amount nested note".to_owned()].map(|text| (text, gone)).into();
        texts.extend(user.iter().chain(&resource).map(|text| (text.clone(), gone)));
        if resource.is_some() {
            texts.push(("file".to_owned(), false));
        }
        let truth = Truth {
            action: action.id,
            positions: vec![position],
            time: envelope.time,
            agent: proposed.agent.id.clone(),
            tool: format!("{server}/{tool}"),
            environment: environment.to_owned(),
            category: proposed.category,
            decision: None,
            state: State::Waiting,
            risk: 0,
            rules: Vec::new(),
            reviewers: Default::default(),
            key: proposed.authenticated.key,
            request_id: proposed.request_id,
            user,
            resource,
            correlation,
            downstream: None,
            redeemed_by: None,
            texts,
            erased: false,
            used: false,
        };
        let mut life = Life { action, truth, key, payload };
        // Mostly the decision is committed with the proposal; a batch may still end between them.
        if dice.percent(90) {
            self.decide(&mut life);
        }
        self.keep(life);
    }

    fn keep(&mut self, life: Life) {
        if life.action.is_over() { self.over.push(life) } else { self.open.push(life) }
    }

    fn record(
        &mut self,
        life: &mut Life,
        by: Actor,
        body: impl Into<Body>,
        groups: &[Group<'_>],
        digests: &[(&str, Digest)],
    ) {
        let environment = life.truth.environment.clone();
        let (position, envelope, leaf) =
            self.world.append_with(link(&life.action), &environment, by, body.into(), groups, digests);
        life.action.apply(&envelope, leaf).unwrap();
        life.truth.positions.push(position);
    }

    fn decide(&mut self, life: &mut Life) {
        let dice = self.world.dice.clone();
        let decision = match dice.below(100) {
            roll if roll < self.reviews => Decision::Review,
            roll if roll < self.reviews + 10 => Decision::Deny,
            _ => Decision::Allow,
        };
        let rules: Vec<String> = (0..1 + dice.below(2)).map(|_| (*dice.pick(&RULES)).to_owned()).collect();
        let policy_set = PolicyRef { version: "v1".to_owned(), digest: Digest([3; 32]) };
        let requirement = Requirement {
            rule: rules[0].clone(),
            groups: vec!["leads".to_owned()],
            quorum: 1,
            signature: None,
            standing_s: None,
            escalation: None,
        };
        let expires_at = self.world.now.plus_seconds(3600);
        let body = ActionDecided {
            decision,
            policy_set,
            reasons: rules.iter().map(|rule| Reason { rule: rule.clone(), effect: Effect::Permit }).collect(),
            reasons_total: None,
            risk: Risk { score: dice.below(101) as u32, factors: Vec::new() },
            review: (decision == Decision::Review)
                .then(|| ReviewDemand { requirements: vec![requirement], expires_at }),
            errors: Vec::new(),
            payload_version: life.action.payload_version(),
        };
        life.truth.decision = Some(decision);
        life.truth.risk = body.risk.score;
        life.truth.rules = rules;
        life.truth.state = match decision {
            Decision::Allow => State::Authorized,
            Decision::Deny => State::Denied,
            Decision::Review => State::Waiting,
        };
        let facts = Value::Object(Object::from_iter([("secret", "factword")]));
        let key = life.key.clone();
        let group = Group { key: &key, wrapped_by: None, fields: vec![("facts", None, facts)] };
        self.record(life, actor(ActorKind::Policy, "v1"), body, &[group], &[]);
        if matches!(life.action.stage, Stage::Allowed(_)) {
            self.authorize(life, AuthorizedBy::Policy);
        } else if life.action.review().is_some_and(|review| review.satisfied()) {
            // Whoever edited the payload has approved the edited one.
            self.authorize(life, AuthorizedBy::Review);
        }
    }

    fn authorize(&mut self, life: &mut Life, by: AuthorizedBy) {
        let body = ActionAuthorized {
            by,
            policy_set: life.action.decided.clone().unwrap().policy_set,
            payload_version: life.action.payload_version(),
            payload: life.action.payload(),
            expires_at: self.world.now.plus_seconds(900),
        };
        life.truth.state = State::Authorized;
        life.truth.used = true;
        self.record(life, actor(ActorKind::Policy, "v1"), body, &[], &[]);
    }

    fn go_on(&mut self, mut life: Life) {
        let dice = self.world.dice.clone();
        match life.action.stage.clone() {
            Stage::Proposed | Stage::Edited(_) => self.decide(&mut life),
            Stage::Reviewing(review) if self.world.now >= review.demand.expires_at => {
                life.truth.state = State::Denied;
                let body = ReviewExpired { why: "expired".to_owned() };
                self.record(&mut life, actor(ActorKind::System, "gate"), body, &[], &[]);
            }
            Stage::Reviewing(_) if dice.percent(10) => {
                life.truth.state = State::Closed;
                let body = ReviewCancelled { why: "caller_cancelled".to_owned() };
                self.record(&mut life, actor(ActorKind::Agent, "a"), body, &[], &[]);
            }
            Stage::Reviewing(_) => self.review(&mut life),
            Stage::Authorized(authorization) if self.world.now >= authorization.expires_at => {
                self.close(&mut life, Closing::AuthorizationExpired);
            }
            Stage::Authorized(_) if dice.percent(10) => {
                let body = ExecutionRefused { refusal: Refusal::Mismatch, attempt: "1".to_owned(), payload_version: 0 };
                self.record(&mut life, actor(ActorKind::Gateway, "gw"), body, &[], &[]);
            }
            Stage::Authorized(_) => self.start(&mut life),
            Stage::Executing(_) => self.finish(&mut life, false),
            _ => {}
        }
        self.keep(life);
    }

    fn close(&mut self, life: &mut Life, how: Closing) {
        life.truth.state = State::Closed;
        self.record(life, actor(ActorKind::System, "gate"), ActionClosed { how }, &[], &[]);
    }

    fn review(&mut self, life: &mut Life) {
        let dice = self.world.dice.clone();
        let reviewer = *dice.pick(&REVIEWERS);
        let (person_id, person) = self.world.person(reviewer);
        let verdict = if dice.percent(25) { Verdict::Deny } else { Verdict::Approve };
        let edits = verdict == Verdict::Approve && dice.percent(25);
        let reason = format!("{} because {}", self.sentence(2), dice.pick(&["safe", "risky"]));
        let version = life.action.payload_version() + u32::from(edits);
        let mut payload = life.action.payload();
        let edited = Value::Object(Object::from_iter([("body", "edited text"), ("extra", "zebra")]));
        let (own, key) = (Key::generate(&*dice), life.key.clone());
        let mut groups = vec![Group {
            key: &own,
            wrapped_by: Some((person_id, &person)),
            fields: vec![("reason", None, Value::from(reason.as_str())), ("name", None, Value::from("Grace Hopper"))],
        }];
        if edits {
            let sealer = countersign_evidence::seal::Sealer::new(&key);
            payload = sealer.digest(&format!("payload/{version}"), "payload", &edited);
            groups.push(Group {
                key: &key,
                wrapped_by: None,
                fields: vec![("payload", Some(version), edited.clone())],
            });
            life.payload = edited;
        }
        let body = ReviewDecided {
            expanded_all: None,
            meaning: None,
            on_behalf_of: None,
            together_with: None,
            policy: None,
            signature: None,
            verdict,
            requirements: life.action.review().unwrap().open_to(&["leads".to_owned()], Verdict::Approve, None),
            groups: vec!["leads".to_owned()],
            authentication: Authentication { method: "key".to_owned(), session: None, strength: None },
            separation: Separation::Enforced,
            payload_version: version,
            payload,
            presentation: None,
            active_ms: None,
        };
        life.truth.reviewers.insert(reviewer.to_owned());
        let gone = life.truth.user.is_some();
        life.truth.texts.push((format!("{reason} Grace Hopper"), false));
        if edits {
            life.truth.texts.push(("body extra edited text zebra".to_owned(), gone));
        }
        life.truth.state = if verdict == Verdict::Deny { State::Denied } else { State::Waiting };
        self.record(life, actor(ActorKind::Reviewer, reviewer), body, &groups, &[]);
        if life.action.review().is_some_and(|review| review.satisfied()) {
            self.authorize(life, AuthorizedBy::Review);
        }
    }

    pub fn start(&mut self, life: &mut Life) {
        let version = life.action.payload_version();
        let dice = self.world.dice.clone();
        life.truth.redeemed_by = dice.percent(30).then(|| format!("again_{}", dice.roll()));
        let body = ExecutionStarted {
            attempt: "1".to_owned(),
            executor: "gw".to_owned(),
            deadline: self.world.now.plus_seconds(300),
            payload_version: version,
            matches: if version == 0 { Match::Exact } else { Match::Edited },
            enforcement: Enforcement::Wire,
            redeemed_by: life.truth.redeemed_by.clone(),
        };
        life.truth.state = State::Executing;
        let digest = life.action.payload();
        self.record(life, actor(ActorKind::Gateway, "gw"), body, &[], &[("payload", digest)]);
    }

    pub fn finish(&mut self, life: &mut Life, late: bool) {
        let dice = self.world.dice.clone();
        let (outcome, state) = *match late {
            true => &(Outcome::Succeeded, State::Succeeded),
            false => dice.pick(&[
                (Outcome::Succeeded, State::Succeeded),
                (Outcome::Succeeded, State::Succeeded),
                (Outcome::Failed, State::Failed),
                (Outcome::Unknown, State::Unknown),
            ]),
        };
        let downstream = dice.percent(50).then(|| format!("req_{}", dice.roll()));
        life.truth.state = state;
        life.truth.downstream.clone_from(&downstream);
        let body = ExecutionFinished {
            attempt: "1".to_owned(),
            outcome,
            late,
            status: None,
            duration_us: Some(5),
            downstream_request_id: downstream,
        };
        let response = Value::Object(Object::from_iter([("answer", "responseword")]));
        let key = life.key.clone();
        let group = Group { key: &key, wrapped_by: None, fields: vec![("response", None, response)] };
        self.record(life, actor(ActorKind::Gateway, "gw"), body, &[group], &[]);
    }

    /// Something late about an action that was over.
    pub fn late(&mut self) {
        let Some(at) = self.over.iter().position(|life| life.truth.state == State::Unknown) else { return };
        let mut life = self.over.remove(at);
        self.finish(&mut life, true);
        self.over.push(life);
    }

    /// Erases a user as the gate does: open actions close, two records, the key goes.
    pub fn erase(&mut self, user: &str) {
        let Some((key, _)) = self.world.subjects.remove(user) else { return };
        self.world.system(SubjectErasureRequested { keys: vec![key] });
        for mut life in std::mem::take(&mut self.open) {
            if life.truth.user.as_deref() == Some(user) {
                if matches!(life.action.stage, Stage::Executing(_)) {
                    self.finish(&mut life, false);
                } else {
                    self.close(&mut life, Closing::SubjectErased);
                }
            }
            self.keep(life);
        }
        self.world.ring.destroy(key);
        self.world.system(SubjectErased { keys: vec![key] });
        let of_user = self.over.iter_mut().filter(|life| life.truth.user.as_deref() == Some(user));
        of_user.for_each(|life| life.truth.erased = true);
    }
}
