use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::Outcome as Recorded;

/// What a client tells its hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A tool is about to run: the answer decides.
    Before(Call),
    /// A tool has run.
    After(Ended),
    /// Another event of the same call decides, or it is one after the fact that is not known: nothing is to be done, and the
    /// text says why.
    Aside(String),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The event's own name.
    pub event: String,
    /// The session.
    pub session: Option<String>,
    /// The part of the session that the call belongs to, where call ids are only unique within it.
    pub turn: Option<String>,
    /// The client's own id of the call; some have none.
    pub call_id: Option<String>,
    /// The tool.
    pub tool: Tool,
    /// What the tool is given.
    pub input: Value,
    /// The working folder.
    pub cwd: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The person, as the client knows it.
    pub user: Option<String>,
    /// How far the client lets the agent go by itself.
    pub permission_mode: Option<String>,
    /// SHA-256 of the whole event as it came.
    pub digest: Digest,
}

/// A tool, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The MCP server's name, or the client's own.
    pub server: String,
    /// The tool's name there.
    pub name: String,
    /// Whether an MCP server has it.
    pub mcp: bool,
}

/// A call that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub call: Call,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a call, as the client tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it succeeded.
    pub outcome: Recorded,
    /// What the tool answered.
    pub response: Option<Value>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
}
