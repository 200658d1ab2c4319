//! Reviews, and what reviewers did in them: what oversight is computed from.

use std::collections::HashMap;

use countersign_evidence::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::codes::{code, value};
use crate::error::IndexError;
use crate::index::Index;
use crate::names::{Names, only};
use crate::packed::unpack;
use crate::reviewed::{ReviewEnd, ReviewerDid};
use crate::store::signed;

/// Which reviews are told.
#[derive(Debug, Clone)]
pub struct ReviewQuery {
    /// Those that people were asked in from then on,
    pub since: Timestamp,
    /// and before then.
    pub until: Timestamp,
    /// Only these environments, where there are any.
    pub environments: Vec<String>,
    /// Only these agents, where there are any.
    pub agents: Vec<String>,
    /// The newest so many at most.
    pub most: usize,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// `server/tool` of the action.
    pub tool: String,
    /// The agent's id.
    pub agent: String,
    /// The rules that asked.
    pub rules: Vec<String>,
    /// When people were asked.
    pub asked: Timestamp,
    /// When the first of them was shown it.
    pub presented: Option<Timestamp>,
    /// When and how it ended; it waits where absent.
    pub ended: Option<(Timestamp, ReviewEnd)>,
    /// It was passed on to other groups.
    pub escalated: bool,
    /// Characters of the payload as canonical JSON; unknown where that was erased.
    pub characters: Option<u64>,
    /// Tells equal payloads of a workspace.
    pub fingerprint: Option<[u8; 16]>,
    /// What each reviewer did, in order.
    pub deeds: Vec<ReviewDeed>,
}

/// One thing that a reviewer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewDeed {
    /// The person's id.
    pub reviewer: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub did: ReviewerDid,
    /// Milliseconds of active viewing, where they were measured.
    pub active_ms: Option<u64>,
    /// Whether everything that could be folded was unfolded, where it is known.
    pub expanded_all: Option<bool>,
}

impl Index {
    /// Reviews that match, oldest first.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn reviews(&self, query: &ReviewQuery) -> Result<Vec<ReviewRow>, IndexError> {
        self.read(|connection| {
            let read = connection.transaction().and_then(|at_once| select(&at_once, &self.names, query));
            read.map_err(IndexError::storage("asking the index"))
        })
    }
}

fn select(connection: &Connection, names: &Names, query: &ReviewQuery) -> rusqlite::Result<Vec<ReviewRow>> {
    let mut values: Vec<Value> = vec![
        query.since.as_micros().into(),
        query.until.as_micros().into(),
        i64::try_from(query.most).unwrap_or(i64::MAX).into(),
    ];
    // What is over as it begins asked nobody: a decision for an enforcement point that may want people asked later.
    values.push(code(&ReviewEnd::ALL, &ReviewEnd::Cancelled).into());
    let limits = only(&mut values, &query.environments, &query.agents);
    let chosen = format!(
        "SELECT review.row, action.tool, action.agent, review.rules, asked, presented, ended, how, escalated, characters,
            fingerprint FROM review INDEXED BY review_asked JOIN action ON action.row = review.row
            WHERE asked >= ?1 AND asked < ?2 AND NOT (ended IS asked AND how IS ?4){limits} ORDER BY asked DESC LIMIT ?3"
    );
    let mut found: Vec<(i64, ReviewRow)> = Vec::new();
    let mut statement = connection.prepare_cached(&chosen)?;
    let mut rows = statement.query(params_from_iter(&values))?;
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, review(connection, names, row)?));
    }
    drop(rows);
    found.reverse();
    let mut deeds = deeds(connection, names, &found)?;
    let with = |(row, mut review): (i64, ReviewRow)| {
        review.deeds = deeds.remove(&row).unwrap_or_default();
        review
    };
    Ok(found.into_iter().map(with).collect())
}

fn review(connection: &Connection, names: &Names, row: &Row<'_>) -> rusqlite::Result<ReviewRow> {
    let name = |number: i64| names.text(connection, number).map(|name| name.to_string());
    let rules = unpack(row.get_ref(3)?.as_blob()?);
    let at = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros));
    Ok(ReviewRow {
        tool: name(row.get(1)?)?,
        agent: name(row.get(2)?)?,
        rules: rules.into_iter().map(|number| name(signed(number))).collect::<Result<_, _>>()?,
        asked: Timestamp::from_micros(row.get(4)?),
        presented: at(5)?,
        ended: at(6)?.zip(value(&ReviewEnd::ALL, row.get(7)?)),
        escalated: row.get(8)?,
        characters: row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs),
        fingerprint: row.get::<_, Option<Vec<u8>>>(10)?.and_then(|bytes| bytes.try_into().ok()),
        deeds: Vec::new(),
    })
}

/// By the row of the action.
fn deeds(
    connection: &Connection,
    names: &Names,
    found: &[(i64, ReviewRow)],
) -> rusqlite::Result<HashMap<i64, Vec<ReviewDeed>>> {
    let mut by_row: HashMap<i64, Vec<ReviewDeed>> = found.iter().map(|(row, _)| (*row, Vec::new())).collect();
    let (first, last) = (by_row.keys().min().copied(), by_row.keys().max().copied());
    // One stretch is read at once: few reviews in it are not among those asked for.
    let select = "SELECT row, reviewer, time, did, active_ms, expanded_all FROM deed WHERE row BETWEEN ?1 AND ?2
        ORDER BY row, step";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([first, last])?;
    while let Some(row) = rows.next()? {
        let (Some(deeds), Some(did)) = (by_row.get_mut(&row.get(0)?), value(&ReviewerDid::ALL, row.get(3)?)) else {
            continue;
        };
        deeds.push(ReviewDeed {
            reviewer: names.text(connection, row.get(1)?)?.to_string(),
            at: Timestamp::from_micros(row.get(2)?),
            did,
            active_ms: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
            expanded_all: row.get(5)?,
        });
    }
    Ok(by_row)
}
