use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign_evidence::key::Key;
use countersign_evidence::open::KeyRing;
use countersign_tlog::{Frontier, Hash, leaf_hash};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::watch;

use crate::apply::{Memory, Writer};
use crate::error::IndexError;
use crate::log::ReadLog;
use crate::names::Names;
use crate::runtime::Runtime;
use crate::schema;
use crate::terms::{Kind, Terms};

/// Connections kept open for the next question.
const MOST_IDLE: usize = 4;

/// What an index is about.
#[derive(Clone)]
pub struct Setup {
    /// The log's origin: the vault's entries are bound to it.
    pub origin: String,
    /// The workspace's key: payload fingerprints and terms are made under it.
    pub workspace_key: Key,
    /// Opens what records seal.
    pub ring: Arc<dyn KeyRing>,
    /// The log itself.
    pub log: Arc<dyn ReadLog>,
    /// What the agents' side reports, where that is kept: an erasure that is read reaches it too.
    pub runtime: Option<Arc<Runtime>>,
}

/// The questions' store. Cheap to ask from many threads: readers never wait for the writer.
///
/// Everything but [`Index::wait_for`] blocks: call it through `spawn_blocking` (questions that look up one row take
/// microseconds).
pub struct Index {
    setup: Setup,
    path: PathBuf,
    pub(crate) terms: Terms,
    pub(crate) names: Names,
    pub(crate) segment: u64,
    writer: Mutex<Writer>,
    idle: Mutex<Vec<Connection>>,
    read_to: watch::Sender<u64>,
    begun_anew: Option<String>,
}

impl Index {
    /// Opens the index at `path`, or makes it. One that is of another log, of another format or damaged, or that has read
    /// something else than the log now says, is deleted and begins anew: see [`Index::begun_anew`].
    ///
    /// # Errors
    /// [`IndexError`] where the file cannot be written or the log cannot be read.
    pub fn open(path: &Path, setup: Setup) -> Result<Index, IndexError> {
        Self::open_divided(path, setup, schema::SEGMENT)
    }

    /// As [`Index::open`]; a new index gets a full-text table for every `segment` log positions. For tests, which cannot wait
    /// for the usual number to pass.
    #[doc(hidden)]
    pub fn open_divided(path: &Path, setup: Setup, segment: u64) -> Result<Index, IndexError> {
        let terms = Terms::new(&setup.workspace_key);
        let (writer, begun_anew) = match open_writer(path, &setup, &terms, segment)? {
            Ok(writer) => (writer, None),
            Err(why) => {
                tracing::warn!(why, "the index is built anew from the log");
                let storage = |cause: String| IndexError::Storage { doing: "building the index anew", cause };
                schema::remove(path).map_err(|error| storage(error.to_string()))?;
                (
                    open_writer(path, &setup, &terms, segment)?.map_err(|why| storage(why.to_owned()))?,
                    Some(why.to_owned()),
                )
            }
        };
        let read_to = watch::Sender::new(writer.frontier.size());
        let segment = writer.memory.remembered.segment;
        let mut index = Index {
            setup,
            path: path.to_owned(),
            terms,
            names: Names::default(),
            segment,
            writer: Mutex::new(writer),
            idle: Mutex::default(),
            read_to,
            begun_anew,
        };
        // An erasure may have been cut off between its commit and the cut of the write-ahead log.
        index.writer.get_mut().purge_files()?;
        Ok(index)
    }

    /// Why [`Index::open`] deleted what was there, if it did.
    pub fn begun_anew(&self) -> Option<&str> {
        self.begun_anew.as_deref()
    }

    /// What the agents' side reports, where that is kept.
    pub fn runtime(&self) -> Option<Arc<Runtime>> {
        self.setup.runtime.clone()
    }

    /// How many records it has read: the position of the next one.
    pub fn position(&self) -> u64 {
        *self.read_to.borrow()
    }

    /// RFC 6962 root of the records that it has read. It must be the log's own root at that size.
    pub fn root(&self) -> Hash {
        self.writer.lock().frontier.root()
    }

