//! Texts that repeat (agents, tools, rules, …), each stored once and meant by its number.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

/// Numbers and texts kept in memory; past that the caches start over.
const MOST: usize = 100_000;

/// The writer's side: makes numbers.
#[derive(Default)]
pub(crate) struct Naming(HashMap<String, i64>);

impl Naming {
    pub(crate) fn number(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.0.get(text) {
            return Ok(*number);
        }
        let number = match number_of(connection, text)? {
            Some(number) => number,
            None => {
                connection.prepare_cached("INSERT INTO name (text) VALUES (?1)")?.execute([text])?;
                connection.last_insert_rowid()
            }
        };
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(text.to_owned(), number);
        Ok(number)
    }
}

/// The number of a text, where anything has it.
pub(crate) fn number_of(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached("SELECT id FROM name WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}

/// The `AND …` that keeps to actions of these environments and agents, with its texts put after the `values` that the
/// statement has already. An empty list is no limit.
pub(crate) fn only(values: &mut Vec<Value>, environments: &[String], agents: &[String]) -> String {
    let mut limits = String::new();
    for (column, allowed) in [("environment", environments), ("agent", agents)] {
        if !allowed.is_empty() {
            let places: Vec<String> = (1..=allowed.len()).map(|at| format!("?{}", values.len() + at)).collect();
            let places = places.join(", ");
            limits.push_str(&format!(" AND action.{column} IN (SELECT id FROM name WHERE text IN ({places}))"));
            values.extend(allowed.iter().cloned().map(Value::from));
        }
    }
    limits
}

/// The readers' side. A committed number never changes its text.
#[derive(Default)]
pub(crate) struct Names(RwLock<HashMap<i64, Arc<str>>>);

impl Names {
    pub(crate) fn text(&self, connection: &Connection, number: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(text) = self.0.read().get(&number) {
            return Ok(Arc::clone(text));
        }
        let mut statement = connection.prepare_cached("SELECT text FROM name WHERE id = ?1")?;
        let text: Arc<str> = statement.query_row([number], |row| row.get::<_, String>(0))?.into();
        let mut names = self.0.write();
        if names.len() >= MOST {
            names.clear();
        }
        names.insert(number, Arc::clone(&text));
        Ok(text)
    }
}
