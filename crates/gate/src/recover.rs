//! Starting: the state is what folding the log gives, and nothing else.

use std::sync::Arc;

use countersign_evidence::time::Timestamp;
use countersign_journal::{Head, KeyKind, Owner};
use countersign_policy::{PolicySet, PolicyText};
use parking_lot::RwLock;
use tokio::sync::{mpsc, watch};

use crate::access::Attempts;
use crate::board::Board;
use crate::error::GateError;
use crate::gate::Gate;
use crate::history::History;
use crate::prepare::amounts;
use crate::ring::KeyStoreRing;
use crate::shared::{Parts, Shared};
use crate::state::State;
use crate::writer::{Writer, WriterState};

fn unavailable(error: impl std::fmt::Display) -> GateError {
    GateError::Unavailable(error.to_string())
}

impl Gate {
    /// Opens the gate on a log that was opened for writing; the index has read all of it (see [`crate::catch_up`]).
    /// Starts the writer's thread. The opening is recorded with the first record that follows it. An erasure that was cut
    /// off is completed before anything else happens.
    ///
    /// # Errors
    /// [`GateError`] where the log does not fold, or an erasure cannot be completed.
    pub async fn open(parts: Parts, head: Head) -> Result<Gate, GateError> {
        let workspace = Owner { kind: KeyKind::Workspace, workspace: &parts.settings.workspace, identity: "workspace" };
        let (id, key) = parts.keys.get_or_create(workspace)?;
        let workspace_key = (id.0, key);
        let ring = Arc::new(KeyStoreRing(Arc::clone(&parts.keys)));
        let nothing =
            PolicySet::from_text(PolicyText::default()).map_err(|error| GateError::BadPolicy(error.to_string()))?;
        let shared = Arc::new(Shared {
            parts,
            workspace_key,
            ring,
            history: History::default(),
            policy: RwLock::new(Arc::new(nothing)),
            board: Board::default(),
            standing: RwLock::default(),
            epoch: head.epoch,
            asked: watch::Sender::new(0),
            callers_generation: 0.into(),
            opened_at: head.size(),
            callers: RwLock::default(),
            sessions: RwLock::default(),
            attempts: Attempts::default(),
            access: tokio::sync::Mutex::default(),
        });
        if let Some(active) = shared.active_policy().await? {
            *shared.policy.write() = Arc::new(active);
        }
        shared.restore_access()?;
        let state = shared.rebuild(head).await?;
        let (jobs, queue) = mpsc::channel(shared.settings().queue);
        let (teller, told) = watch::channel(WriterState::Writing(state.head.size()));
        let writer = Writer::new(Arc::clone(&shared), state, queue, teller, tokio::runtime::Handle::current());
        let thread = std::thread::Builder::new().name("writer".to_owned());
        thread.spawn(move || writer.run()).map_err(unavailable)?;
        let gate = Gate { shared, jobs, told };
        gate.complete_erasures().await?;
        // Keys and people are out either way: what cannot be recorded now is at the next start.
        if let Err(error) = gate.record_revocations().await {
            tracing::error!(%error, "access was taken from a key or a person, and that could not be recorded yet");
        }
        Ok(gate)
    }
}

impl Shared {
    /// The set that the latest `policy.activated` holds.
    async fn active_policy(&self) -> Result<Option<PolicySet>, GateError> {
        let latest = self.indexed_policies()?.into_iter().max_by_key(|policy| policy.position);
        let Some(latest) = latest else { return Ok(None) };
        let text = self.policy_text(latest.position).await?;
        PolicySet::from_text(text).map(Some).map_err(|error| GateError::BadPolicy(error.to_string()))
    }

    async fn rebuild(&self, head: Head) -> Result<State, GateError> {
        let last_time = self.last_time(head.size()).await?;
        let mut state = State::new(head, self.policy(), last_time);
        self.restore_history(last_time).await?;
        state.standing = Arc::new(self.restore_standing(last_time).await?);
        *self.standing.write() = Arc::clone(&state.standing);
        for (_, positions) in self.parts.index.open_actions().map_err(unavailable)? {
            if let Some(open) = self.load(&positions).await? {
                state.hold(Arc::new(open), self);
            }
        }
        Ok(state)
    }

    async fn last_time(&self, size: u64) -> Result<Timestamp, GateError> {
        let Some(last) = size.checked_sub(1) else { return Ok(Timestamp::default()) };
        let entry = self.entry(last).await?;
        let envelope = countersign_evidence::record::Envelope::parse(&entry.envelope);
        envelope.map(|envelope| envelope.time).map_err(unavailable)
    }

    /// Counts the recent past again, as far as rules can ask about it.
    async fn restore_history(&self, now: Timestamp) -> Result<(), GateError> {
        let index = &self.parts.index;
        for (agent, at, actions) in index.actions_per_minute(now.plus_seconds(-3600)).map_err(unavailable)? {
            self.history.restore(&agent, actions, at);
        }
        for (fingerprint, at) in index.denials_since(now.plus_seconds(-86_400)).map_err(unavailable)? {
            self.history.denied(fingerprint, at);
        }
        for (agent, tool, definition) in index.tools_used().map_err(unavailable)? {
            self.history.authorized(&agent, &tool, definition);
        }
        self.restore_sums(now).await
    }

    /// Sums are over payload fields, which only the log has.
    async fn restore_sums(&self, now: Timestamp) -> Result<(), GateError> {
        let policy = self.policy();
        let catalogue = policy.catalogue();
        let Some(window) = catalogue.sums.values().map(countersign_policy::Sum::window_s).max() else { return Ok(()) };
        let since = now.plus_seconds(-i64::try_from(window).unwrap_or(i64::MAX));
        let tools = catalogue.sums.values().flat_map(|sum| &sum.tools).cloned().collect();
        for positions in self.parts.index.actions_of_tools(&tools, since).map_err(unavailable)? {
            let (told, _) = self.tell(positions.get(..1).unwrap_or_default()).await?;
            let Some(first) = told.first() else { continue };
            let countersign_evidence::record::Body::ActionProposed(proposed) = &first.envelope.body else { continue };
            let Some(payload) = first.opened.fields.get("payload") else { continue };
            let tool = format!("{}/{}", proposed.tool.server, proposed.tool.name);
            for (sum, amount) in amounts(catalogue, &tool, payload) {
                self.history.restore_sum(&proposed.agent.id, &sum, amount, first.envelope.time);
            }
        }
        Ok(())
    }
}
