//! Lists: newest first, page by page.

use std::sync::Arc;

use countersign_evidence::time::Timestamp;
use countersign_wire::{Page, State, SummaryView};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::error::IndexError;
use crate::filter::{Filter, filter};
use crate::index::Index;
use crate::query::{MOST_ROWS, Query};
use crate::store::signed;
use crate::summary;

/// SQLite counts its steps in portions of this many; so many portions are a question's share (some seconds).
const STEPS: i32 = 10_000;
const MOST_PORTIONS: u32 = 20_000;

impl Index {
    /// The actions that match, newest first. [`Page::behind`] is for the caller to fill in, who knows the log's size.
    ///
    /// # Errors
    /// [`IndexError::Question`], [`IndexError::Limit`], [`IndexError::TooBroad`]; [`IndexError::Storage`].
    pub fn list(&self, query: &Query) -> Result<Page, IndexError> {
        if !(1..=MOST_ROWS).contains(&query.limit) {
            return Err(IndexError::Limit(query.limit));
        }
        self.read(|connection| {
            let storage = IndexError::storage("asking the index");
            limit_work(connection).map_err(&storage)?;
            // One transaction, so that the rows are those of `as_of`.
            let state = connection.unchecked_transaction().map_err(&storage)?;
            let as_of = read_to(&state).map_err(&storage)?;
            let mut rows = match filter(query, &state, &self.terms)? {
                Some(filter) => self.find(&state, &filter, query.limit + 1).map_err(&storage)?,
                None => Vec::new(),
            };
            let oldest = oldest(&state).map_err(&storage)?;
            drop(state);
            connection.progress_handler(0, None::<fn() -> bool>).map_err(&storage)?;
            let more = rows.len() > query.limit;
            rows.truncate(query.limit);
            let next = rows.last().filter(|_| more).map(|row| row.position);
            Ok(Page { actions: rows, next, as_of, oldest, behind: 0 })
        })
    }

    pub(crate) fn find(
        &self,
        connection: &Connection,
        filter: &Filter,
        most: usize,
    ) -> rusqlite::Result<Vec<SummaryView>> {
        let mut found = Vec::new();
        // Words are in the full text alone; the rest stands in rows too.
        let by_terms = !filter.terms.is_empty() && (filter.by_words || !filter.is_rare_state());
        let candidates = if by_terms {
            let segments = self.segments(connection, filter.rows)?;
            segments.into_iter().map(Candidates::Words).collect()
        } else if filter.state.is_some_and(|state| state != State::Succeeded) {
            vec![Candidates::State]
        } else {
            vec![Candidates::Rows]
        };
        for candidates in candidates {
            self.walk(connection, filter, candidates, most, &mut found)?;
        }
        Ok(found)
    }

    /// Full-text tables that can hold these rows, the newest first.
    fn segments(&self, connection: &Connection, rows: (u64, u64)) -> rusqlite::Result<Vec<i64>> {
        let select = "SELECT number FROM segment WHERE number BETWEEN ?1 AND ?2 ORDER BY number DESC";
        let mut select = connection.prepare_cached(select)?;
        let (first, last) = (signed(rows.0 / self.segment), signed(rows.1.saturating_sub(1) / self.segment));
        select.query_map([first, last], |row| row.get(0))?.collect()
    }

    /// Goes through candidates from the newest on until there are enough.
    fn walk(
        &self,
        connection: &Connection,
        filter: &Filter,
        candidates: Candidates,
        most: usize,
        found: &mut Vec<SummaryView>,
    ) -> rusqlite::Result<()> {
        if found.len() >= most {
            return Ok(());
        }
        let (select, parameters) = candidates.select(filter);
        let mut statement = connection.prepare_cached(&select)?;
        let mut candidates = statement.query(params_from_iter(parameters))?;
        while found.len() < most {
            let Some(row) = candidates.next()? else { break };
            let rules = summary::list(row, summary::RULES)?;
            let fits = |wanted: Option<u64>, has: &[u64]| wanted.is_none_or(|wanted| has.contains(&wanted));
            let free_of = |unwanted: &[u64], has: &[u64]| !unwanted.iter().any(|one| has.contains(one));
            let reviewers = summary::list(row, summary::REVIEWERS)?;
            let has_all = fits(filter.rule, &rules) && fits(filter.reviewer, &reviewers);
            if has_all && free_of(&filter.without_rules, &rules) && free_of(&filter.without_reviewers, &reviewers) {
                found.push(summary::read(row, &rules, |number| self.names.text(connection, number))?);
            }
        }
        Ok(())
    }
}

/// Where matching rows are looked for.
#[derive(Debug, Clone, Copy)]
enum Candidates {
    /// All rows.
    Rows,
    /// Those in one state.
    State,
    /// Those with the wanted terms in one full-text table.
    Words(i64),
}

impl Candidates {
    fn select(self, filter: &Filter) -> (String, Vec<Value>) {
        let mut parameters = filter.parameters.clone();
        let (from, row) = match self {
            Candidates::Rows => ("action NOT INDEXED WHERE 1".to_owned(), "action.row".to_owned()),
            Candidates::State => ("action INDEXED BY action_state WHERE 1".to_owned(), "action.row".to_owned()),
            Candidates::Words(number) => {
                parameters.push(Value::Text(filter.terms.join(" AND ")));
                let (table, terms) = (format!("words_{number}"), parameters.len());
                let from =
                    format!("{table} CROSS JOIN action ON action.row = {table}.rowid WHERE {table} MATCH ?{terms}");
                (from, format!("{table}.rowid"))
            }
        };
        parameters.extend([Value::Integer(signed(filter.rows.0)), Value::Integer(signed(filter.rows.1))]);
        let (low, high) = (parameters.len() - 1, parameters.len());
        let conditions = filter.conditions(matches!(self, Candidates::State));
        let columns = summary::COLUMNS;
        let select = format!(
            "SELECT {columns} FROM {from} AND {row} >= ?{low} AND {row} < ?{high}{conditions} ORDER BY {row} DESC"
        );
        (select, parameters)
    }
}

/// The position of the next record, in the state of the index that this connection sees.
pub(crate) fn read_to(connection: &Connection) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT frontier FROM state")?;
    let frontier: Vec<u8> = select.query_row([], |row| row.get(0))?;
    Ok(frontier.first_chunk::<8>().map_or(0, |size| u64::from_be_bytes(*size)))
}

/// The edge of what can be found.
fn oldest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut select = connection.prepare_cached("SELECT time FROM action ORDER BY row LIMIT 1")?;
    select.query_row([], |row| row.get(0).map(Timestamp::from_micros)).optional()
}

pub(crate) fn limit_work(connection: &mut Connection) -> rusqlite::Result<()> {
    let portions = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let used_up = move || portions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= MOST_PORTIONS;
    connection.progress_handler(STEPS, Some(used_up))
}
