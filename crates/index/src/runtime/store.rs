//! The file: opened, written, and cut where somebody is erased.

use std::path::Path;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Correlation;
use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{Report, ReportKind, ReportStatus, Reporter, RuntimeLimits};
use crate::error::IndexError;
use crate::schema;
use crate::store::signed;

const FORMAT: i64 = 1;
/// Ids of erased actions about which nothing is taken any more; past that the oldest go.
const MOST_FORGOTTEN: i64 = 200_000;
/// What a row takes beside its texts, roughly.
const ROW_BYTES: usize = 128;

const SCHEMA: &str = "
    CREATE TABLE reporter (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, environments TEXT NOT NULL,
        agents TEXT NOT NULL, reports INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE report (
        id INTEGER PRIMARY KEY, reporter INTEGER NOT NULL, digest BLOB NOT NULL, received INTEGER NOT NULL,
        bytes INTEGER NOT NULL, kind INTEGER NOT NULL, about_agents INTEGER NOT NULL, trace BLOB, span BLOB, parent BLOB,
        name TEXT NOT NULL, started INTEGER NOT NULL, duration_us INTEGER, status INTEGER NOT NULL,
        call TEXT, session TEXT, conversation TEXT, prompt TEXT, facts TEXT NOT NULL,
        UNIQUE (reporter, digest)) STRICT;
    CREATE INDEX report_received ON report (received);
    CREATE INDEX report_given_up ON report (reporter, about_agents, id);
    CREATE INDEX report_trace ON report (trace) WHERE trace IS NOT NULL;
    CREATE INDEX report_call ON report (call) WHERE call IS NOT NULL;
    CREATE INDEX report_session ON report (session) WHERE session IS NOT NULL;
    CREATE INDEX report_conversation ON report (conversation) WHERE conversation IS NOT NULL;
    CREATE INDEX report_prompt ON report (prompt) WHERE prompt IS NOT NULL;
    CREATE TRIGGER report_in AFTER INSERT ON report BEGIN
        UPDATE reporter SET reports = reports + 1, bytes = bytes + NEW.bytes WHERE id = NEW.reporter; END;
    CREATE TRIGGER report_out AFTER DELETE ON report BEGIN
        UPDATE reporter SET reports = reports - 1, bytes = bytes - OLD.bytes WHERE id = OLD.reporter; END;
    CREATE TABLE forgotten (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
    PRAGMA user_version = 1;
";

/// What the agents' side reports. Everything blocks: call it through `spawn_blocking`.
pub struct Runtime {
    limits: RuntimeLimits,
    connection: Mutex<Connection>,
}

impl Runtime {
    /// Opens the file, or makes it. One that does not read is deleted: nothing in it is evidence.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn open(path: &Path, limits: RuntimeLimits) -> Result<Self, IndexError> {
        let storage = IndexError::storage("opening the runtime context");
        let connection = match open(path) {
            Ok(Some(connection)) => connection,
            other => {
                tracing::warn!(file = %path.display(), "the runtime context does not read, and begins anew");
                let failed = |error: std::io::Error| IndexError::Storage {
                    doing: "beginning the runtime context anew",
                    cause: match &other {
                        Err(first) => format!("{error}, after: {first}"),
                        Ok(_) => error.to_string(),
                    },
                };
                schema::remove(path).map_err(failed)?;
                open(path).map_err(&storage)?.ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))?
            }
        };
        // An erasure may have been cut off between its commit and the cut of the write-ahead log.
        cut(&connection).map_err(&storage)?;
        Ok(Runtime { limits, connection: Mutex::new(connection) })
    }

    /// Deletes the file, where there is one.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn remove(path: &Path) -> Result<(), IndexError> {
        let failed = |error: std::io::Error| IndexError::Storage {
            doing: "deleting the runtime context",
            cause: error.to_string(),
        };
        schema::remove(path).map_err(failed)
    }

    /// Keeps what a key reports; what it reports a second time counts once. How many were left out because they are about
    /// what was erased.
    ///
    /// # Errors
    /// [`IndexError::Storage`]: nothing was kept.
    pub fn keep(&self, reporter: &Reporter, reports: &[Report], now: Timestamp) -> Result<usize, IndexError> {
        let storage = IndexError::storage("writing the runtime context");
        let mut connection = self.connection.lock();
        let mut kept = || -> rusqlite::Result<usize> {
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let number = begin_reporter(&begun, reporter)?;
            let mut left_out = 0;
            for report in reports {
                if is_forgotten(&begun, report)? {
                    // What comes later about the same prompt may name nothing else.
                    if let Some(prompt) = &report.prompt {
                        begun
                            .prepare_cached("INSERT OR IGNORE INTO forgotten (id) VALUES (?1)")?
                            .execute([format!("prompt {prompt}")])?;
                    }
                    left_out += 1;
                } else {
                    insert(&begun, number, report, now)?;
                }
            }
            self.limits.enforce(&begun, now)?;
            begun.commit()?;
            Ok(left_out)
        };
        kept().map_err(&storage)
    }

    /// Asks at one state of the file.
    pub(super) fn read<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, IndexError> {
        question(&self.connection.lock()).map_err(IndexError::storage("reading the runtime context"))
    }

    /// Deletes everything about actions with these traces and ids, from the file too, and takes nothing more about them. What
    /// shares a session or a prompt with them goes along: who it is about cannot be told.
    pub(crate) fn forget(&self, about: &[(TraceId, Correlation)]) -> Result<(), IndexError> {
        let storage = IndexError::storage("erasing from the runtime context");
        let mut connection = self.connection.lock();
        let mut forgotten = || -> rusqlite::Result<()> {
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (trace, correlation) in about {
                forget_one(&begun, trace, correlation)?;
            }
            let oldest = "DELETE FROM forgotten WHERE number <= (SELECT max(number) FROM forgotten) - ?1";
            begun.execute(oldest, [MOST_FORGOTTEN])?;
            begun.commit()?;
            cut(&connection)
        };
        forgotten().map_err(&storage)
    }
}

