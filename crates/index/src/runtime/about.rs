//! What was reported about an action: by ids that stand on both sides, of keys that may act for its agent there.

use std::collections::BTreeMap;

use countersign_evidence::record::Correlation;
use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::store::{COLUMNS, Runtime, report};
use super::{Report, Reporter};
use crate::error::IndexError;

/// Most spans and events that are told of one action.
pub const MOST_FOUND: usize = 100;
/// Most rows that are looked at by one kind of link.
const MOST_LOOKED_AT: usize = 500;
/// How far beyond an action's life something of its session may lie. Clocks differ, and calls have ids like `call_1`.
const AROUND_S: i64 = 900;

/// What ties a report to an action, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The very span that the requester named as the one that asked.
    Caller,
    /// A child of the action's own span.
    Child,
    /// The same tool call.
    Call,
    /// The same trace.
    Trace,
    /// The prompt that led to the same tool call.
    Prompt,
    /// The same session or conversation, at about the same time.
    Session,
}

impl Link {
    /// A stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Link::Caller => "caller",
            Link::Child => "child",
            Link::Call => "call",
            Link::Trace => "trace",
            Link::Prompt => "prompt",
            Link::Session => "session",
        }
    }
}

/// What is asked about.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// The action's trace.
    pub trace: TraceId,
    /// The action's own span.
    pub span: SpanId,
    /// Its other ids.
    pub correlation: &'a Correlation,
    /// Its environment.
    pub environment: &'a str,
    /// Its agent.
    pub agent: &'a str,
    /// The key that proposed it.
    pub key: Uuid,
    /// When it was proposed.
    pub from: Timestamp,
    /// When its latest record was made.
    pub until: Timestamp,
    /// Only what this key reported.
    pub only: Option<Uuid>,
}

/// A report, what ties it to the action, and whose word it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What was reported.
    pub report: Report,
    /// What ties it to the action.
    pub link: Link,
    /// The key that reported it.
    pub key: Uuid,
    /// When it arrived.
    pub received: Timestamp,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of their beginning; at most [`MOST_FOUND`], the most closely tied ones.
    pub reports: Vec<Reported>,
    /// There are more.
    pub more: bool,
}

impl Runtime {
    /// What was reported about an action.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn about(&self, about: &About<'_>) -> Result<Found, IndexError> {
        self.read(|connection| {
            let reporters = reporters(connection, about)?;
            if reporters.is_empty() {
                return Ok(Found::default());
            }
            let mut search = Search { connection, about, reporters, found: BTreeMap::new(), more: false };
            search.all()?;
            Ok(search.into_found())
        })
    }
}

/// The keys that count, by the number of their row: the proposer's own, and those that may act for this agent there.
fn reporters(connection: &Connection, about: &About<'_>) -> rusqlite::Result<BTreeMap<i64, Uuid>> {
    let mut select = connection.prepare_cached("SELECT id, key, environments, agents FROM reporter")?;
    let list = |text: String| text.split('\n').filter(|one| !one.is_empty()).map(str::to_owned).collect();
    let rows = select.query_map([], |row| {
        let key: [u8; 16] = row.get(1)?;
        let (environments, agents) = (list(row.get(2)?), list(row.get(3)?));
        Ok((row.get::<_, i64>(0)?, Reporter { key: Uuid::from_bytes(key), environments, agents }))
    })?;
    let mut counted = BTreeMap::new();
    for row in rows {
        let (number, reporter) = row?;
        let wanted = about.only.is_none_or(|only| only == reporter.key);
        if wanted && (reporter.key == about.key || reporter.covers(about.environment, about.agent)) {
            counted.insert(number, reporter.key);
        }
    }
    Ok(counted)
}

impl Reporter {
    fn covers(&self, environment: &str, agent: &str) -> bool {
        let within = |limits: &[String], text: &str| limits.is_empty() || limits.iter().any(|limit| limit == text);
        within(&self.environments, environment) && within(&self.agents, agent)
    }
}

struct Search<'a> {
    connection: &'a Connection,
    about: &'a About<'a>,
    reporters: BTreeMap<i64, Uuid>,
    /// By row.
    found: BTreeMap<i64, Reported>,
    more: bool,
}

