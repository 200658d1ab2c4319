//! Folding a log: is nothing missing, and did everything go by the rules?

use std::collections::{BTreeMap, HashMap};

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::record::{Body, Envelope, Link};
use uuid::Uuid;

use crate::conformance::Matches;
use crate::integrity::Stored;
use crate::report::{Answer, Findings, Question, Verdict};
use crate::standing::Standing;
use crate::system::{System, is_of_action};

/// An action as far as its records could be followed; `None` once one of them did not fit.
type Followed = Option<Box<Action>>;

pub(crate) struct Ledger {
    actions: HashMap<Uuid, Followed>,
    system: System,
    standing: Standing,
    completeness: Findings,
    conformance: Findings,
    /// Unknown type to number and first position.
    unknown: BTreeMap<String, (u64, u64)>,
    records: u64,
}

impl Ledger {
    pub(crate) fn new(origin: &str) -> Self {
        Ledger {
            actions: HashMap::new(),
            system: System::new(origin),
            standing: Standing::default(),
            completeness: Findings::default(),
            conformance: Findings::default(),
            unknown: BTreeMap::new(),
            records: 0,
        }
    }

    pub(crate) fn system(&self) -> &System {
        &self.system
    }

    /// Takes the next record; gives it back parsed, where it is an envelope.
    pub(crate) fn take(&mut self, stored: &Stored<'_>) -> Option<Envelope> {
        self.records += 1;
        let envelope = match Envelope::parse(stored.envelope) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.conformance.at(stored.position, error.to_string());
                return None;
            }
        };
        if let Err(error) = envelope.check_sealed() {
            self.conformance.at(stored.position, error.to_string());
        }
        self.system.see(stored.position, &envelope, &mut self.conformance);
        if let Body::Unknown { kind, .. } = &envelope.body {
            let (count, _) = self.unknown.entry(kind.clone()).or_insert((0, stored.position));
            *count += 1;
        }
        self.follow(stored.position, &envelope, Digest(stored.leaf.0));
        Some(envelope)
    }

    fn follow(&mut self, position: u64, envelope: &Envelope, leaf: Digest) {
        let kind = envelope.body.kind();
        let Some(link) = envelope.link else {
            if is_of_action(kind) {
                self.conformance.at(position, format!("{kind}: it names no action"));
            } else if let Some(problem) = self.standing.note(envelope) {
                self.conformance.at(position, format!("{kind}: {problem}"));
            }
            return;
        };
        match self.actions.get_mut(&link.action) {
            None => {
                let action = self.begin(position, envelope, link, leaf);
                self.actions.insert(link.action, action);
            }
            Some(followed) => {
                let Some(action) = followed else { return };
                if let Some(problem) = gap(action, link) {
                    self.completeness.at(position, format!("{kind} of action {}: {problem}", link.action));
                    *followed = None;
                } else if let Err(error) = action.apply(envelope, leaf) {
                    self.conformance.at(position, format!("action {}: {error}", link.action));
                    *followed = None;
                } else if let Body::ReviewStandingUsed(used) = &envelope.body
                    && let Some(problem) = self.standing.used(used, action, envelope.time)
                {
                    self.conformance.at(position, format!("{kind} of action {}: {problem}", link.action));
                }
            }
        }
    }

    fn begin(&mut self, position: u64, envelope: &Envelope, link: Link, leaf: Digest) -> Followed {
        if link.step > 0 {
            let what = format!("{} of action {}: it is step {}", envelope.body.kind(), link.action, link.step);
            self.completeness.at(position, format!("{what}, but the log has no earlier one"));
            return None;
        }
        match Action::open(envelope, leaf) {
            Ok(action) => Some(Box::new(action)),
            Err(error) => {
                self.conformance.at(position, format!("action {}: {error}", link.action));
                None
            }
        }
    }

    /// The verdicts on completeness, conformance and, where there are any, unknown types.
    pub(crate) fn judge(mut self, size: u64, lost: u64) -> (Vec<Answer>, Matches) {
        let mut matches = Matches::default();
        for action in self.actions.values().flatten() {
            matches.count(action);
        }
        if lost > 0 {
            self.completeness.add("log", format!("{lost} of {size} records could not be read"));
        }
        let empty = if size == 0 { Verdict::NotChecked } else { Verdict::Pass };
        let what = match size {
            0 => "the log is empty: there is nothing to check".to_owned(),
            _ => {
                format!("records 0 to {} in a row, the steps of {} actions without gaps", size - 1, self.actions.len())
            }
        };
        let complete = self.completeness.judge(Question::Completeness, empty, what);
        let known = self.records - self.unknown.values().map(|(count, _)| count).sum::<u64>();
        let (verdict, what) = match (known, matches.actions()) {
            (0, _) => (Verdict::NotChecked, "there are no records to check".to_owned()),
            (_, 0) => (Verdict::NotChecked, format!("{known} records by the rules, but no action among them")),
            _ => (Verdict::Pass, format!("{known} records by the rules; {matches}")),
        };
        let mut answers = vec![complete, self.conformance.judge(Question::Conformance, verdict, what)];
        answers.extend(unknown_types(self.unknown));
        (answers, matches)
    }
}

fn gap(action: &Action, link: Link) -> Option<String> {
    if link.step != action.steps {
        return Some(format!("it is step {} where step {} is due", link.step, action.steps));
    }
    (link.prev != Some(action.last)).then(|| "its prev is not the leaf hash of the action's previous record".to_owned())
}

fn unknown_types(unknown: BTreeMap<String, (u64, u64)>) -> Option<Answer> {
    let mut findings = Findings::default();
    for (kind, (count, first)) in &unknown {
        findings.at(*first, format!("{kind}: the first of {count}"));
    }
    let what = "records of types that this version does not know: they chain, their conformance is not checked";
    (!unknown.is_empty()).then(|| findings.answer(Question::UnknownTypes, Verdict::NotChecked, what))
}
