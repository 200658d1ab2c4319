//! What is true of an action, and the plainest way to ask for it.

use std::collections::BTreeSet;

use countersign_evidence::record::*;
use countersign_evidence::time::Timestamp;
use countersign_index::{Query, Without};
use countersign_wire::{State, SummaryView};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct Truth {
    pub action: Uuid,
    pub positions: Vec<u64>,
    pub time: Timestamp,
    pub agent: String,
    pub tool: String,
    pub environment: String,
    pub category: Category,
    pub decision: Option<Decision>,
    pub state: State,
    pub risk: u32,
    pub rules: Vec<String>,
    pub reviewers: BTreeSet<String>,
    pub key: Uuid,
    pub request_id: String,
    pub user: Option<String>,
    pub resource: Option<String>,
    pub correlation: Correlation,
    pub downstream: Option<String>,
    pub redeemed_by: Option<String>,
    /// Everything that may be found, each piece with whether an erasure of the user takes it.
    pub texts: Vec<(String, bool)>,
    pub erased: bool,
    pub used: bool,
}

impl Truth {
    /// What a list shows.
    pub fn summary(&self) -> SummaryView {
        SummaryView {
            action: self.action,
            time: self.time,
            position: self.positions[0],
            agent: self.agent.clone(),
            tool: self.tool.clone(),
            category: self.category.as_str().to_owned(),
            decision: self
                .decision
                .map_or("", |decision| match decision {
                    Decision::Allow => "allow",
                    Decision::Deny => "deny",
                    Decision::Review => "review",
                })
                .to_owned(),
            state: self.state,
            risk: self.risk,
            environment: self.environment.clone(),
            rules: self.rules.clone(),
            user: self.user.clone().filter(|_| !self.erased),
            resource: self.resource.clone().filter(|_| !self.erased),
        }
    }

    fn words(&self) -> BTreeSet<String> {
        let seen = self.texts.iter().filter(|(_, gone)| !(*gone && self.erased));
        let mut words: BTreeSet<String> = seen.flat_map(|(text, _)| split(text)).collect();
        words.extend(split(&self.agent));
        words.extend(split(&self.tool));
        words
    }

    pub fn fits(&self, query: &Query) -> bool {
        let is = |wanted: &Option<String>, has: Option<&String>| wanted.is_none() || wanted.as_ref() == has;
        let shown = self.summary();
        let tool = query.tool.as_deref().is_none_or(|tool| match tool.strip_suffix('*') {
            Some(beginning) => self.tool.starts_with(beginning),
            None => self.tool == tool,
        });
        let text = query.text.as_deref().is_none_or(|text| {
            let words = self.words();
            text.split_whitespace().all(|asked| match asked.strip_suffix('*') {
                Some(beginning) => words.iter().any(|word| word.starts_with(&beginning.to_lowercase())),
                None => split(asked).iter().all(|asked| words.contains(asked)),
            })
        });
        is(&query.agent, Some(&self.agent))
            && is(&query.user, shown.user.as_ref())
            && tool
            && query.category.is_none_or(|category| category == self.category)
            && query.decision.is_none_or(|decision| Some(decision) == self.decision)
            && query.state.is_none_or(|state| state == self.state)
            && query.rule.as_ref().is_none_or(|rule| self.rules.contains(rule))
            && query.reviewer.as_ref().is_none_or(|reviewer| self.reviewers.contains(reviewer))
            && is(&query.environment, Some(&self.environment))
            && is(&query.resource, shown.resource.as_ref())
            && text
            && query.since.is_none_or(|since| self.time >= since)
            && query.until.is_none_or(|until| self.time < until)
            && is(&query.session, self.correlation.session_id.as_ref())
            && is(&query.trace, self.correlation.trace_id.as_ref())
            && query.before.is_none_or(|before| self.positions[0] < before)
            && (query.environments.is_empty() || query.environments.contains(&self.environment))
            && (query.agents.is_empty() || query.agents.contains(&self.agent))
            && !query.without.iter().any(|one| self.has(one))
    }

    fn has(&self, one: &Without) -> bool {
        let shown = self.summary();
        match one {
            Without::Agent(text) => *text == self.agent,
            Without::User(text) => Some(text) == shown.user.as_ref(),
            Without::Tool(text) => match text.strip_suffix('*') {
                Some(beginning) => self.tool.starts_with(beginning),
                None => *text == self.tool,
            },
            Without::Category(category) => *category == self.category,
            Without::Decision(decision) => Some(*decision) == self.decision,
            Without::State(state) => *state == self.state,
            Without::Rule(rule) => self.rules.contains(rule),
            Without::Reviewer(reviewer) => self.reviewers.contains(reviewer),
            Without::Environment(text) => *text == self.environment,
            Without::Resource(text) => Some(text) == shown.resource.as_ref(),
            Without::Session(id) => Some(id) == self.correlation.session_id.as_ref(),
            Without::Trace(id) => Some(id) == self.correlation.trace_id.as_ref(),
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let runs = text.split(|character: char| !character.is_alphanumeric());
    runs.filter(|run| !run.is_empty()).map(str::to_lowercase).collect()
}

/// The page, found by looking at everything.
pub fn naive(truths: &[Truth], query: &Query) -> (Vec<SummaryView>, Option<u64>) {
    let mut all: Vec<&Truth> = truths.iter().filter(|truth| truth.fits(query)).collect();
    all.sort_by_key(|truth| std::cmp::Reverse(truth.positions[0]));
    let more = all.len() > query.limit;
    all.truncate(query.limit);
    let next = all.last().filter(|_| more).map(|truth| truth.positions[0]);
    (all.into_iter().map(Truth::summary).collect(), next)
}