fn forget_one(connection: &Connection, trace: &TraceId, correlation: &Correlation) -> rusqlite::Result<()> {
    let ids =
        params![trace.as_bytes().as_slice(), correlation.call_id, correlation.session_id, correlation.conversation_id];
    let about = "trace = ?1 OR call = ?2 OR session IN (?3, ?4) OR conversation IN (?3, ?4)";
    let prompts = format!(
        "INSERT OR IGNORE INTO forgotten (id) SELECT DISTINCT 'prompt ' || prompt FROM report
             WHERE prompt IS NOT NULL AND ({about})"
    );
    connection.prepare_cached(&prompts)?.execute(ids)?;
    let shared = format!(
        "DELETE FROM report WHERE prompt IN (SELECT prompt FROM report WHERE prompt IS NOT NULL AND ({about}))"
    );
    connection.prepare_cached(&shared)?.execute(ids)?;
    connection.prepare_cached(&format!("DELETE FROM report WHERE {about}"))?.execute(ids)?;
    let trace = [format!("trace {trace}")];
    let call = correlation.call_id.as_ref().map(|id| format!("call {id}"));
    let sessions = [&correlation.session_id, &correlation.conversation_id].into_iter().flatten();
    for id in sessions.map(|id| format!("session {id}")).chain(trace).chain(call) {
        connection.prepare_cached("INSERT OR IGNORE INTO forgotten (id) VALUES (?1)")?.execute([id])?;
    }
    Ok(())
}

