use jiff::tz::TimeZone;

/// What the gate is told once, at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The workspace whose log this is.
    pub workspace: String,
    /// The environment of a proposal that names none.
    pub environment: String,
    /// The log's origin.
    pub origin: String,
    /// The log's verifier key (C2SP signed-note vkey).
    pub vkey: String,
    /// The software's version, for records.
    pub version: String,
    /// Where people reach this deployment: scheme, host and port, without a slash at the end. Passkeys are bound to its host.
    pub public_url: String,
    /// The workspace's time zone, for `context.time`.
    pub zone: TimeZone,
    /// Seconds without use after which a session is over.
    pub session_idle_s: u32,
    /// Seconds after which a session is over in any case.
    pub session_s: u32,
    /// Seconds after which who is signed in proves again who it is before it approves something of high risk.
    pub step_up_s: u32,
    /// Whether reports of the agents' side are kept with what people, models and tools wrote.
    pub keep_content: bool,
    /// Whether the data folder's owner may review alone, recorded as `separation: none`.
    pub solo: bool,
    /// Seconds that an authorization holds.
    pub authorization_ttl_s: u32,
    /// Seconds until an execution without outcome is unknown.
    pub execution_deadline_s: u32,
    /// Longest deadline that a caller may ask for, in seconds.
    pub most_deadline_s: u32,
    /// Longest wait of one request, in seconds.
    pub most_wait_s: u32,
    /// Largest payload in bytes of canonical form.
    pub most_payload: usize,
    /// Most open actions of one agent.
    pub most_open_per_agent: usize,
    /// Most open actions in all.
    pub most_open: usize,
    /// Refused starts after which an authorization ends.
    pub most_mismatches: u32,
    /// Commands that may wait for the writer.
    pub queue: usize,
    /// Most records in one commit.
    pub batch_records: usize,
    /// Most bytes in one commit.
    pub batch_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workspace: "default".to_owned(),
            environment: "default".to_owned(),
            origin: "countersign.local/log".to_owned(),
            vkey: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            public_url: "http://localhost:8640".to_owned(),
            zone: TimeZone::UTC,
            session_idle_s: 4 * 3_600,
            session_s: 24 * 3_600,
            step_up_s: 900,
            keep_content: false,
            solo: false,
            authorization_ttl_s: 900,
            execution_deadline_s: 300,
            most_deadline_s: 86_400,
            most_wait_s: 600,
            most_payload: 1 << 20,
            most_open_per_agent: 1_000,
            most_open: 100_000,
            most_mismatches: 5,
            queue: 4_096,
            batch_records: 1_024,
            batch_bytes: 4 << 20,
        }
    }
}