    /// Reads the records from position `from` on: envelopes and vault entries, in the log's order. Each batch is one
    /// transaction; readers see all of it or nothing.
    ///
    /// # Errors
    /// [`IndexError::OutOfOrder`]; others where the file or the log fails. Nothing past the last whole batch has changed.
    pub fn apply<'a>(&self, from: u64, records: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<(), IndexError> {
        let records: Vec<_> = records.collect();
        let mut writer = self.writer.lock();
        writer.apply(&self.setup, &self.terms, from, &records, |size| {
            self.read_to.send_replace(size);
        })
    }

    /// Waits until the records below `position` are read, at most as long as `most`. Whether they are.
    pub async fn wait_for(&self, position: u64, most: Duration) -> bool {
        let mut told = self.read_to.subscribe();
        tokio::time::timeout(most, told.wait_for(|read_to| *read_to >= position)).await.is_ok_and(|told| told.is_ok())
    }

    /// Asks on a connection of its own, at one state of the index.
    pub(crate) fn read<T>(
        &self,
        question: impl FnOnce(&mut Connection) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.path).map_err(IndexError::storage("opening the index"))?,
        };
        let answer = question(&mut connection)?;
        let mut idle = self.idle.lock();
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
        Ok(answer)
    }
}

/// The writer, or why what is there is of no use.
fn open_writer(
    path: &Path,
    setup: &Setup,
    terms: &Terms,
    segment: u64,
) -> Result<Result<Writer, &'static str>, IndexError> {
    let damaged = |error: &rusqlite::Error| {
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    };
    let connection = match schema::open_writer(path) {
        Ok(Some(connection)) => connection,
        Ok(None) => return Ok(Err("it is of another format")),
        Err(error) if damaged(&error) => return Ok(Err("it is damaged")),
        Err(error) => return Err(IndexError::storage("opening the index")(error)),
    };
    match read_state(&connection, setup, terms, segment) {
        Ok(Ok((frontier, last_leaf, unpurged))) => {
            if let Err(why) = check_tail(setup, &frontier, last_leaf.as_deref())? {
                return Ok(Err(why));
            }
            let memory = Memory::load(&connection).map_err(IndexError::storage("reading the index"))?;
            Ok(Ok(Writer { connection, frontier, memory, unpurged }))
        }
        Ok(Err(why)) => Ok(Err(why)),
        Err(error) if damaged(&error) => Ok(Err("it is damaged")),
        Err(error) => Err(IndexError::storage("reading the index")(error)),
    }
}

type State = (Frontier, Option<Vec<u8>>, bool);

fn read_state(
    connection: &Connection,
    setup: &Setup,
    terms: &Terms,
    segment: u64,
) -> rusqlite::Result<Result<State, &'static str>> {
    let keyed = terms.number(Kind::ApiKey, &setup.origin);
    let empty = Frontier::new().to_bytes();
    connection.execute(
        "INSERT OR IGNORE INTO state (only, origin, keyed, segment, frontier) VALUES (1, ?1, ?2, ?3, ?4)",
        params![setup.origin, keyed, crate::store::signed(segment), empty],
    )?;
    connection.query_row("SELECT origin, keyed, frontier, last_leaf, unpurged FROM state", [], |row| {
        if row.get::<_, String>(0)? != setup.origin || row.get::<_, i64>(1)? != keyed {
            return Ok(Err("it is of another log or another workspace key"));
        }
        let frontier = Frontier::from_bytes(&row.get::<_, Vec<u8>>(2)?);
        let rest = (row.get(3)?, row.get(4)?);
        Ok(frontier.map(|frontier| (frontier, rest.0, rest.1)).map_err(|_| "it is damaged"))
    })
}

/// The last record that the index has read must be the one that the log has there.
fn check_tail(
    setup: &Setup,
    frontier: &Frontier,
    last_leaf: Option<&[u8]>,
) -> Result<Result<(), &'static str>, IndexError> {
    let Some(position) = frontier.size().checked_sub(1) else { return Ok(Ok(())) };
    let read = setup.log.read(position).map_err(|cause| IndexError::Log { position, cause })?;
    Ok(match read {
        None => Err("it has read more than the log has"),
        Some(record) if Some(leaf_hash(&record.envelope).0.as_slice()) == last_leaf => Ok(()),
        Some(_) => Err("it has read another record than the log now has there"),
    })
}
