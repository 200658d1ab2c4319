//! What the gate must know again when it starts.

use std::collections::BTreeSet;

use countersign_evidence::digest::Digest;
use countersign_evidence::record::{AccessChanged, Role};
use countersign_evidence::time::Timestamp;
use countersign_wire::{PolicyView, State};
use rusqlite::types::Type;
use rusqlite::{Params, Row, params};
use uuid::Uuid;

use crate::codes::state_code;
use crate::error::IndexError;
use crate::index::Index;
use crate::packed::unpack_positions;
use crate::summary::id;

/// Pairs of agent and tool, and denials, that are told at most.
const MOST: i64 = 200_000;
const MINUTE_US: i64 = 60_000_000;

/// A standing approval that is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingRow {
    /// Log position of its `standing.granted`.
    pub position: u64,
    /// How often it was used.
    pub used: u32,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl Index {
    fn all<T>(
        &self,
        select: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, IndexError> {
        self.read(|connection| {
            let statement = connection.prepare_cached(select);
            let rows = statement.and_then(|mut statement| statement.query_map(parameters, read)?.collect());
            rows.map_err(IndexError::storage("asking the index"))
        })
    }

    /// Actions that are not over, oldest first, with the log positions of their records.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn open_actions(&self) -> Result<Vec<(Uuid, Vec<u64>)>, IndexError> {
        let mut open = Vec::new();
        for state in [State::Waiting, State::Authorized, State::Executing] {
            let select = format!(
                "SELECT id, row, positions FROM action INDEXED BY action_state WHERE state = {} AND state <> 3 ORDER BY row",
                state_code(state)
            );
            open.extend(self.all(&select, [], |row| Ok((id(row, 0)?, positions(row, 1, 2)?)))?);
        }
        open.sort_by(|a: &(Uuid, Vec<u64>), b| a.1.cmp(&b.1));
        Ok(open)
    }

    /// How many actions each agent proposed in each minute from `since` on; the time is the minute's begin.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn actions_per_minute(&self, since: Timestamp) -> Result<Vec<(String, Timestamp, u32)>, IndexError> {
        // Integer division rounds towards zero; no log is older than the epoch.
        let select = "SELECT name.text, minute, count FROM (SELECT agent, time / ?2 * ?2 AS minute, count(*) AS count
            FROM action WHERE time >= ?1 GROUP BY agent, minute) JOIN name ON name.id = agent ORDER BY minute, name.text";
        self.all(select, params![since.as_micros(), MINUTE_US], |row| {
            Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?), row.get(2)?))
        })
    }

    /// Fingerprints of the payloads that policy denied from `since` on, with the time of the proposal, oldest first; the
    /// newest 200,000 of them.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn denials_since(&self, since: Timestamp) -> Result<Vec<([u8; 16], Timestamp)>, IndexError> {
        let select = "SELECT fingerprint, time FROM (SELECT row, fingerprint, time FROM action INDEXED BY action_time
            WHERE time >= ?1 AND decision = 1 AND fingerprint IS NOT NULL ORDER BY time DESC LIMIT ?2) ORDER BY row";
        self.all(select, params![since.as_micros(), MOST], |row| {
            let bytes = row.get_ref(0)?.as_blob()?.try_into();
            let bytes =
                bytes.map_err(|_| rusqlite::Error::InvalidColumnType(0, "fingerprint".to_owned(), Type::Blob))?;
            Ok((bytes, Timestamp::from_micros(row.get(1)?)))
        })
    }

    /// Agent, `server/tool` and definition (where the tool had one) of what could be executed at some time; at most 200,000.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn tools_used(&self) -> Result<Vec<(String, String, Option<Digest>)>, IndexError> {
        let select =
            "SELECT agent.text, tool.text, used.definition FROM used JOIN name AS agent ON agent.id = used.agent
            JOIN name AS tool ON tool.id = used.tool LIMIT ?1";
        self.all(select, [MOST], |row| {
            let definition = row.get_ref(2)?.as_blob()?.try_into().ok().map(Digest);
            Ok((row.get(0)?, row.get(1)?, definition))
        })
    }

    /// Positions of the records of the actions of these tools (`server/tool`) that were proposed from `since` on, oldest
    /// first.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn actions_of_tools(&self, tools: &BTreeSet<String>, since: Timestamp) -> Result<Vec<Vec<u64>>, IndexError> {
        let mut found: Vec<Vec<u64>> = Vec::new();
        for tool in tools {
            let select = "SELECT row, positions FROM action INDEXED BY action_time
                WHERE time >= ?1 AND tool = (SELECT id FROM name WHERE text = ?2)";
            found.extend(self.all(select, params![since.as_micros(), tool], |row| positions(row, 0, 1))?);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Keys that a `subject.erasure_requested` lists and no later `subject.erased`, by request, in the log's order.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn erasures_asked_for(&self) -> Result<Vec<Vec<Uuid>>, IndexError> {
        let select = "SELECT position, key FROM erasing ORDER BY position, key";
        let asked = self.all(select, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let by_request = asked.chunk_by(|(one, _), (next, _)| one == next);
        Ok(by_request.map(|keys| keys.iter().filter_map(|(_, key)| Uuid::from_slice(key).ok()).collect()).collect())
    }

    /// Log position of the record that holds this definition of one of the server's tools.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn definition(&self, server: &str, digest: Digest) -> Result<Option<u64>, IndexError> {
        let select = "SELECT position FROM definition WHERE server = ?1 AND digest = ?2";
        let found = self.all(select, params![server, digest.0], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))?;
        Ok(found.into_iter().next())
    }

    /// Log positions of the definitions of a server's tools, the newest first, at most `most`.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn definitions(&self, server: &str, most: u32) -> Result<Vec<u64>, IndexError> {
        let select = "SELECT position FROM definition WHERE server = ?1 ORDER BY position DESC LIMIT ?2";
        self.all(select, params![server, most], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
    }

    /// All standing approvals, in the order in which they were granted.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn standing(&self) -> Result<Vec<StandingRow>, IndexError> {
        self.all("SELECT position, used, revoked FROM standing ORDER BY position", [], |row| {
            Ok(StandingRow {
                position: row.get::<_, i64>(0)?.unsigned_abs(),
                used: row.get(1)?,
                revoked: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_micros),
            })
        })
    }

    /// API keys that are on record as revoked.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn revoked_keys(&self) -> Result<Vec<Uuid>, IndexError> {
        self.all("SELECT key FROM revoked", [], |row| id(row, 0))
    }

    /// What each person has, as it is on record.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn access(&self) -> Result<Vec<AccessChanged>, IndexError> {
        self.all("SELECT person, groups, roles, until FROM access", [], |row| {
            let (groups, roles): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            Ok(AccessChanged {
                person: id(row, 0)?,
                groups: groups.lines().map(str::to_owned).collect(),
                roles: roles.map(|roles| roles.lines().filter_map(Role::from_name).collect()),
                until: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
            })
        })
    }

    /// The policy versions that were ever in force, each as it was activated last, newest first. The newest one is active.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn policies(&self) -> Result<Vec<PolicyView>, IndexError> {
        let select = "SELECT max(position), version, digest, time, tests FROM policy GROUP BY version, digest
            ORDER BY max(position) DESC";
        let mut found = self.all(select, [], |row| {
            let digest: String = row.get(2)?;
            Ok(PolicyView {
                version: row.get(1)?,
                digest: digest.parse().unwrap_or(countersign_evidence::digest::Digest([0; 32])),
                active: false,
                activated_at: Timestamp::from_micros(row.get(3)?),
                position: row.get::<_, i64>(0)?.unsigned_abs(),
                activated_by: None,
                tests_passed: row.get::<_, i64>(4)?.unsigned_abs(),
                files: None,
            })
        })?;
        if let Some(newest) = found.first_mut() {
            newest.active = true;
        }
        Ok(found)
    }

    /// The policy version in force.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn last_policy(&self) -> Result<Option<PolicyView>, IndexError> {
        Ok(self.policies()?.into_iter().next())
    }
}

fn positions(row: &Row<'_>, first: usize, steps: usize) -> rusqlite::Result<Vec<u64>> {
    Ok(unpack_positions(row.get::<_, i64>(first)?.unsigned_abs(), row.get_ref(steps)?.as_blob()?))
}
