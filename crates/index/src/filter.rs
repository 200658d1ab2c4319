//! A question as SQL: what the row must say, and terms that find candidates. The row decides, always.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use countersign_wire::State;

use crate::codes::{DECISIONS, category_code, code, decision_name, state_code};
use crate::error::IndexError;
use crate::names::number_of;
use crate::packed::pack_id;
use crate::query::{Query, Without};
use crate::store::signed;
use crate::terms::{Kind, Terms};
use crate::words::{asked, distinct};

/// Tools that a `*` may stand for and still be looked up by their terms.
const MOST_TOOL_TERMS: usize = 64;

/// A question, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Conditions on the row, joined by AND, with numbered parameters.
    pub(crate) conditions: Vec<String>,
    pub(crate) parameters: Vec<Value>,
    /// Full-text terms, joined by AND.
    pub(crate) terms: Vec<String>,
    /// Some of them are words, which rows do not have.
    pub(crate) by_words: bool,
    /// Numbers that must be among the row's rules and reviewers.
    pub(crate) rule: Option<u64>,
    pub(crate) reviewer: Option<u64>,
    /// Numbers that must not be among them.
    pub(crate) without_rules: Vec<u64>,
    pub(crate) without_reviewers: Vec<u64>,
    pub(crate) state: Option<State>,
    /// Rows from here to before there.
    pub(crate) rows: (u64, u64),
}

/// Reads a question. `None` where nothing can match, since a name in it does not occur.
pub(crate) fn filter(query: &Query, connection: &Connection, terms: &Terms) -> Result<Option<Filter>, IndexError> {
    let text = query.text.as_deref().map(asked).transpose()?;
    let tool = query.tool.as_deref().map(tool_pattern).transpose()?;
    for one in &query.without {
        if let Without::Tool(text) = one {
            tool_pattern(text)?;
        }
    }
    let mut making = Making { connection, terms, filter: Filter::default(), possible: true };
    making.build(query, tool).map_err(IndexError::storage("asking the index"))?;
    let Making { mut filter, possible, .. } = making;
    if let Some(text) = text {
        filter.by_words = true;
        filter.terms.extend(text.words.iter().map(|word| format!("\"{word}\"")));
        filter.terms.extend(text.beginnings.iter().map(|word| format!("\"{word}\" *")));
    }
    Ok((possible && filter.rows.0 < filter.rows.1).then_some(filter))
}

/// A tool's name, or its beginning.
#[derive(Debug, Clone, Copy)]
enum ToolPattern<'a> {
    Exact(&'a str),
    Beginning(&'a str),
}

fn tool_pattern(text: &str) -> Result<ToolPattern<'_>, IndexError> {
    match text.strip_suffix('*') {
        None if !text.contains('*') => Ok(ToolPattern::Exact(text)),
        Some(beginning) if !beginning.contains('*') => Ok(ToolPattern::Beginning(beginning)),
        _ => Err(IndexError::Question("in a tool's name a * may stand at the end only".to_owned())),
    }
}

struct Making<'a> {
    connection: &'a Connection,
    terms: &'a Terms,
    filter: Filter,
    possible: bool,
}

