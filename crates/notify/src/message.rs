//! What is said: from clear fields alone.

use countersign_evidence::time::Timestamp;
use countersign_gate::{News, NewsKind};
use serde::Serialize;
use uuid::Uuid;

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The record behind it: the same however often it is told.
    #[serde(skip)]
    pub id: Uuid,
    /// A stable name of what happened.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What it is about.
    pub data: Data,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Data {
    /// One plain sentence.
    pub sentence: String,
    /// Where to look at it; who follows it has to sign in.
    pub link: String,
    /// The action.
    pub action: Uuid,
    /// The request id by which the requester knows it.
    pub request_id: String,
    /// The agent's id.
    pub agent: String,
    /// `server/tool`.
    pub tool: String,
    /// The kind of side effect.
    pub category: String,
    /// The environment.
    pub environment: String,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// The groups that may decide it now.
    pub groups: Vec<String>,
    /// Not decided by then is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Message {
    /// Of what happened, for a gate that people reach at `public_url`.
    pub fn of(news: &News, public_url: &str) -> Self {
        let open = news.until.is_some();
        let place = if open { "reviews" } else { "actions" };
        Message {
            id: news.record,
            kind: news.kind.as_str(),
            timestamp: news.time,
            data: Data {
                sentence: sentence(news),
                link: format!("{public_url}/{place}/{}", news.action),
                action: news.action,
                request_id: news.request_id.clone(),
                agent: news.agent.clone(),
                tool: news.tool.clone(),
                category: news.category.clone(),
                environment: news.environment.clone(),
                risk: news.risk,
                groups: news.groups.clone(),
                expires_at: news.until,
            },
        }
    }

    /// The body of a webhook.
    pub fn json(&self) -> String {
        // Strings and numbers, which always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn sentence(news: &News) -> String {
    let what =
        format!("{} by agent {} ({}, {}, risk {})", news.tool, news.agent, news.category, news.environment, news.risk);
    let groups = match news.groups.is_empty() {
        true => "its reviewers".to_owned(),
        false => news.groups.join(", "),
    };
    match news.kind {
        NewsKind::Waiting => format!("{what} waits for {groups}."),
        NewsKind::Escalated => format!("{what} still waits; {groups} may decide it now."),
        NewsKind::Asked => format!("A reviewer asks about {what}."),
        NewsKind::Answered => format!("The agent's side has answered about {what}."),
        NewsKind::HandedOver => format!("{what} was handed over to another reviewer."),
        NewsKind::Approved => format!("{what} was approved."),
        NewsKind::Denied => format!("{what} was denied."),
        NewsKind::Expired => format!("{what} was decided by nobody in time, which denies it."),
    }
}
