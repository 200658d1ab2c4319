//! A small world that makes real logs: sealed, chained records of actions with random lives, and what is true of them,
//! kept beside in the plainest form.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

pub mod lives;
pub mod truth;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::id::uuid_v7;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::{Key, Random};
use countersign_evidence::open::{KeyRing, KeyState, RingError};
use countersign_evidence::record::*;
use countersign_evidence::seal::Sealer;
use countersign_evidence::time::Timestamp;
use countersign_evidence::vault::{self, Section};
use countersign_index::{Index, ReadLog, Record, Setup};
use parking_lot::Mutex;
use uuid::Uuid;

/// Small, so that every test has several full-text tables.
pub const SEGMENT: u64 = 256;

pub const ORIGIN: &str = "test.example/log";

/// SplitMix64.
pub struct Dice(AtomicU64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(AtomicU64::new(seed))
    }

    pub fn roll(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    pub fn percent(&self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'t, T>(&self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

impl Random for Dice {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.roll().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[derive(Default)]
pub struct Ring {
    keys: Mutex<HashMap<Uuid, Key>>,
    /// While it is set, no key can be read.
    pub fails: AtomicBool,
}

impl Ring {
    pub fn add(&self, id: Uuid, key: Key) {
        self.keys.lock().insert(id, key);
    }

    pub fn destroy(&self, id: Uuid) {
        self.keys.lock().remove(&id);
    }
}

impl KeyRing for Ring {
    fn key(&self, id: Uuid) -> Result<KeyState, RingError> {
        if self.fails.load(Relaxed) {
            return Err(RingError { key: id, cause: "the disk is gone".to_owned() });
        }
        Ok(self.keys.lock().get(&id).cloned().map_or(KeyState::Destroyed, KeyState::Live))
    }
}

#[derive(Default)]
pub struct Log(pub Mutex<Vec<Record>>);

impl Log {
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl ReadLog for Log {
    fn read(&self, position: u64) -> Result<Option<Record>, String> {
        Ok(self.0.lock().get(position as usize).cloned())
    }
}

/// A group of fields of one record under one key.
pub struct Group<'a> {
    pub key: &'a Key,
    pub wrapped_by: Option<(Uuid, &'a Key)>,
    pub fields: Vec<(&'static str, Option<u32>, Value)>,
}

pub struct World {
    pub dice: Arc<Dice>,
    pub ring: Arc<Ring>,
    pub log: Arc<Log>,
    pub workspace: (Uuid, Key),
    pub subjects: BTreeMap<String, (Uuid, Key)>,
    pub people: BTreeMap<String, (Uuid, Key)>,
    pub now: Timestamp,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let dice = Arc::new(Dice::new(seed));
        let ring = Arc::new(Ring::default());
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let workspace = (uuid_v7(now, &*dice), Key::generate(&*dice));
        ring.add(workspace.0, workspace.1.clone());
        World { dice, ring, log: Arc::default(), workspace, subjects: BTreeMap::new(), people: BTreeMap::new(), now }
    }

    pub fn setup(&self) -> Setup {
        Setup {
            origin: ORIGIN.to_owned(),
            workspace_key: self.workspace.1.clone(),
            ring: self.ring.clone(),
            log: self.log.clone(),
            runtime: None,
        }
    }

    pub fn index(&self, path: &Path) -> Index {
        Index::open_divided(path, self.setup(), SEGMENT).unwrap()
    }

    pub fn id(&self) -> Uuid {
        uuid_v7(self.now, &*self.dice)
    }

    pub fn tick(&mut self, micros: usize) {
        self.now = Timestamp::from_micros(self.now.as_micros() + micros as i64);
    }

    pub fn subject(&mut self, user: Option<&str>) -> (Uuid, Key) {
        let Some(user) = user else { return self.workspace.clone() };
        let (dice, ring, now) = (&self.dice, &self.ring, self.now);
        let make = || {
            let made = (uuid_v7(now, &**dice), Key::generate(&**dice));
            ring.add(made.0, made.1.clone());
            made
        };
        self.subjects.entry(user.to_owned()).or_insert_with(make).clone()
    }

    pub fn person(&mut self, name: &str) -> (Uuid, Key) {
        let (dice, ring, now) = (&self.dice, &self.ring, self.now);
        let make = || {
            let made = (uuid_v7(now, &**dice), Key::generate(&**dice));
            ring.add(made.0, made.1.clone());
            made
        };
        self.people.entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// Appends a record; its position and leaf hash.
    pub fn append(
        &self,
        link: Option<Link>,
        environment: &str,
        actor: Actor,
        body: Body,
        groups: &[Group<'_>],
    ) -> (u64, Envelope, Digest) {
        self.append_with(link, environment, actor, body, groups, &[])
    }

    pub fn append_with(
        &self,
        link: Option<Link>,
        environment: &str,
        actor: Actor,
        body: Body,
        groups: &[Group<'_>],
        digests: &[(&str, Digest)],
    ) -> (u64, Envelope, Digest) {
        let id = self.id();
        let mut sealed: BTreeMap<String, Digest> =
            digests.iter().map(|(name, digest)| ((*name).to_owned(), *digest)).collect();
        let mut sections = Vec::new();
        for group in groups {
            let sealer = Sealer::new(group.key);
            let mut fields = Object::new();
            for (name, version, value) in &group.fields {
                let label = version.map_or(format!("{id}/{name}"), |version| format!("payload/{version}"));
                sealed.insert((*name).to_owned(), sealer.digest(&label, name, value));
                fields.insert(*name, value.clone());
            }
            sections.push(Section { key: group.key, wrapped_by: group.wrapped_by, fields });
        }
        let entry = if sections.is_empty() { Vec::new() } else { vault::seal(ORIGIN, id, &sections, &*self.dice) };
        let envelope = Envelope {
            id,
            time: self.now,
            workspace: "main".to_owned(),
            environment: environment.to_owned(),
            link,
            actor,
            body,
            sealed,
            vault: (!entry.is_empty()).then(|| Digest::of(&entry)),
        };
        let text = envelope.to_canonical().unwrap().into_bytes();
        let leaf = Digest::leaf(&text);
        let mut log = self.log.0.lock();
        log.push(Record { envelope: text, vault: entry });
        (log.len() as u64 - 1, envelope, leaf)
    }

    pub fn system(&self, body: impl Into<Body>) -> u64 {
        let actor = Actor { kind: ActorKind::System, id: "gate".to_owned() };
        self.append(None, "none", actor, body.into(), &[]).0
    }
}

pub fn link(action: &Action) -> Option<Link> {
    Some(Link { action: action.id, step: action.steps, prev: Some(action.last) })
}

/// Reads what the log has by now into the index, in batches of the given size.
pub fn read_on(index: &Index, log: &Log, batch: usize) {
    let records = log.0.lock().clone();
    while index.position() < records.len() as u64 {
        let from = index.position() as usize;
        let to = records.len().min(from + batch);
        let batch = records[from..to].iter().map(|record| (record.envelope.as_slice(), record.vault.as_slice()));
        index.apply(from as u64, batch).unwrap();
    }
}
