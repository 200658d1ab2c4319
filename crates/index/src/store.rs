//! Writing rows.

use std::collections::HashSet;

use countersign_evidence::digest::Digest;
use countersign_evidence::record::{AccessChanged, PolicyActivated, ToolRef};
use countersign_evidence::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use uuid::Uuid;

use crate::codes::{DECISIONS, MATCHES, OUTCOMES, category_code, code, decision_name, state_code, state_of};
use crate::names::Naming;
use crate::packed::{pack, pack_id, pack_positions};
use crate::reviewed::{ReviewEnd, Reviewed, ReviewerDid};
use crate::schema::create_segment;
use crate::terms::{Kind, Terms};
use crate::tracked::{Text, Tracked};

/// Pairs of agent and tool kept in memory; past that the table itself is asked again.
const MOST_USED: usize = 100_000;

const INSERT: &str = "INSERT INTO action (row,
    id, time, agent, tool, environment, category, key, request, resource_type, session, trace, call, conversation, ticket,
    positions, closed, decision, state, risk, rules, reviewers, downstream, outcome, matches, refusals, redeemed,
    user, resource, fingerprint, subject)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
    ?25, ?26, ?27, ?28, ?29, ?30, ?31)";
const UPDATE: &str = "UPDATE action SET positions = ?2, closed = ?3, decision = ?4, state = ?5, risk = ?6, rules = ?7,
    reviewers = ?8, downstream = ?9, outcome = ?10, matches = ?11, refusals = ?12, redeemed = ?13 WHERE row = ?1";
const UPDATE_OPEN: &str = "UPDATE action SET user = ?2, resource = ?3, fingerprint = ?4, subject = ?5 WHERE row = ?1";

const REVIEW: &str = "INSERT INTO review (row, asked, rules, presented, ended, how, escalated)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (row) DO UPDATE SET rules = excluded.rules,
    presented = excluded.presented, ended = excluded.ended, how = excluded.how, escalated = excluded.escalated";

/// What the writer remembers between rows.
pub(crate) struct Remembered {
    /// Positions whose actions share one full-text table.
    pub(crate) segment: u64,
    pub(crate) naming: Naming,
    pub(crate) segments: HashSet<u64>,
    used: HashSet<(i64, i64, Option<Digest>)>,
}

impl Remembered {
    pub(crate) fn new(segment: u64) -> Self {
        Remembered { segment, naming: Naming::default(), segments: HashSet::new(), used: HashSet::new() }
    }
}

pub(crate) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// One transaction's hands.
pub(crate) struct Store<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) remembered: &'a mut Remembered,
    pub(crate) terms: &'a Terms,
}

