//! A made-up log with every course that an action can take: always the same bytes for the same seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

pub mod courses;
pub mod publish;
pub mod standing;
pub mod vectors;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_evidence::digest::Digest;
use countersign_evidence::id::uuid_v7;
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_evidence::key::{Key, Random};
use countersign_evidence::open::{KeyRing, KeyState, RingError, label};
use countersign_evidence::record::*;
use countersign_evidence::seal::{Sealed, Sealer};
use countersign_evidence::time::Timestamp;
use countersign_evidence::vault::{self, Section};
use uuid::Uuid;

pub const ORIGIN: &str = "countersign.example/0190b3c1-7b4e-7c3a-9d2e-5f6a7b8c9d0e";
pub const LOG_SEED: [u8; 32] = [0x42; 32];
/// Microseconds between two records.
const TICK: i64 = 1_234;
const START: i64 = 1_767_225_600_000_000;

/// Random bytes that are the same each time: SHA-256 of a seed and a counter.
pub struct Seeded(AtomicU64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Seeded(AtomicU64::new(seed << 32))
    }
}

impl Random for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let counter = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Digest::of(&counter.to_be_bytes()).0[..chunk.len()]);
        }
    }
}

/// Keys that were not destroyed, by their ids.
#[derive(Default, Clone)]
pub struct Ring(pub BTreeMap<Uuid, Key>);

impl KeyRing for Ring {
    fn key(&self, id: Uuid) -> Result<KeyState, RingError> {
        Ok(self.0.get(&id).cloned().map_or(KeyState::Destroyed, KeyState::Live))
    }
}

/// An action while it is being written.
pub struct Act {
    pub id: Uuid,
    pub key: Key,
    pub subject: Uuid,
    pub steps: u32,
    pub last: Option<Digest>,
    /// Digests of the payload's versions.
    pub payloads: Vec<Digest>,
    pub policy: PolicyRef,
}

pub struct Writer {
    pub random: Seeded,
    pub now: Timestamp,
    /// Envelope and vault entry.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    pub ring: Ring,
    pub workspace_key: Uuid,
    pub policy: PolicyRef,
    pub workspace: String,
    /// Disclosures by position, for stories and vectors.
    pub disclosures: HashMap<usize, Vec<String>>,
}

pub fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), Limits::default()).unwrap()
}

pub fn object(text: &str) -> Object {
    match value(text) {
        Value::Object(object) => object,
        _ => panic!("not an object: {text}"),
    }
}

pub fn actor(kind: ActorKind, id: &str) -> Actor {
    Actor { kind, id: id.to_owned() }
}

pub fn policy(version: &str) -> PolicyRef {
    PolicyRef { version: version.to_owned(), digest: Digest::of(version.as_bytes()) }
}

impl Writer {
    pub fn new(seed: u64) -> Self {
        let random = Seeded::new(seed);
        let now = Timestamp::from_micros(START);
        let workspace_key = uuid_v7(now, &random);
        let mut ring = Ring::default();
        ring.0.insert(workspace_key, Key::generate(&random));
        let (entries, disclosures, workspace) = (Vec::new(), HashMap::new(), "acme".to_owned());
        Writer { random, now, entries, ring, workspace_key, policy: policy("2026-01-01.1"), workspace, disclosures }
    }

    pub fn uuid(&self) -> Uuid {
        uuid_v7(self.now, &self.random)
    }

    pub fn new_key(&mut self) -> Uuid {
        let id = self.uuid();
        self.ring.0.insert(id, Key::generate(&self.random));
        id
    }

    pub fn tick(&mut self) {
        self.now = Timestamp::from_micros(self.now.as_micros() + TICK);
    }

    /// The next record has this time.
    pub fn now_is(&mut self, time: Timestamp) {
        self.now = Timestamp::from_micros(time.as_micros() - TICK);
    }

    /// A record of no action; its fields are sealed under a key of their own, wrapped by the workspace's.
    pub fn system(&mut self, actor: Actor, body: impl Into<Body>, fields: &str) {
        let key = Key::generate(&self.random);
        let sections = match fields {
            "" => Vec::new(),
            fields => vec![(key, Some(self.workspace_key), object(fields))],
        };
        self.write(None, actor, body.into(), BTreeMap::new(), sections);
    }