fn is_forgotten(connection: &Connection, report: &Report) -> rusqlite::Result<bool> {
    let mut ids: Vec<String> = report.trace.iter().map(|trace| format!("trace {trace}")).collect();
    ids.extend(report.call.iter().map(|id| format!("call {id}")));
    ids.extend(report.prompt.iter().map(|id| format!("prompt {id}")));
    ids.extend([&report.session, &report.conversation].into_iter().flatten().map(|id| format!("session {id}")));
    let mut select = connection.prepare_cached("SELECT 1 FROM forgotten WHERE id = ?1")?;
    for id in ids {
        if select.exists([id])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn begin_reporter(connection: &Connection, reporter: &Reporter) -> rusqlite::Result<i64> {
    // Names of environments and agents are identifiers: none has a line break.
    let (environments, agents) = (reporter.environments.join("\n"), reporter.agents.join("\n"));
    let mut insert = connection.prepare_cached(
        "INSERT INTO reporter (key, environments, agents) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET environments = ?2, agents = ?3 RETURNING id",
    )?;
    insert.query_row(params![reporter.key.as_bytes().as_slice(), environments, agents], |row| row.get(0))
}

fn insert(connection: &Connection, reporter: i64, report: &Report, now: Timestamp) -> rusqlite::Result<()> {
    let facts: Object = report.facts.iter().map(|(name, fact)| (name.as_str(), Value::from(fact.as_str()))).collect();
    let facts = Value::from(facts).to_canonical();
    let ids = [&report.call, &report.session, &report.conversation, &report.prompt];
    let texts = ids.into_iter().flatten().map(String::len).sum::<usize>() + report.name.len() + facts.len();
    let digest = identity(report, &facts);
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO report (reporter, digest, received, bytes, kind, about_agents, trace, span, parent, name,
             started, duration_us, status, call, session, conversation, prompt, facts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?;
    insert
        .execute(params![
            reporter,
            digest.0.get(..16),
            now.as_micros(),
            signed((texts + ROW_BYTES) as u64),
            kind_code(report.kind),
            report.about_agents,
            report.trace.as_ref().map(|id| id.as_bytes().as_slice()),
            report.span.as_ref().map(|id| id.as_bytes().as_slice()),
            report.parent.as_ref().map(|id| id.as_bytes().as_slice()),
            report.name,
            report.started.as_micros(),
            report.duration_us.map(signed),
            status_code(report.status),
            report.call,
            report.session,
            report.conversation,
            report.prompt,
            facts,
        ])
        .map(drop)
}

/// A span is what its ids say; an event has no id and is what it says.
fn identity(report: &Report, facts: &str) -> Digest {
    let ids = format!("{:?} {:?}", report.trace, report.span);
    match report.kind {
        ReportKind::Span => Digest::of(ids.as_bytes()),
        ReportKind::Event => {
            Digest::of(format!("{ids} {} {:?} {facts}", report.started.as_micros(), report.name).as_bytes())
        }
    }
}

fn kind_code(kind: ReportKind) -> i64 {
    match kind {
        ReportKind::Span => 0,
        ReportKind::Event => 1,
    }
}

fn status_code(status: ReportStatus) -> i64 {
    match status {
        ReportStatus::Unset => 0,
        ReportStatus::Ok => 1,
        ReportStatus::Error => 2,
    }
}

/// The columns that [`report`] reads.
pub(super) const COLUMNS: &str = "kind, trace, span, parent, name, started, duration_us, status, about_agents, call, session, conversation, prompt, facts";

/// A row's report, its columns beginning at `first`.
pub(super) fn report(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Report> {
    let span = |column: usize| -> rusqlite::Result<Option<SpanId>> {
        let bytes: Option<[u8; 8]> = row.get(first + column)?;
        Ok(bytes.and_then(SpanId::from_bytes))
    };
    let trace: Option<[u8; 16]> = row.get(first + 1)?;
    let facts = row.get_ref(first + 13)?.as_bytes()?;
    let facts = countersign_evidence::json::parse(facts, Default::default()).unwrap_or_default();
    let facts = facts.as_object().into_iter().flat_map(Object::iter);
    Ok(Report {
        kind: if row.get::<_, i64>(first)? == 1 { ReportKind::Event } else { ReportKind::Span },
        trace: trace.and_then(TraceId::from_bytes),
        span: span(2)?,
        parent: span(3)?,
        name: row.get(first + 4)?,
        started: Timestamp::from_micros(row.get(first + 5)?),
        duration_us: row.get::<_, Option<i64>>(first + 6)?.map(i64::unsigned_abs),
        status: match row.get::<_, i64>(first + 7)? {
            1 => ReportStatus::Ok,
            2 => ReportStatus::Error,
            _ => ReportStatus::Unset,
        },
        about_agents: row.get(first + 8)?,
        call: row.get(first + 9)?,
        session: row.get(first + 10)?,
        conversation: row.get(first + 11)?,
        prompt: row.get(first + 12)?,
        facts: facts.filter_map(|(name, fact)| Some((name.to_owned(), fact.as_str()?.to_owned()))).collect(),
    })
}

/// `None` where the file is of another format.
fn open(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let opened = schema::open(path)?;
    match opened.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => opened.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?,
        FORMAT => {}
        _ => return Ok(None),
    }
    // Damage shows on the first look, not in the middle of an erasure.
    let sound: String = opened.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((sound == "ok").then_some(opened))
}

/// Carries the write-ahead log over and cuts it to nothing. Nobody else reads the file.
fn cut(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
