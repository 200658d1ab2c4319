//! Lists: newest first, page by page.

use std::sync::Arc;

use countersign_wire::{Page, State, SummaryView};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

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
            drop(state);
            connection.progress_handler(0, None::<fn() -> bool>).map_err(&storage)?;
            let more = rows.len() > query.limit;
            rows.truncate(query.limit);
            let next = rows.last().filter(|_| more).map(|row| row.position);
            Ok(Page { actions: rows, next, as_of, behind: 0 })
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
        if !by_terms {
            let indexed = filter.state.is_some_and(|state| state != State::Succeeded);
            let index = if indexed { "INDEXED BY action_state" } else { "NOT INDEXED" };
            let from = format!("action {index} WHERE 1");
            self.walk(connection, filter, &from, indexed, filter.rows, most, &mut found)?;
            return Ok(found);
        }
        let segments = self.segments(connection, filter.rows)?;
        for number in segments {
            let from = format!(
                "words_{number} CROSS JOIN action ON action.row = words_{number}.rowid
                 WHERE words_{number} MATCH ?{}",
                filter.parameters.len() + 1
            );
            self.walk(connection, filter, &from, false, filter.rows, most, &mut found)?;
            if found.len() >= most {
                break;
            }
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
    #[allow(clippy::too_many_arguments)]
    fn walk(
        &self,
        connection: &Connection,
        filter: &Filter,
        from: &str,
        indexed: bool,
        rows: (u64, u64),
        most: usize,
        found: &mut Vec<SummaryView>,
    ) -> rusqlite::Result<()> {
        let by_terms = from.starts_with("words_");
        let row = from
            .split_once(' ')
            .filter(|_| by_terms)
            .map_or("action.row".to_owned(), |(table, _)| format!("{table}.rowid"));
        let count = filter.parameters.len() + usize::from(by_terms);
        let (low, high) = (count + 1, count + 2);
        let select = format!(
            "SELECT {} FROM {from} AND {row} >= ?{low} AND {row} < ?{high}{} ORDER BY {row} DESC",
            summary::COLUMNS,
            filter.conditions(indexed)
        );
        let mut parameters = filter.parameters.clone();
        if by_terms {
            parameters.push(Value::Text(filter.terms.join(" AND ")));
        }
        parameters.extend([Value::Integer(signed(rows.0)), Value::Integer(signed(rows.1))]);
        let mut statement = connection.prepare_cached(&select)?;
        let mut candidates = statement.query(params_from_iter(parameters))?;
        while found.len() < most {
            let Some(row) = candidates.next()? else { break };
            let rules = summary::list(row, summary::RULES)?;
            let fits = |wanted: Option<u64>, has: &[u64]| wanted.is_none_or(|wanted| has.contains(&wanted));
            if fits(filter.rule, &rules) && fits(filter.reviewer, &summary::list(row, summary::REVIEWERS)?) {
                found.push(summary::read(row, &rules, |number| self.names.text(connection, number))?);
            }
        }
        Ok(())
    }
}

/// The position of the next record, in the state of the index that this connection sees.
pub(crate) fn read_to(connection: &Connection) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT frontier FROM state")?;
    let frontier: Vec<u8> = select.query_row([], |row| row.get(0))?;
    Ok(frontier.first_chunk::<8>().map_or(0, |size| u64::from_be_bytes(*size)))
}

pub(crate) fn limit_work(connection: &mut Connection) -> rusqlite::Result<()> {
    let portions = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let used_up = move || portions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= MOST_PORTIONS;
    connection.progress_handler(STEPS, Some(used_up))
}
