//! One action by an id: its own, or any that ties it to something else.

use countersign_evidence::record::Category;
use countersign_evidence::time::Timestamp;
use countersign_wire::{Resolved, State};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use uuid::Uuid;

use crate::apply;
use crate::codes::{DECISIONS, MATCHES, OUTCOMES, value};
use crate::error::IndexError;
use crate::filter::filter;
use crate::index::Index;
use crate::list::limit_work;
use crate::names::number_of;
use crate::packed::{pack_id, unpack_id, unpack_positions};
use crate::query::{MOST_ROWS, Query};
use crate::row::Row;
use crate::summary::{id, list};
use crate::terms::Kind;

const COLUMNS: &str =
    "row, id, time, closed, positions, agent, tool, environment, category, decision, state, risk, rules,
    reviewers, key, request, resource_type, user, resource, session, trace, call, conversation, ticket, downstream,
    outcome, matches, refusals, fingerprint, subject, redeemed";
/// Ids are identifiers of at most 128 characters.
const MOST_ID: usize = 128;

impl Index {
    /// Everything that the index holds of an action.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn get(&self, action: Uuid) -> Result<Option<Row>, IndexError> {
        self.read(|connection| {
            let select = format!("SELECT {COLUMNS} FROM action WHERE id = ?1 ORDER BY row LIMIT 1");
            let select = connection.prepare_cached(&select);
            let read = |row: &rusqlite::Row<'_>| self.row(connection, row);
            let found = select.and_then(|mut select| select.query_row([action.as_bytes().as_slice()], read).optional());
            found.map_err(IndexError::storage("asking the index"))
        })
    }

    /// Log positions of an action's records, in order.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn positions(&self, action: Uuid) -> Result<Option<Vec<u64>>, IndexError> {
        self.read(|connection| apply::positions(connection, action))
    }

    /// The action that a key's request id names: that it proposed, or took over. Two look-ups whatever the size of the index.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn by_request(&self, key: Uuid, request_id: &str) -> Result<Option<Uuid>, IndexError> {
        self.read(|connection| {
            let select = connection.prepare_cached(
                "SELECT action.id FROM reference CROSS JOIN action ON action.row = reference.row
                 WHERE reference.term = ?1 AND (action.request = ?2 OR action.redeemed = ?2)
                   AND action.key = (SELECT id FROM name WHERE text = ?3) ORDER BY reference.row LIMIT 1",
            );
            let values = params![self.terms.number(Kind::Request, request_id), pack_id(request_id), key.to_string()];
            let found = select.and_then(|mut select| select.query_row(values, |row| id(row, 0)).optional());
            found.map_err(IndexError::storage("asking the index"))
        })
    }

    /// What an id names: an action, a request, a call, a trace, a session, a conversation, a ticket, a downstream request,
    /// an API key or a reviewer; the first of these that it fits, with its newest actions (at most [`MOST_ROWS`]) that lie
    /// within the environments and agents (empty is all). Ids of records are not kept.
    ///
    /// # Errors
    /// [`IndexError::Question`] for a text that is no id; [`IndexError::Storage`].
    pub fn resolve(
        &self,
        text: &str,
        environments: &[String],
        agents: &[String],
    ) -> Result<Option<Resolved>, IndexError> {
        if text.is_empty() || text.len() > MOST_ID {
            return Err(IndexError::Question("an id has 1 to 128 characters".to_owned()));
        }
        let mut scope = Query { limit: MOST_ROWS, ..Query::default() };
        scope.limit_to(environments, agents);
        self.read(|connection| {
            limit_work(connection).map_err(IndexError::storage("asking the index"))?;
            let found = self.resolve_in(connection, text, &scope)?;
            connection.progress_handler(0, None::<fn() -> bool>).map_err(IndexError::storage("asking the index"))?;
            Ok(found)
        })
    }

    fn resolve_in(&self, connection: &Connection, text: &str, scope: &Query) -> Result<Option<Resolved>, IndexError> {
        let storage = IndexError::storage("asking the index");
        let found =
            |kind: &str, actions: Vec<Uuid>| (!actions.is_empty()).then(|| Resolved { kind: kind.to_owned(), actions });
        let uuid = Uuid::try_parse(text).ok();
        if let Some(uuid) = uuid {
            let value = Value::Blob(uuid.as_bytes().to_vec());
            let actions = self.scoped(connection, scope, "action WHERE action.id = ?", vec![value])?;
            if let Some(found) = found("action", actions) {
                return Ok(Some(found));
            }
        }
        for (name, column, kind, by_table) in KINDS {
            let actions = if by_table {
                let from = format!(
                    "reference CROSS JOIN action ON action.row = reference.row WHERE reference.term = ? AND action.{column} = ?"
                );
                let term = Value::Integer(self.terms.number(kind, text));
                self.scoped(connection, scope, &from, vec![term, pack_id(text)])?
            } else {
                self.by_term(connection, scope, kind, text, Some((column, pack_id(text))))?
            };
            if let Some(found) = found(name, actions) {
                return Ok(Some(found));
            }
        }
        let key = uuid.map_or(text.to_owned(), |uuid| uuid.to_string());
        if let Some(number) = number_of(connection, &key).map_err(storage)? {
            let actions = self.by_term(connection, scope, Kind::ApiKey, &key, Some(("key", Value::Integer(number))))?;
            if let Some(found) = found("key", actions) {
                return Ok(Some(found));
            }
            let by_reviewer = Query { reviewer: Some(key), ..scope.clone() };
            return Ok(found("reviewer", self.actions(connection, &by_reviewer)?));
        }
        Ok(None)
    }

    /// Rows that carry a term, and whose column says so too.
    fn by_term(
        &self,
        connection: &Connection,
        scope: &Query,
        kind: Kind,
        text: &str,
        column: Option<(&str, Value)>,
    ) -> Result<Vec<Uuid>, IndexError> {
        let Some(mut filter) = filter(scope, connection, &self.terms)? else { return Ok(Vec::new()) };
        if let Some((column, value)) = column {
            filter.parameters.push(value);
            filter.conditions.push(format!("+action.{column} = ?{}", filter.parameters.len()));
        }
        filter.terms.push(format!("\"{}\"", self.terms.term(kind, text)));
        let found = self.find(connection, &filter, MOST_ROWS).map_err(IndexError::storage("asking the index"))?;
        Ok(found.into_iter().map(|row| row.action).collect())
    }

    fn actions(&self, connection: &Connection, query: &Query) -> Result<Vec<Uuid>, IndexError> {
        let Some(filter) = filter(query, connection, &self.terms)? else { return Ok(Vec::new()) };
        let found = self.find(connection, &filter, MOST_ROWS).map_err(IndexError::storage("asking the index"))?;
        Ok(found.into_iter().map(|row| row.action).collect())
    }

    /// Rows of a table and condition, as far as the scope goes.
    fn scoped(
        &self,
        connection: &Connection,
        scope: &Query,
        from: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Uuid>, IndexError> {
        let Some(filter) = filter(scope, connection, &self.terms)? else { return Ok(Vec::new()) };
        let conditions = filter.conditions(false);
        let select = format!("SELECT action.id FROM {from}{conditions} ORDER BY action.row DESC LIMIT {MOST_ROWS}");
        let found = connection.prepare_cached(&select).and_then(|mut select| {
            select.query_map(params_from_iter(values), |row| id(row, 0))?.collect::<rusqlite::Result<Vec<Uuid>>>()
        });
        found.map_err(IndexError::storage("asking the index"))
    }

    fn row(&self, connection: &Connection, row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        let named = |number: i64| self.names.text(connection, number).map(|text| text.to_string());
        let name = |column: usize| named(row.get(column)?);
        let names = |column: usize| -> rusqlite::Result<Vec<String>> {
            list(row, column)?.iter().map(|number| named(i64::try_from(*number).unwrap_or_default())).collect()
        };
        let outside = |column: usize| row.get_ref(column).map(unpack_id);
        let maybe = |column: usize| row.get::<_, Option<i64>>(column)?.map(named).transpose();
        let first = row.get::<_, i64>(0)?.unsigned_abs();
        let time: i64 = row.get(2)?;
        Ok(Row {
            positions: unpack_positions(first, row.get_ref(4)?.as_blob()?),
            action: id(row, 1)?,
            time: Timestamp::from_micros(time),
            closed: row.get::<_, Option<i64>>(3)?.map(|after| Timestamp::from_micros(time.saturating_add(after))),
            agent: name(5)?,
            tool: name(6)?,
            environment: name(7)?,
            category: value(&Category::ALL, row.get(8)?).unwrap_or(Category::Execute),
            decision: value(&DECISIONS, row.get(9)?),
            state: value(&State::ALL, row.get(10)?).unwrap_or(State::Waiting),
            risk: row.get(11)?,
            rules: names(12)?,
            reviewers: names(13)?,
            key: name(14)?.parse().unwrap_or_default(),
            request_id: outside(15)?.unwrap_or_default(),
            redeemed_by: outside(30)?,
            resource_type: maybe(16)?,
            user: row.get(17)?,
            resource: row.get(18)?,
            session: outside(19)?,
            trace: outside(20)?,
            call: outside(21)?,
            conversation: outside(22)?,
            ticket: outside(23)?,
            downstream: outside(24)?,
            outcome: value(&OUTCOMES, row.get(25)?),
            matches: value(&MATCHES, row.get(26)?),
            refusals: row.get(27)?,
            fingerprint: row.get::<_, Option<Vec<u8>>>(28)?.and_then(|bytes| bytes.try_into().ok()),
            subject: maybe(29)?.and_then(|id| id.parse().ok()),
        })
    }
}

/// Kinds of ids from outside, in the order in which they are tried: name, column, term, and whether `reference` has it.
const KINDS: [(&str, &str, Kind, bool); 8] = [
    ("request", "request", Kind::Request, true),
    ("request", "redeemed", Kind::Request, true),
    ("call", "call", Kind::Call, false),
    ("trace", "trace", Kind::Trace, false),
    ("session", "session", Kind::Session, false),
    ("conversation", "conversation", Kind::Conversation, false),
    ("ticket", "ticket", Kind::Ticket, false),
    ("downstream_request", "downstream", Kind::Downstream, true),
];
