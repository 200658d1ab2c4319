use countersign_evidence::digest::Digest;
use countersign_evidence::record::StandingGranted;
use countersign_evidence::time::Timestamp;
use countersign_wire::StandingView;
use uuid::Uuid;

use crate::prepare::Checked;

/// A standing approval as the records tell it.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) granted: StandingGranted,
    /// The reviewer's opaque id.
    pub(crate) person: String,
    pub(crate) name: String,
    /// Absent where it was erased.
    pub(crate) reason: Option<String>,
    /// Digest of what it covers alone: agent, user, environment, tool, resource and payload. Where it covers one payload and
    /// this is absent, that was erased, and it covers nothing any more.
    pub(crate) content: Option<Digest>,
    /// Id of the key whose erasure takes that away.
    pub(crate) subject: Option<Uuid>,
    pub(crate) at: Timestamp,
    pub(crate) used: u32,
    pub(crate) revoked: Option<Timestamp>,
}

impl Grant {
    pub(crate) fn in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.granted.until && self.used < self.granted.uses
    }

    /// Whether a proposal is of the kind that it covers.
    pub(crate) fn covers(&self, checked: &Checked) -> bool {
        let (granted, request) = (&self.granted, &checked.request);
        granted.agent == request.agent.id
            && granted.tool == request.tool
            && granted.environment == checked.environment
            && (!granted.same_payload || self.content == Some(checked.identity.content))
    }

    /// How many seconds it lasts from begin to end.
    pub(crate) fn lasts_s(&self) -> u64 {
        u64::try_from(self.granted.until.since(self.at) / 1_000_000).unwrap_or(u64::MAX)
    }

    /// The data folder's owner granted it.
    pub(crate) fn is_solo(&self) -> bool {
        self.person == "owner"
    }

    /// The same without what goes with these keys: its person's name and words, or what it covers. `None` where nothing does.
    pub(crate) fn without(&self, subjects: &[Uuid]) -> Option<Self> {
        let person = self.person.parse().is_ok_and(|person| subjects.contains(&person));
        let subject = self.subject.is_some_and(|subject| subjects.contains(&subject));
        let mut left = self.clone();
        if person {
            (left.name, left.reason) = (self.person.clone(), None);
        }
        if subject {
            left.content = None;
        }
        (person || subject).then_some(left)
    }

    pub(crate) fn view(&self, now: Timestamp) -> StandingView {
        let granted = &self.granted;
        StandingView {
            standing: granted.standing,
            action: granted.action,
            agent: granted.agent.clone(),
            tool: format!("{}/{}", granted.tool.server, granted.tool.name),
            environment: granted.environment.clone(),
            any_payload: !granted.same_payload,
            rules: granted.rules.clone(),
            uses: granted.uses,
            used: self.used,
            until: granted.until,
            person: self.person.clone(),
            name: self.name.clone(),
            reason: self.reason.clone(),
            at: self.at,
            revoked_at: self.revoked,
            in_force: self.in_force(now),
        }
    }
}
