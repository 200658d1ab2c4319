//! Does every sealed field open to what the envelope commits to? For those who hold keys.

use std::collections::{HashMap, HashSet};

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::key::Key;
use countersign_evidence::open::{ActionOpener, KeyRing, KeyState};
use countersign_evidence::record::{Body, Envelope};
use countersign_evidence::vault;
use uuid::Uuid;

use crate::integrity::Stored;
use crate::report::{Answer, Findings, Question, Verdict};

/// What later records of an action need.
#[derive(Default)]
struct Known {
    key: Option<Key>,
    /// Ids of the keys that wrap the action's key.
    wrapped_by: Vec<Uuid>,
    /// Payloads that have opened: an equal one is not stored again.
    payloads: HashSet<Digest>,
    /// The first vault entry is gone, and the action's key with it.
    first_gone: bool,
}

/// A field that stays closed. Whether a record covers that is known at the end of the log.
struct Closed {
    position: u64,
    fields: Vec<String>,
    /// Keys whose absence would explain it.
    keys: Vec<Uuid>,
    gone: bool,
}

pub(crate) struct Openings<'a> {
    ring: &'a dyn KeyRing,
    origin: String,
    actions: HashMap<Uuid, Known>,
    closed: Vec<Closed>,
    findings: Findings,
    opened: u64,
}

impl<'a> Openings<'a> {
    pub(crate) fn new(ring: &'a dyn KeyRing, origin: &str) -> Self {
        Openings {
            ring,
            origin: origin.to_owned(),
            actions: HashMap::new(),
            closed: Vec::new(),
            findings: Findings::default(),
            opened: 0,
        }
    }

    /// Takes the next record; gives its signature, where it has one that opens.
    pub(crate) fn take(&mut self, stored: &Stored<'_>, envelope: &Envelope) -> Option<Value> {
        let mut system = Known::default();
        let known = match envelope.link {
            Some(link) => self.actions.entry(link.action).or_default(),
            None => &mut system,
        };
        let keys = wrapping_keys(stored.vault);
        let gone = stored.vault.is_empty() && envelope.vault.is_some();
        if matches!(envelope.body, Body::ActionProposed(_)) {
            known.wrapped_by.clone_from(&keys);
            known.first_gone = gone;
        }
        let mut opener = match &known.key {
            Some(key) => ActionOpener::with_key(self.ring, &self.origin, key.clone()),
            None => ActionOpener::new(self.ring, &self.origin),
        };
        let opened = match opener.open(envelope, Some(stored.vault)) {
            Ok(opened) => opened,
            Err(error) => {
                self.findings.at(stored.position, error.to_string());
                return None;
            }
        };
        let signature = opened.fields.get("signature").cloned();
        if known.key.is_none() {
            known.key = opener.action_key().cloned();
        }
        if let Some(digest) = envelope.sealed.get("payload").filter(|_| opened.fields.contains_key("payload")) {
            known.payloads.insert(*digest);
        }
        let is_known = |name: &String| {
            name == "payload" && envelope.sealed.get(name).is_some_and(|digest| known.payloads.contains(digest))
        };
        let (again, fields): (Vec<_>, Vec<_>) = opened.closed.into_iter().partition(is_known);
        self.opened += u64::try_from(opened.fields.len() + again.len()).unwrap_or_default();
        if !fields.is_empty() {
            let keys = keys.into_iter().chain(known.wrapped_by.iter().copied()).collect();
            self.closed.push(Closed { position: stored.position, fields, keys, gone: gone || known.first_gone });
        }
        signature
    }

    /// A field that does not open is covered where the log says that a key which would open it is destroyed.
    pub(crate) fn judge(mut self, erased: &HashSet<Uuid>, last_erasure: Option<u64>) -> Answer {
        let (mut covered, mut unclear) = (0, 0);
        for closed in self.closed {
            let gone = |id: &Uuid| matches!(self.ring.key(*id), Ok(KeyState::Destroyed | KeyState::Unknown));
            let destroyed = closed.keys.iter().any(|id| erased.contains(id) && gone(id));
            if destroyed {
                covered += 1;
            } else if closed.gone && last_erasure.is_some_and(|erasure| erasure > closed.position) {
                unclear += 1;
            } else {
                let names = closed.fields.join(", ");
                self.findings.at(closed.position, format!("{names} does not open, and no record covers that"));
            }
        }
        let verdict = if self.opened == 0 || unclear > 0 { Verdict::NotChecked } else { Verdict::Pass };
        let mut what = format!("{} sealed fields open to what their envelopes commit to", self.opened);
        if covered > 0 {
            what.push_str(&format!("; {covered} records have fields that an erasure closed"));
        }
        if unclear > 0 {
            what.push_str(&format!(
                "; {unclear} records have no vault entry any more, which a later erasure may cover"
            ));
        }
        self.findings.judge(Question::Openings, verdict, what)
    }
}

fn wrapping_keys(entry: &[u8]) -> Vec<Uuid> {
    let sections = vault::sections(entry).unwrap_or_default();
    sections.into_iter().filter_map(|section| section.wrapped.map(|(id, _)| id)).collect()
}
