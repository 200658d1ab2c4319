//! What people and the requester's side should hear of: clear fields alone, never anything of a payload.

use countersign_evidence::action::Stage;
use countersign_evidence::record::{AuthorizedBy, Body, Decision, Envelope, Verdict};
use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::Gate;
use crate::view::groups;

/// What happened to a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsKind {
    /// It waits for people.
    Waiting,
    /// Time has passed and more people may decide it.
    Escalated,
    /// A reviewer asks the agent's side.
    Asked,
    /// The agent's side has answered.
    Answered,
    /// Another reviewer is asked to decide it.
    HandedOver,
    /// People let it go ahead.
    Approved,
    /// A reviewer said no.
    Denied,
    /// Nobody decided in time.
    Expired,
}

impl NewsKind {
    /// A stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            NewsKind::Waiting => "review.waiting",
            NewsKind::Escalated => "review.escalated",
            NewsKind::Asked => "review.asked",
            NewsKind::Answered => "review.answered",
            NewsKind::HandedOver => "review.handed_over",
            NewsKind::Approved => "review.approved",
            NewsKind::Denied => "review.denied",
            NewsKind::Expired => "review.expired",
        }
    }

    fn of(body: &Body) -> Option<Self> {
        match body {
            Body::ActionDecided(decided) if decided.decision == Decision::Review => Some(NewsKind::Waiting),
            Body::ReviewEscalated(_) => Some(NewsKind::Escalated),
            Body::ReviewAsked(_) => Some(NewsKind::Asked),
            Body::ReviewAnswered(_) => Some(NewsKind::Answered),
            Body::ReviewHandedOver(_) => Some(NewsKind::HandedOver),
            Body::ActionAuthorized(authorized) if authorized.by == AuthorizedBy::Review => Some(NewsKind::Approved),
            Body::ReviewDecided(decided) if decided.verdict == Verdict::Deny => Some(NewsKind::Denied),
            Body::ReviewExpired(_) => Some(NewsKind::Expired),
            _ => None,
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub kind: NewsKind,
    /// The record that says so.
    pub record: Uuid,
    /// Its log position.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// The action.
    pub action: Uuid,
    /// The agent's id.
    pub agent: String,
    /// The request id by which the requester knows it.
    pub request_id: String,
    /// `server/tool`.
    pub tool: String,
    /// The kind of side effect.
    pub category: String,
    /// The environment.
    pub environment: String,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// The groups that may decide it now; none when that is over.
    pub groups: Vec<String>,
    /// Not decided by then is denied.
    pub until: Option<Timestamp>,
}

impl Gate {
    /// What happened from this log position on, and the position after all that was looked at. Waits for the log to grow.
    ///
    /// # Errors
    /// As [`Gate::events`].
    pub async fn news(&self, caller: &Caller, position: u64) -> Result<(Vec<News>, u64), GateError> {
        let envelopes = self.envelopes(caller, position).await?;
        let next = envelopes.last().map_or(position, |(position, _)| position + 1);
        let mut news = Vec::new();
        for (position, envelope) in envelopes {
            news.extend(self.news_of(position, &envelope).await?);
        }
        Ok((news, next))
    }

    async fn news_of(&self, position: u64, envelope: &Envelope) -> Result<Option<News>, GateError> {
        let (Some(kind), Some(link)) = (NewsKind::of(&envelope.body), envelope.link) else { return Ok(None) };
        // Its content was erased: there is nothing left to tell.
        let Some(open) = self.find(link.action).await? else { return Ok(None) };
        let (action, proposed) = (&open.action, &open.action.proposed);
        if kind == NewsKind::Waiting && matches!(action.stage, Stage::Closed(_)) {
            // Nobody was asked, or it was given up meanwhile.
            return Ok(None);
        }
        let review = action.review();
        let asked = review.into_iter().flat_map(|review| &review.demand.requirements).flat_map(|one| &one.groups);
        Ok(Some(News {
            kind,
            record: envelope.id,
            position,
            time: envelope.time,
            action: link.action,
            agent: proposed.agent.id.clone(),
            request_id: proposed.request_id.clone(),
            tool: open.tool(),
            category: proposed.category.as_str().to_owned(),
            environment: action.environment.clone(),
            risk: action.decided.as_ref().map_or(0, |decided| decided.risk.score),
            groups: groups(asked),
            until: review.map(|review| review.demand.expires_at),
        }))
    }
}