impl Store<'_> {
    /// Makes the row say what the records say.
    pub(crate) fn save(&mut self, tracked: &mut Tracked) -> rusqlite::Result<()> {
        match (tracked.stored, tracked.text) {
            (false, _) => self.insert(tracked)?,
            (true, Text::Held) => {
                self.update(tracked)?;
                self.update_open(tracked)?;
            }
            (true, _) => self.update(tracked)?,
        }
        if tracked.authorized {
            self.note_use(tracked)?;
        }
        if let Some(id) = tracked.downstream() {
            self.refer(Kind::Downstream, id, tracked.row())?;
        }
        if let Some(id) = tracked.redeemed_by() {
            self.refer(Kind::Request, id, tracked.row())?;
        }
        if let Some(reviewed) = &tracked.reviewed {
            self.review(tracked.row(), reviewed, (tracked.text == Text::Held).then_some(tracked.open.characters))?;
        }
        if tracked.text == Text::Held {
            self.write_text(tracked)?;
        }
        tracked.stored = true;
        tracked.text = Text::Stored;
        tracked.open = Default::default();
        Ok(())
    }

    fn name(&mut self, text: &str) -> rusqlite::Result<i64> {
        self.remembered.naming.number(self.connection, text)
    }

    fn names<'t>(&mut self, texts: impl Iterator<Item = &'t String>) -> rusqlite::Result<Vec<u8>> {
        let numbers: rusqlite::Result<Vec<u64>> = texts.map(|text| Ok(self.name(text)?.unsigned_abs())).collect();
        Ok(pack(numbers?))
    }

    fn insert(&mut self, tracked: &Tracked) -> rusqlite::Result<()> {
        let columns = [self.fixed(tracked)?, self.changing(tracked)?, self.open(tracked)?].concat();
        let values = [signed(tracked.row()).into()].into_iter().chain(columns);
        self.connection.prepare_cached(INSERT)?.execute(params_from_iter(values))?;
        self.refer(Kind::Request, &tracked.action.proposed.request_id, tracked.row())
    }

    fn update(&mut self, tracked: &Tracked) -> rusqlite::Result<()> {
        let values = [signed(tracked.row()).into()].into_iter().chain(self.changing(tracked)?);
        self.connection.prepare_cached(UPDATE)?.execute(params_from_iter(values)).map(drop)
    }

    fn update_open(&mut self, tracked: &Tracked) -> rusqlite::Result<()> {
        let values = [signed(tracked.row()).into()].into_iter().chain(self.open(tracked)?);
        self.connection.prepare_cached(UPDATE_OPEN)?.execute(params_from_iter(values)).map(drop)
    }

    /// From `id` to `ticket`: what the first record says.
    fn fixed(&mut self, tracked: &Tracked) -> rusqlite::Result<Vec<Value>> {
        let proposed = &tracked.action.proposed;
        let correlation = &proposed.correlation;
        let kind = proposed.resource_type.as_deref().map(|kind| self.name(kind)).transpose()?;
        let id = |id: &Option<String>| id.as_deref().map_or(Value::Null, pack_id);
        Ok(vec![
            tracked.action.id.as_bytes().to_vec().into(),
            tracked.action.proposed_at.as_micros().into(),
            self.name(&proposed.agent.id)?.into(),
            self.name(&tracked.tool())?.into(),
            self.name(&tracked.action.environment)?.into(),
            category_code(proposed.category).into(),
            self.name(&proposed.authenticated.key.to_string())?.into(),
            pack_id(&proposed.request_id),
            kind.into(),
            id(&correlation.session_id),
            id(&correlation.trace_id),
            id(&correlation.call_id),
            id(&correlation.conversation_id),
            id(&correlation.ticket),
        ])
    }

    /// From `positions` to `redeemed`: what every record may change.
    fn changing(&mut self, tracked: &Tracked) -> rusqlite::Result<Vec<Value>> {
        let action = &tracked.action;
        let decided = action.decided.as_ref();
        let rules = decided.map(|decided| decided.reasons.as_slice()).unwrap_or_default();
        let rules = self.names(rules.iter().map(|reason| &reason.rule))?;
        let reviewers = self.names(tracked.reviewers.iter())?;
        let outcome = match &action.stage {
            countersign_evidence::action::Stage::Finished(end) => code(&OUTCOMES, &end.outcome),
            _ => None,
        };
        Ok(vec![
            pack_positions(&tracked.positions).into(),
            tracked.closed.map(|closed| closed.since(action.proposed_at)).into(),
            decided.and_then(|decided| code(&DECISIONS, &decided.decision)).into(),
            state_code(state_of(&action.stage)).into(),
            decided.map_or(0, |decided| decided.risk.score).into(),
            (!rules.is_empty()).then_some(rules).into(),
            (!reviewers.is_empty()).then_some(reviewers).into(),
            tracked.downstream().map_or(Value::Null, pack_id),
            outcome.into(),
            action.execution().and_then(|execution| code(&MATCHES, &execution.started.matches)).into(),
            action.refusals.into(),
            tracked.redeemed_by().map_or(Value::Null, pack_id),
        ])
    }

    /// From `user` to `subject`: what opens.
    fn open(&mut self, tracked: &Tracked) -> rusqlite::Result<Vec<Value>> {
        let open = &tracked.open;
        let subject = open.sealed_by.first().map(|key| self.name(&key.to_string())).transpose()?;
        let fingerprint = open.fingerprint.map(|fingerprint| fingerprint.to_vec());
        Ok(vec![open.user.clone().into(), open.resource.clone().into(), fingerprint.into(), subject.into()])
    }

    fn refer(&mut self, kind: Kind, value: &str, row: u64) -> rusqlite::Result<()> {
        let mut insert =
            self.connection.prepare_cached("INSERT OR IGNORE INTO reference (term, row) VALUES (?1, ?2)")?;
        insert.execute(params![self.terms.number(kind, value), signed(row)])?;
        Ok(())
    }

    /// `characters` where the payload was read: absent ones were erased.
    fn review(&mut self, row: u64, reviewed: &Reviewed, characters: Option<Option<usize>>) -> rusqlite::Result<()> {
        let rules = self.names(reviewed.rules.iter())?;
        let ended = reviewed.ended.map(|(at, how)| (at.as_micros(), code(&ReviewEnd::ALL, &how)));
        self.connection.prepare_cached(REVIEW)?.execute(params![
            signed(row),
            reviewed.asked.as_micros(),
            rules,
            reviewed.presented.map(|at| at.as_micros()),
            ended.map(|(at, _)| at),
            ended.and_then(|(_, how)| how),
            reviewed.escalated,
        ])?;
        if let Some(characters) = characters {
            let characters = characters.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
            let mut update = self.connection.prepare_cached("UPDATE review SET characters = ?2 WHERE row = ?1")?;
            update.execute(params![signed(row), characters])?;
        }
        for (step, deed) in (0_i64..).zip(&reviewed.deeds) {
            let reviewer = self.name(&deed.reviewer)?;
            let mut insert =
                self.connection.prepare_cached("INSERT OR IGNORE INTO deed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            let active_ms = deed.active_ms.map(signed);
            let did = code(&ReviewerDid::ALL, &deed.did);
            insert.execute(params![
                signed(row),
                step,
                reviewer,
                deed.at.as_micros(),
                did,
                active_ms,
                deed.expanded_all
            ])?;
        }
        Ok(())
    }

    fn note_use(&mut self, tracked: &Tracked) -> rusqlite::Result<()> {
        let proposed = &tracked.action.proposed;
        let (agent, tool) = (self.name(&proposed.agent.id)?, self.name(&tracked.tool())?);
        let usage = (agent, tool, proposed.tool.definition);
        if self.remembered.used.contains(&usage) {
            return Ok(());
        }
        // A tool without a definition has an empty one.
        let definition = proposed.tool.definition.map(|definition| definition.0.to_vec()).unwrap_or_default();
        let insert = "INSERT OR IGNORE INTO used (agent, tool, definition) VALUES (?1, ?2, ?3)";
        self.connection.prepare_cached(insert)?.execute(params![agent, tool, definition])?;
        if self.remembered.used.len() >= MOST_USED {
            self.remembered.used.clear();
        }
        self.remembered.used.insert(usage);
        Ok(())
    }

    fn write_text(&mut self, tracked: &Tracked) -> rusqlite::Result<()> {
        let segment = tracked.row() / self.remembered.segment;
        if !self.remembered.segments.contains(&segment) {
            create_segment(self.connection, segment)?;
            self.remembered.segments.insert(segment);
        }
        if tracked.stored {
            let delete = format!("DELETE FROM words_{segment} WHERE rowid = ?1");
            self.connection.prepare_cached(&delete)?.execute([signed(tracked.row())])?;
        }
        let insert = format!("INSERT INTO words_{segment} (rowid, text) VALUES (?1, ?2)");
        self.connection.prepare_cached(&insert)?.execute(params![signed(tracked.row()), self.text(tracked)])?;
        Ok(())
    }

    /// Words and terms, parted by spaces.
    fn text(&self, tracked: &Tracked) -> String {
        let mut text = tracked.clear_words();
        text.push_str(&tracked.open.words);
        let mut add = |kind, value: &str| {
            text.push_str(&self.terms.term(kind, value));
            text.push(' ');
        };
        let proposed = &tracked.action.proposed;
        let correlation = &proposed.correlation;
        add(Kind::Agent, &proposed.agent.id);
        add(Kind::Tool, &tracked.tool());
        add(Kind::Environment, &tracked.action.environment);
        add(Kind::Category, proposed.category.as_str());
        add(Kind::ApiKey, &proposed.authenticated.key.to_string());
        for (kind, value) in [
            (Kind::Session, &correlation.session_id),
            (Kind::Trace, &correlation.trace_id),
            (Kind::Call, &correlation.call_id),
            (Kind::Conversation, &correlation.conversation_id),
            (Kind::Ticket, &correlation.ticket),
            (Kind::User, &tracked.open.user),
        ] {
            value.iter().for_each(|value| add(kind, value));
        }
        if let Some(decided) = &tracked.action.decided {
            add(Kind::Decision, decision_name(decided.decision));
            decided.reasons.iter().for_each(|reason| add(Kind::Rule, &reason.rule));
        }
        tracked.reviewers.iter().for_each(|reviewer| add(Kind::Reviewer, reviewer));
        tracked.open.sealed_by.iter().for_each(|key| add(Kind::SealedBy, &key.to_string()));
        text
    }

    pub(crate) fn policy(&self, position: u64, time: Timestamp, activated: &PolicyActivated) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached("INSERT INTO policy VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let (digest, tests) = (activated.digest.to_string(), signed(activated.tests_passed));
        insert.execute(params![signed(position), activated.version, digest, time.as_micros(), tests])?;
        Ok(())
    }

    pub(crate) fn revoked(&self, key: Uuid) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached("INSERT OR IGNORE INTO revoked VALUES (?1)")?;
        insert.execute([key.as_bytes().as_slice()]).map(drop)
    }

    pub(crate) fn defined(&self, tool: &ToolRef, position: u64) -> rusqlite::Result<()> {
        let Some(digest) = tool.definition else { return Ok(()) };
        let insert = "INSERT OR IGNORE INTO definition (server, digest, position) VALUES (?1, ?2, ?3)";
        self.connection.prepare_cached(insert)?.execute(params![tool.server, digest.0, signed(position)]).map(drop)
    }

    pub(crate) fn granted(&self, standing: Uuid, position: u64) -> rusqlite::Result<()> {
        let insert = "INSERT OR IGNORE INTO standing (id, position, used) VALUES (?1, ?2, 0)";
        let mut insert = self.connection.prepare_cached(insert)?;
        insert.execute(params![standing.as_bytes().as_slice(), signed(position)]).map(drop)
    }

    pub(crate) fn standing_revoked(&self, standing: Uuid, at: Timestamp) -> rusqlite::Result<()> {
        let mut update = self.connection.prepare_cached("UPDATE standing SET revoked = ?2 WHERE id = ?1")?;
        update.execute(params![standing.as_bytes().as_slice(), at.as_micros()]).map(drop)
    }

    pub(crate) fn standing_used(&self, standing: Uuid, number: u32) -> rusqlite::Result<()> {
        let mut update = self.connection.prepare_cached("UPDATE standing SET used = max(used, ?2) WHERE id = ?1")?;
        update.execute(params![standing.as_bytes().as_slice(), number]).map(drop)
    }

    /// Group names are identifiers: none has a line break.
    pub(crate) fn access(&self, changed: &AccessChanged) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached("INSERT OR REPLACE INTO access VALUES (?1, ?2, ?3, ?4)")?;
        let roles = changed.roles.as_ref().map(|roles| roles.iter().map(|role| role.as_str()).collect::<Vec<_>>());
        let (groups, roles) = (changed.groups.join("\n"), roles.map(|roles| roles.join("\n")));
        let until = changed.until.map(|until| until.as_micros());
        insert.execute(params![changed.person.as_bytes().as_slice(), groups, roles, until]).map(drop)
    }
}
