use std::pin::Pin;
use std::time::Duration;

use countersign_client::Client as Gate;
use countersign_client::wire::UserRef;
use countersign_evidence::digest::Digest;
use countersign_evidence::record::Category;
use countersign_evidence::time::Clock;

use crate::client::Client;
use crate::memory::Memory;

/// What is known of a tool behind the MCP gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// SHA-256 of its definition, as the gate has it on record.
    pub digest: Digest,
    /// The kind of side effect that it announces.
    pub category: Category,
}

/// Says what a tool (server, name) is, as the MCP gateway saw it listed; `None` where the gate has nothing on record.
pub type Catalogue = Box<dyn Fn(String, String) -> CatalogueAnswer + Send + Sync>;
/// Its answer; the error is a text for the model.
pub type CatalogueAnswer = Pin<Box<dyn Future<Output = Result<Option<Definition>, String>> + Send>>;

/// How one event is dealt with.
pub struct Settings {
    /// Whose event it is.
    pub client: Client,
    /// The gate.
    pub gate: Gate,
    /// The agent's id in place of the client's own name.
    pub agent: Option<String>,
    /// The model in place of the client's own word.
    pub model: Option<String>,
    /// On whose behalf.
    pub user: Option<UserRef>,
    /// The environment.
    pub environment: Option<String>,
    /// By when an answer is out, on the monotonic clock in microseconds.
    pub deadline_us: i64,
    /// Claude Code: after this wait a run is ended in place of a denial, to be resumed.
    pub defer: Option<Duration>,
    /// How long a tool may run before its outcome counts as unknown, in seconds.
    pub running_s: u32,
    /// MCP servers that run behind the MCP gateway: it executes, and the hook only asks.
    pub behind_gate: Vec<String>,
    /// What those servers' tools are.
    pub catalogue: Catalogue,
    /// What is kept from one event to the next.
    pub memory: Memory,
    /// The time.
    pub clock: Box<dyn Clock>,
}

impl Settings {
    /// What is left until the deadline.
    pub(crate) fn left(&self) -> Duration {
        let left = self.deadline_us.saturating_sub(self.clock.monotonic_us());
        Duration::from_micros(u64::try_from(left).unwrap_or_default())
    }
}
