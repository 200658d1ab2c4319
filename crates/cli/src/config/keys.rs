//! Every key of the configuration, once: what the file may hold, what the environment may set, what the documentation says.

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// An integer, both bounds included.
    Number(u64, u64),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name, `section.name` within a section.
    pub(crate) path: &'static str,
    /// What its value must be.
    pub(crate) kind: Kind,
    /// What it does; sentences for the default file and the documentation.
    pub(crate) about: &'static str,
}

const fn text(path: &'static str, about: &'static str) -> Key {
    Key { path, kind: Kind::Text, about }
}

const fn number(path: &'static str, least: u64, most: u64, about: &'static str) -> Key {
    Key { path, kind: Kind::Number(least, most), about }
}

const DAY: u64 = 86_400;

/// In the order of the default file; keys of a section stand together, after those of none.
pub(crate) const KEYS: [Key; 50] = [
    text(
        "deployment",
        "Name of the deployment: the first part of each log's origin. It appears in public checkpoints.",
    ),
    text("workspace", "The workspace whose log this data folder holds. Appears in every record."),
    text("environment", "The environment of a proposal that names none."),
    text(
        "listen",
        "Address and port of the HTTP API. It speaks plain HTTP: beyond this host, put a TLS proxy before it.",
    ),
    text(
        "public_url",
        "Where people reach the console, as they type it: scheme, host and port. Passkeys are bound to its host, and forms are \
         taken from there alone. Where it is empty: http://localhost with the port of `listen`.",
    ),
    number("session_idle_s", 60, 30 * DAY, "Seconds without use after which somebody has to sign in again."),
    number("session_s", 300, 90 * DAY, "Seconds after which somebody has to sign in again in any case."),
    number(
        "step_up_s",
        1,
        DAY,
        "Seconds after which somebody proves again who it is before an approval of high risk (70 and more). A signed approval is that proof.",
    ),
    text(
        "upstreams_file",
        "A TOML file with the APIs that agents reach through the HTTP gateway, at /proxy/NAME/…; relative to the data folder. Empty: none.",
    ),
    text(
        "mcp_servers_file",
        "A TOML file with the MCP servers that agents reach at /mcp/NAME; relative to the data folder. Empty: none.",
    ),
    text("policy_folder", "The policy folder that commands use where none is named; relative to the data folder."),
    text("time_zone", "IANA time zone of `context.time` in policies, such as Europe/Zurich."),
    Key {
        path: "solo",
        kind: Kind::Flag,
        about: "Whether the data folder's owner may approve alone. For one developer without colleagues; each such approval \
                is recorded with `separation: none`.",
    },
    number(
        "authorization_ttl_s",
        1,
        DAY,
        "Seconds that an authorization holds, from its decision or last approval on.",
    ),
    number("execution_deadline_s", 1, DAY, "Seconds until an execution without outcome counts as unknown."),
    number("publish_interval_ms", 100, 60_000, "Milliseconds between signed checkpoints while records arrive."),
    number(
        "hold_s",
        0,
        600,
        "Seconds that `countersign mcp` holds a call for a review before it answers \"pending\". Where it is not set: as long \
         as the client is known to bear.",
    ),
    text(
        "oidc.issuer",
        "Issuer URL of the OpenID provider that people sign in with, as it writes it itself. Empty: none.",
    ),
    text("oidc.name", "What the button to sign in with it says."),
    text(
        "oidc.client_id",
        "The name by which the provider knows this gate. Its redirect address is `public_url` with /sign-in/account/back.",
    ),
    text(
        "oidc.client_secret_file",
        "A file with the secret that goes with `client_id`; relative to the data folder. Empty: a public client, with PKCE alone.",
    ),
    text("oidc.groups_claim", "The claim that lists an account's groups at the provider."),
    text(
        "oidc.groups",
        "Groups that follow the provider: `theirs = ours`, with commas between. Those named here come and go with the account's \
         at each sign-in; all others stay as an admin has set them. Empty: the provider decides about none.",
    ),
    Key {
        path: "oidc.add_people",
        kind: Kind::Flag,
        about: "Whether somebody new with one of these groups is added as a reviewer at the first sign-in. Otherwise an account \
                belongs to the person whose user identity is its verified address.",
    },
    text(
        "notify.webhook",
        "Address of a web service that is told what waits and what came of it (Standard Webhooks 1.0). Empty: none.",
    ),
    text(
        "notify.webhook_secret_file",
        "A file with the secret that signs these messages, `whsec_` and base64 of at least 24 bytes; relative to the data folder.",
    ),
    text(
        "notify.slack_file",
        "A file with the address of a Slack incoming webhook, which is a secret; relative to the data folder. Empty: none.",
    ),
    text(
        "notify.smtp",
        "Server for e-mail: smtps://user@host, smtp://user@host:587?tls=required, or smtp://host:25 in the clear. Empty: none.",
    ),
    text("notify.smtp_password_file", "A file with that user's password; relative to the data folder."),
    text("notify.mail_from", "From whom e-mail comes."),
    text("notify.mail_to", "To whom it goes, with commas between."),
    Key {
        path: "notify.private_addresses",
        kind: Kind::Flag,
        about: "Whether webhooks may lead to this host or a private network.",
    },
    text("notify.folder", "Where it is kept up to where each of them was told; relative to the data folder."),
    number(
        "runtime.reports",
        0,
        100_000_000,
        "Most spans and events of the agents' own OpenTelemetry that are kept beside the evidence; the oldest of whoever sent most \
         goes first. 0: none are taken, and those that were are deleted.",
    ),
    number("runtime.bytes", 1 << 20, 4 << 30, "Most bytes of their texts."),
    number("runtime.age_s", 60, 365 * DAY, "Seconds that one is kept."),
    Key {
        path: "runtime.content",
        kind: Kind::Flag,
        about: "Whether prompts, arguments, results and error messages are kept with them. They hold personal data as a rule.",
    },
    text(
        "otlp.endpoint",
        "Address of an OpenTelemetry collector that is told of each action that ended, as a span (OTLP over HTTP, protobuf): \
         /v1/traces is added to it. Empty: none.",
    ),
    text(
        "otlp.headers_file",
        "A file with headers that go along, `name: value` on each line, which may hold secrets; relative to the data folder. \
         Empty: none.",
    ),
    text("otlp.service_name", "The name of the service that these spans come from."),
    text("otlp.folder", "Where it is kept up to where the collector was told; relative to the data folder."),
    number("limits.payload_bytes", 1_024, 8 << 20, "Largest payload, in bytes of canonical JSON."),
    number("limits.open_actions", 1, 10_000_000, "Most open actions in all."),
    number("limits.open_actions_per_agent", 1, 1_000_000, "Most open actions of one agent."),
    number("limits.mismatches_per_authorization", 1, 1_000, "Refused starts after which an authorization ends."),
    number("limits.wait_s", 1, 600, "Longest wait of one request, in seconds."),
    number("limits.deadline_s", 1, 30 * DAY, "Longest execution deadline that a caller may ask for, in seconds."),
    number("limits.queue", 16, 1_000_000, "Requests that may wait for the writer; beyond it the gate answers 429."),
    number("limits.batch_records", 1, 65_536, "Most records in one commit."),
    number("limits.batch_bytes", 65_536, 64 << 20, "Most bytes in one commit."),
];

/// Environment variables that are no keys of the configuration, but mean something to `countersign`.
pub(crate) const RESERVED: [&str; 7] = [
    "COUNTERSIGN_DATA",
    "COUNTERSIGN_CONFIG",
    "COUNTERSIGN_URL",
    "COUNTERSIGN_KEY",
    "COUNTERSIGN_KEY_FILE",
    "COUNTERSIGN_MASTER_KEY",
    "COUNTERSIGN_LOG",
];

impl Key {
    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("COUNTERSIGN_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }

    /// Section and name.
    pub(crate) fn parts(&self) -> (Option<&'static str>, &'static str) {
        match self.path.split_once('.') {
            Some((section, name)) => (Some(section), name),
            None => (None, self.path),
        }
    }
}