    pub fn open(&mut self) {
        let body = LogOpened { origin: ORIGIN.to_owned(), epoch: self.epoch(), version: "0.1.0".to_owned() };
        self.system(actor(ActorKind::System, "gate"), body, "");
    }

    pub fn close(&mut self) {
        let epoch = self.epoch() - 1;
        self.system(actor(ActorKind::System, "gate"), LogClosed { epoch }, "");
    }

    fn epoch(&self) -> u64 {
        let opened = self.entries.iter().filter(|(text, _)| text.windows(12).any(|part| part == b"\"log.opened\""));
        opened.count() as u64 + 1
    }

    pub fn activate(&mut self, version: &str) {
        self.policy = policy(version);
        let body = PolicyActivated { version: version.to_owned(), digest: self.policy.digest, tests_passed: 12 };
        let text = r#"{"text":"permit (principal, action, resource) when { context.category == \"read\" };"}"#;
        self.system(actor(ActorKind::Operator, "operator-1"), body, text);
    }

    /// The next record of an action.
    pub fn step(&mut self, act: &mut Act, actor: Actor, body: impl Into<Body>, sealed: Sealing<'_>) {
        let link = Link { action: act.id, step: act.steps, prev: act.last };
        let mut sections = Vec::new();
        if let Some(fields) = sealed.fields {
            let wrapped = (act.steps == 0).then_some(act.subject);
            sections.push((act.key.clone(), wrapped, object(fields)));
        }
        if let Some((person, fields)) = sealed.person {
            sections.push((Key::generate(&self.random), Some(person), object(fields)));
        }
        let known = sealed.known.map(|digest| ("payload".to_owned(), digest)).into_iter().collect();
        act.last = Some(self.write(Some(link), actor, body.into(), known, sections));
        act.steps += 1;
    }

    fn write(
        &mut self,
        link: Option<Link>,
        actor: Actor,
        body: Body,
        mut sealed: BTreeMap<String, Digest>,
        sections: Vec<(Key, Option<Uuid>, Object)>,
    ) -> Digest {
        self.tick();
        let mut envelope = Envelope {
            id: self.uuid(),
            time: self.now,
            workspace: self.workspace.clone(),
            environment: "production".to_owned(),
            link,
            actor,
            body,
            sealed: BTreeMap::new(),
            vault: None,
        };
        let position = self.entries.len();
        for (key, _, fields) in &sections {
            for (name, value) in fields.iter() {
                let Sealed { digest, disclosures } = Sealer::new(key).seal(&label(&envelope, name), name, value);
                sealed.insert(name.to_owned(), digest);
                self.disclosures.entry(position).or_default().extend(disclosures);
            }
        }
        envelope.sealed = sealed;
        let entry = self.seal_sections(envelope.id, &sections);
        envelope.vault = (!entry.is_empty()).then(|| Digest::of(&entry));
        let text = envelope.to_canonical().unwrap().into_bytes();
        let leaf = Digest::leaf(&text);
        self.entries.push((text, entry));
        leaf
    }

    fn seal_sections(&self, record: Uuid, sections: &[(Key, Option<Uuid>, Object)]) -> Vec<u8> {
        if sections.is_empty() {
            return Vec::new();
        }
        let sections: Vec<Section<'_>> = sections
            .iter()
            .map(|(key, wrapped, fields)| Section {
                key,
                wrapped_by: wrapped.map(|id| (id, &self.ring.0[&id])),
                fields: fields.clone(),
            })
            .collect();
        vault::seal(ORIGIN, record, &sections, &self.random)
    }

    /// Destroys a subject's key, and says so.
    pub fn erase(&mut self, subject: Uuid) {
        let operator = || actor(ActorKind::Operator, "operator-1");
        self.system(operator(), SubjectErasureRequested { keys: vec![subject] }, "");
        self.system(operator(), SubjectErased { keys: vec![subject] }, "");
        self.ring.0.remove(&subject);
    }
}

/// What a step seals.
#[derive(Default, Clone, Copy)]
pub struct Sealing<'a> {
    /// Fields under the action's key, as JSON.
    pub fields: Option<&'a str>,
    /// Fields under a key that this person's wraps.
    pub person: Option<(Uuid, &'a str)>,
    /// Digest of a payload that an earlier record stores.
    pub known: Option<Digest>,
}

pub fn fields(json: &str) -> Sealing<'_> {
    Sealing { fields: Some(json), ..Sealing::default() }
}