impl Making<'_> {
    fn build(&mut self, query: &Query, tool: Option<ToolPattern<'_>>) -> rusqlite::Result<()> {
        self.rows(query)?;
        self.named("agent", Kind::Agent, query.agent.as_deref())?;
        self.named("environment", Kind::Environment, query.environment.as_deref())?;
        self.among("agent", Kind::Agent, &query.agents)?;
        self.among("environment", Kind::Environment, &query.environments)?;
        if let Some(tool) = tool {
            self.tool(tool)?;
        }
        if let Some(category) = query.category {
            self.is("category", Value::Integer(category_code(category)));
            self.term(Kind::Category, category.as_str());
        }
        if let Some(decision) = query.decision {
            self.is("decision", Value::Integer(code(&DECISIONS, &decision).unwrap_or_default()));
            self.term(Kind::Decision, decision_name(decision));
        }
        self.filter.state = query.state;
        for (column, kind, id) in [("session", Kind::Session, &query.session), ("trace", Kind::Trace, &query.trace)] {
            if let Some(id) = id {
                self.is(column, pack_id(id));
                self.term(kind, id);
            }
        }
        if let Some(user) = &query.user {
            self.is("user", Value::Text(user.clone()));
            self.term(Kind::User, user);
        }
        self.filter.rule = self.listed(Kind::Rule, query.rule.as_deref())?;
        self.filter.reviewer = self.listed(Kind::Reviewer, query.reviewer.as_deref())?;
        if let Some(resource) = &query.resource {
            self.resource(resource);
        }
        query.without.iter().try_for_each(|one| self.without(one))
    }

    /// Rows say what they do not have; no term does.
    fn without(&mut self, one: &Without) -> rusqlite::Result<()> {
        match one {
            Without::Agent(text) => self.not_named("agent", text),
            Without::Environment(text) => self.not_named("environment", text),
            Without::Tool(text) => match tool_pattern(text) {
                Ok(ToolPattern::Exact(name)) => self.not_named("tool", name),
                Ok(ToolPattern::Beginning(beginning)) => {
                    let numbers: Vec<i64> = self.tools(beginning)?.into_iter().map(|(number, _)| number).collect();
                    self.filter.conditions.push(format!("+action.tool NOT IN ({})", list(&numbers)));
                    Ok(())
                }
                // Refused before; see `filter`.
                Err(_) => Ok(()),
            },
            Without::Category(category) => self.is_not("category", Value::Integer(category_code(*category))),
            Without::Decision(decision) => {
                self.is_not("decision", code(&DECISIONS, decision).map_or(Value::Null, Value::Integer))
            }
            Without::State(state) => self.is_not("state", Value::Integer(state_code(*state))),
            Without::User(user) => self.is_not("user", Value::Text(user.clone())),
            Without::Resource(resource) => self.is_not("resource", Value::Text(resource.clone())),
            Without::Session(id) => self.is_not("session", pack_id(id)),
            Without::Trace(id) => self.is_not("trace", pack_id(id)),
            Without::Rule(rule) => {
                self.filter.without_rules.extend(number_of(self.connection, rule)?.map(i64::unsigned_abs));
                Ok(())
            }
            Without::Reviewer(person) => {
                self.filter.without_reviewers.extend(number_of(self.connection, person)?.map(i64::unsigned_abs));
                Ok(())
            }
        }
    }

    /// A name that does not occur leaves nothing out.
    fn not_named(&mut self, column: &str, text: &str) -> rusqlite::Result<()> {
        match number_of(self.connection, text)? {
            Some(number) => self.is_not(column, Value::Integer(number)),
            None => Ok(()),
        }
    }

    fn is_not(&mut self, column: &str, value: Value) -> rusqlite::Result<()> {
        self.filter.parameters.push(value);
        self.filter.conditions.push(format!("+action.{column} IS NOT ?{}", self.filter.parameters.len()));
        Ok(())
    }

    /// A resource has no term of its own: its words find it.
    fn resource(&mut self, resource: &str) {
        self.is("resource", Value::Text(resource.to_owned()));
        self.filter.terms.extend(distinct(resource).iter().take(8).map(|word| format!("\"{word}\"")));
    }

    fn is(&mut self, column: &str, value: Value) {
        self.filter.parameters.push(value);
        self.filter.conditions.push(format!("+action.{column} = ?{}", self.filter.parameters.len()));
    }

    fn term(&mut self, kind: Kind, value: &str) {
        self.filter.terms.push(format!("\"{}\"", self.terms.term(kind, value)));
    }

    /// The number of a name; nothing can match where there is none.
    fn number(&mut self, text: &str) -> rusqlite::Result<i64> {
        let number = number_of(self.connection, text)?;
        self.possible &= number.is_some();
        Ok(number.unwrap_or_default())
    }

    fn named(&mut self, column: &str, kind: Kind, text: Option<&str>) -> rusqlite::Result<()> {
        if let Some(text) = text {
            let number = self.number(text)?;
            self.is(column, Value::Integer(number));
            self.term(kind, text);
        }
        Ok(())
    }

    fn listed(&mut self, kind: Kind, text: Option<&str>) -> rusqlite::Result<Option<u64>> {
        let Some(text) = text else { return Ok(None) };
        self.term(kind, text);
        Ok(Some(self.number(text)?.unsigned_abs()))
    }

    fn among(&mut self, column: &str, kind: Kind, texts: &[String]) -> rusqlite::Result<()> {
        if texts.is_empty() {
            return Ok(());
        }
        let mut numbers = Vec::new();
        for text in texts {
            numbers.extend(number_of(self.connection, text)?);
        }
        self.any_of(column, &numbers);
        let terms: Vec<String> = texts.iter().map(|text| format!("\"{}\"", self.terms.term(kind, text))).collect();
        self.filter.terms.push(format!("({})", terms.join(" OR ")));
        Ok(())
    }

    fn any_of(&mut self, column: &str, numbers: &[i64]) {
        self.possible &= !numbers.is_empty();
        self.filter.conditions.push(format!("+action.{column} IN ({})", list(numbers)));
    }

    fn tool(&mut self, pattern: ToolPattern<'_>) -> rusqlite::Result<()> {
        let beginning = match pattern {
            ToolPattern::Exact(name) => return self.named("tool", Kind::Tool, Some(name)),
            ToolPattern::Beginning(beginning) => beginning,
        };
        let found = self.tools(beginning)?;
        let numbers: Vec<i64> = found.iter().map(|(number, _)| *number).collect();
        self.any_of("tool", &numbers);
        if found.len() <= MOST_TOOL_TERMS {
            let terms = found.iter().map(|(_, text)| format!("\"{}\"", self.terms.term(Kind::Tool, text)));
            let terms = terms.collect::<Vec<_>>().join(" OR ");
            if !terms.is_empty() {
                self.filter.terms.push(format!("({terms})"));
            }
        }
        Ok(())
    }

    /// Names that begin so. They are compared as bytes; no text follows one that has the beginning and then the highest
    /// character.
    fn tools(&self, beginning: &str) -> rusqlite::Result<Vec<(i64, String)>> {
        let mut select = self.connection.prepare_cached("SELECT id, text FROM name WHERE text >= ?1 AND text < ?2")?;
        let found =
            select.query_map([beginning, &format!("{beginning}\u{10ffff}")], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.collect()
    }

    /// Record times never go back along a log, so a span of time is a span of rows.
    fn rows(&mut self, query: &Query) -> rusqlite::Result<()> {
        let first = "SELECT row FROM action WHERE time >= ?1 ORDER BY time, row LIMIT 1";
        let bound = |time: Option<countersign_evidence::time::Timestamp>, none: u64| match time {
            None => Ok::<_, rusqlite::Error>(none),
            Some(time) => {
                let mut select = self.connection.prepare_cached(first)?;
                let row = select.query_row([time.as_micros()], |row| row.get::<_, i64>(0)).optional()?;
                Ok(row.map_or(signed(u64::MAX).unsigned_abs(), i64::unsigned_abs))
            }
        };
        let (since, until) = (bound(query.since, 0)?, bound(query.until, u64::MAX)?);
        self.filter.rows = (since, until.min(query.before.unwrap_or(u64::MAX)));
        Ok(())
    }
}

fn list(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

impl Filter {
    /// Whether few rows are in the wanted state, so that they are looked through one by one.
    pub(crate) fn is_rare_state(&self) -> bool {
        matches!(self.state, Some(State::Waiting | State::Authorized | State::Executing | State::Unknown))
    }

    /// The conditions as they stand behind `WHERE`; `indexed` where the state's own index is to be used.
    pub(crate) fn conditions(&self, indexed: bool) -> String {
        let mut all = self.conditions.clone();
        if let Some(state) = self.state {
            // A partial index is used where its own condition is among those of the question.
            all.push(match indexed {
                true => format!("action.state = {} AND action.state <> 3", state_code(state)),
                false => format!("+action.state = {}", state_code(state)),
            });
        }
        all.iter().map(|condition| format!(" AND {condition}")).collect()
    }
}