impl Search<'_> {
    fn all(&mut self) -> rusqlite::Result<()> {
        let everybody: Vec<i64> = self.reporters.keys().copied().collect();
        let correlation = self.about.correlation;
        self.find(Link::Trace, "trace = ?", vec![self.about.trace.as_bytes().to_vec().into()], &everybody)?;
        if let Some(call) = &correlation.call_id {
            self.find_around(Link::Call, "call = ?", vec![call.clone().into()], &everybody)?;
            let prompts: Vec<(i64, String)> = self.prompts(call);
            for (reporter, prompt) in prompts {
                self.find_around(Link::Prompt, "prompt = ?", vec![prompt.into()], &[reporter])?;
            }
        }
        for id in [&correlation.session_id, &correlation.conversation_id].into_iter().flatten() {
            // Another call of the same session is another action's.
            let (mut same, mut values) = ("(session = ? OR conversation = ?)".to_owned(), vec![id.clone(), id.clone()]);
            if let Some(call) = &correlation.call_id {
                same.push_str(" AND (call IS NULL OR call = ?)");
                values.push(call.clone());
            }
            self.find_around(Link::Session, &same, values.into_iter().map(Value::from).collect(), &everybody)?;
        }
        Ok(())
    }

    /// Prompts that the reporters of this very call name.
    fn prompts(&self, call: &str) -> Vec<(i64, String)> {
        let of_call = self.found.values().filter(|one| one.report.call.as_deref() == Some(call));
        let number = |key: Uuid| self.reporters.iter().find(|(_, known)| **known == key).map(|(number, _)| *number);
        let mut prompts: Vec<_> =
            of_call.filter_map(|one| Some((number(one.key)?, one.report.prompt.clone()?))).collect();
        prompts.sort();
        prompts.dedup();
        prompts.truncate(8);
        prompts
    }

    fn find_around(&mut self, link: Link, same: &str, mut values: Vec<Value>, of: &[i64]) -> rusqlite::Result<()> {
        let (from, until) = (self.about.from.plus_seconds(-AROUND_S), self.about.until.plus_seconds(AROUND_S));
        values.extend([from, until].map(|time| Value::from(time.as_micros())));
        self.find(link, &format!("{same} AND started BETWEEN ? AND ?"), values, of)
    }

    fn find(&mut self, link: Link, same: &str, values: Vec<Value>, of: &[i64]) -> rusqlite::Result<()> {
        let numbers: Vec<String> = of.iter().map(i64::to_string).collect();
        let own = self.reporters.iter().find(|(_, key)| **key == self.about.key).map_or(0, |(number, _)| *number);
        // The proposer's own word before that of others.
        let select = format!(
            "SELECT id, reporter, received, {COLUMNS} FROM report WHERE {same} AND reporter IN ({})
             ORDER BY reporter = {own} DESC, about_agents DESC, id LIMIT {}",
            numbers.join(", "),
            MOST_LOOKED_AT + 1
        );
        let mut select = self.connection.prepare(&select)?;
        let mut rows = select.query(params_from_iter(values))?;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            looked_at += 1;
            if looked_at > MOST_LOOKED_AT {
                self.more = true;
                break;
            }
            let report = report(row, 3)?;
            // What this gate exports may come back to it.
            if report.span == Some(self.about.span) {
                continue;
            }
            let link = self.link_of(&report, link);
            let key = self.reporters.get(&row.get(1)?).copied().unwrap_or_default();
            let reported = Reported { report, link, key, received: Timestamp::from_micros(row.get(2)?) };
            let held = self.found.entry(row.get(0)?).or_insert_with(|| reported.clone());
            held.link = held.link.min(reported.link);
        }
        Ok(())
    }

    fn link_of(&self, report: &Report, link: Link) -> Link {
        let correlation = self.about.correlation;
        let asked = correlation.span_id.as_deref().and_then(SpanId::read);
        match link {
            Link::Trace if report.span.is_some() && report.span == asked => Link::Caller,
            Link::Trace if report.parent == Some(self.about.span) => Link::Child,
            Link::Trace if report.call.is_some() && report.call == correlation.call_id => Link::Call,
            link => link,
        }
    }

    fn into_found(self) -> Found {
        let (mut reports, mut more): (Vec<_>, _) = (self.found.into_values().collect(), self.more);
        // The proposer's own word first: nobody else's crowds it out.
        reports.sort_by_key(|one: &Reported| (one.key != self.about.key, one.link, one.report.started));
        more |= reports.len() > MOST_FOUND;
        reports.truncate(MOST_FOUND);
        reports.sort_by_key(|one| (one.report.started, one.link));
        Found { reports, more }
    }
}
