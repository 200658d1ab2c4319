//! The rules that hold across a whole log: time, workspace, epochs, policy versions, erasures.

use std::collections::HashSet;

use countersign_evidence::digest::Digest;
use countersign_evidence::record::{Body, Decision, Envelope, LogClosed, LogOpened, PolicyRef};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::report::Findings;

#[derive(Debug, Default)]
pub(crate) struct System {
    origin: String,
    /// Whether records are being written: the epoch of the last `log.opened` without a `log.closed`.
    epoch: Option<u64>,
    last_epoch: Option<u64>,
    workspace: Option<String>,
    time: Timestamp,
    ids: HashSet<Uuid>,
    policies: HashSet<(String, Digest)>,
    requested: HashSet<Uuid>,
    /// Keys that a `subject.erased` says are destroyed.
    pub(crate) erased: HashSet<Uuid>,
}

impl System {
    pub(crate) fn new(origin: &str) -> Self {
        System { origin: origin.to_owned(), time: Timestamp::from_micros(i64::MIN), ..Self::default() }
    }

    pub(crate) fn see(&mut self, position: u64, envelope: &Envelope, findings: &mut Findings) {
        let mut wrong = |what: &str| findings.at(position, format!("{}: {what}", envelope.body.kind()));
        if envelope.time < self.time {
            wrong("its time is before the previous record's");
        }
        self.time = self.time.max(envelope.time);
        if self.workspace.get_or_insert_with(|| envelope.workspace.clone()) != &envelope.workspace {
            wrong("its workspace is another than the first record's: one log holds one workspace");
        }
        if !self.ids.insert(envelope.id) {
            wrong("its id is that of an earlier record");
        }
        if self.epoch.is_none() && !matches!(envelope.body, Body::LogOpened(_) | Body::ClockStepped(_)) {
            wrong("the log has not been opened for writing");
        }
        let problem = match &envelope.body {
            Body::LogOpened(opened) => self.opened(opened),
            Body::LogClosed(closed) => self.closed(closed),
            // Before any policy is active everything is denied, by a set that nobody activated.
            Body::ActionDecided(decided) if decided.decision == Decision::Deny && self.policies.is_empty() => None,
            Body::ActionDecided(decided) => self.check_policy(&decided.policy_set),
            Body::ActionAuthorized(authorized) => self.check_policy(&authorized.policy_set),
            body => self.note(body),
        };
        if let Some(problem) = problem {
            wrong(problem);
        }
    }

    fn opened(&mut self, opened: &LogOpened) -> Option<&'static str> {
        let rises = self.last_epoch.is_none_or(|last| opened.epoch > last);
        (self.epoch, self.last_epoch) = (Some(opened.epoch), Some(opened.epoch));
        if opened.origin != self.origin {
            return Some("its origin is not the checkpoint's");
        }
        (!rises).then_some("its epoch does not rise")
    }

    fn closed(&mut self, closed: &LogClosed) -> Option<&'static str> {
        let fits = self.epoch.is_none_or(|epoch| epoch == closed.epoch);
        self.epoch = None;
        (!fits).then_some("its epoch is not that of the last log.opened")
    }

    fn note(&mut self, body: &Body) -> Option<&'static str> {
        match body {
            Body::PolicyActivated(activated) => {
                self.policies.insert((activated.version.clone(), activated.digest));
                None
            }
            Body::SubjectErasureRequested(requested) => {
                self.requested.extend(&requested.keys);
                None
            }
            Body::SubjectErased(erased) => {
                self.erased.extend(&erased.keys);
                let asked = erased.keys.iter().all(|key| self.requested.contains(key));
                (!asked).then_some("it names a key whose erasure no earlier record requests")
            }
            _ => None,
        }
    }

    fn check_policy(&self, policy: &PolicyRef) -> Option<&'static str> {
        let known = self.policies.contains(&(policy.version.clone(), policy.digest));
        (!known).then_some("no earlier record activated its policy version")
    }
}

/// Whether records of this type belong to an action.
pub(crate) fn is_of_action(kind: &str) -> bool {
    ["action.", "review.", "execution."].iter().any(|prefix| kind.starts_with(prefix))
}
