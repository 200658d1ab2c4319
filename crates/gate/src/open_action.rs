use std::sync::Arc;

use countersign_evidence::action::{Action, Stage};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::key::Key;
use countersign_evidence::time::Timestamp;
use countersign_wire::{NoteView, StartNow};
use uuid::Uuid;

use crate::caller::plain_identity;

/// The way in of proposals that name none (`source.via`).
pub(crate) const VIA_API: &str = "api";
/// How proposals of the MCP gateways name their way in (`source.via`).
pub(crate) const VIA_MCP: &str = "mcp";
/// How those of hooks do.
pub(crate) const VIA_HOOK: &str = "hook";

/// An action as the gate holds it: its state, and digests in place of payloads.
#[derive(Debug, Clone)]
pub(crate) struct OpenAction {
    /// The state, as the records tell it.
    pub(crate) action: Action,
    /// `K_action`.
    pub(crate) key: Key,
    /// What the proposal was, for idempotency and redemption.
    pub(crate) identity: Identity,
    /// SHA-256 of the canonical payload in question, in memory only.
    pub(crate) plain: Digest,
    /// The payload in question, where a reviewer edited it: the caller must be told.
    pub(crate) edited: Option<Arc<Value>>,
    /// Who must not approve it.
    pub(crate) requester: Requester,
    /// For the agent's model.
    pub(crate) message: String,
    /// What each review rule says to people.
    pub(crate) rule_messages: Vec<(String, String)>,
    /// What reviewers were shown of the payload in question.
    pub(crate) shown: Vec<Shown>,
    /// What the reviewer who denied it said: the agent's side is told.
    pub(crate) denied_because: Option<String>,
    /// What was said about the review in question.
    pub(crate) notes: Vec<NoteView>,
    /// Log positions of its records.
    pub(crate) positions: Vec<u64>,
    /// Starts that were refused before the latest authorization: they do not count against it.
    pub(crate) refused_before: u32,
}

/// A presentation that is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The reviewer's opaque id.
    pub(crate) person: String,
    /// Digest of the sealed field.
    pub(crate) digest: Digest,
    /// SHA-256 of what was shown and by which renderer, in memory only: two records of the same have different digests.
    pub(crate) content: Digest,
}

impl Shown {
    pub(crate) fn content(renderer: &str, presentation: &Value) -> Digest {
        Digest::of(format!("{renderer}\n{}", presentation.to_canonical()).as_bytes())
    }
}

/// What makes two proposals the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// SHA-256 over agent, user, environment, tool, resource and payload.
    pub(crate) content: Digest,
    /// The API key that proposed it.
    pub(crate) key: Uuid,
}

/// The people who never approve this action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Requester {
    /// The user on whose behalf the agent acts.
    pub(crate) user: Option<String>,
    /// The person who answers for the agent.
    pub(crate) owner: Option<String>,
    /// The key by which the subject's data is sealed.
    pub(crate) subject: Uuid,
}

impl Requester {
    /// Whether one of them asks who has one of these identities.
    pub(crate) fn is_any_of(&self, identities: &[String]) -> bool {
        let own: Vec<String> = identities.iter().map(|identity| plain_identity(identity)).collect();
        self.user.iter().chain(&self.owner).any(|requester| own.contains(&plain_identity(requester)))
    }
}

impl OpenAction {
    pub(crate) fn id(&self) -> Uuid {
        self.action.id
    }

    /// Digest of the record that this reviewer was shown exactly this.
    pub(crate) fn shown_to(&self, person: &str, content: Digest) -> Option<Digest> {
        let same = |shown: &&Shown| shown.person == person && shown.content == content;
        self.shown.iter().find(same).map(|shown| shown.digest)
    }

    /// The requests that it answers.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Uuid, String)> {
        self.action.request_ids().map(|request_id| (self.identity.key, request_id.to_owned()))
    }

    /// The client's call that a hook proposed it for, under the key of the proposal.
    pub(crate) fn hooked_call(&self) -> Option<(Uuid, String)> {
        let proposed = &self.action.proposed;
        let call_id = proposed.correlation.call_id.clone().filter(|_| proposed.source.via == VIA_HOOK)?;
        Some((self.identity.key, call_id))
    }

    /// The request that began its execution, and what that called the attempt.
    pub(crate) fn begun_by(&self) -> Option<(&str, &str)> {
        let started = &self.action.execution()?.started;
        let request_id = started.redeemed_by.as_ref().unwrap_or(&self.action.proposed.request_id);
        Some((request_id, &started.attempt))
    }

    /// Whether another request began its execution, under an attempt that this one calls its own: told that it is being
    /// executed, it would take that for its go-ahead.
    pub(crate) fn begun_by_another(&self, request_id: &str, attempt: Option<&StartNow>) -> bool {
        let (Some((began, named)), Some(attempt)) = (self.begun_by(), attempt) else { return false };
        began != request_id && attempt.attempt == named
    }

    pub(crate) fn position(&self) -> u64 {
        self.positions.last().copied().unwrap_or_default()
    }

    /// Starts that were refused since it was authorized last.
    pub(crate) fn refused(&self) -> u32 {
        self.action.refusals.saturating_sub(self.refused_before)
    }

    /// When time ends what is going on: a review, an authorization, an execution.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.action.stage {
            Stage::Reviewing(review) => {
                let escalations = review.demand.requirements.iter().filter_map(|one| one.escalation.as_ref());
                escalations.map(|escalation| escalation.at).chain([review.demand.expires_at]).min()
            }
            Stage::Authorized(authorization) => Some(authorization.expires_at),
            Stage::Executing(execution) => Some(execution.started.deadline),
            _ => None,
        }
    }

    pub(crate) fn tool(&self) -> String {
        format!("{}/{}", self.action.proposed.tool.server, self.action.proposed.tool.name)
    }
}
