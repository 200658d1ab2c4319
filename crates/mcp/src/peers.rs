//! Who calls, in which era of the protocol, and how long that client bears to be held.

use std::time::Duration;

use countersign_evidence::id::MOST_IDENTIFIER;
use countersign_evidence::json::Value;

use crate::modern::{CLIENT_INFO, PROTOCOL_VERSION};
use crate::payload::Call;

/// The client of one call. All of it is self-reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Speaks 2026-07-28 or later: every request carries its protocol version, every result its type.
    pub(crate) modern: bool,
    /// `clientInfo.name`, as an identifier.
    pub(crate) name: Option<String>,
    /// `clientInfo.version`, as an identifier.
    pub(crate) version: Option<String>,
}

impl Caller {
    /// What a legacy `initialize` says.
    pub(crate) fn of_initialize(params: Option<&Value>) -> Self {
        Caller::of_info(params.and_then(|params| params.get("clientInfo")))
    }

    /// What one call's `_meta` says, or else what `initialize` said.
    pub(crate) fn of_call(call: &Call, initialized: &Caller) -> Self {
        let info = call.transport.get(CLIENT_INFO);
        let said = Caller::of_info(info);
        Caller {
            modern: call.transport.get(PROTOCOL_VERSION).is_some(),
            name: said.name.or_else(|| initialized.name.clone()),
            version: if info.is_some() { said.version } else { initialized.version.clone() },
        }
    }

    fn of_info(info: Option<&Value>) -> Self {
        let text = |name: &str| info.and_then(|info| info.get(name)).and_then(Value::as_str).and_then(identifier);
        Caller { modern: false, name: text("name"), version: text("version") }
    }

    /// How long a call may be held before "pending" is answered. Below what each client was measured to bear; an unknown
    /// one may be built on an SDK whose default is 60 s.
    pub(crate) fn bears(&self, progress: bool) -> Duration {
        let name = self.name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let seconds = match () {
            () if name.contains("claude-code") => 300,
            () if name.contains("codex") => 240,
            () if name.contains("gemini") => 300,
            () if name.contains("copilot") && progress => 300,
            () if name.contains("copilot") => 150,
            () => 45,
        };
        Duration::from_secs(seconds)
    }
}

/// What a client calls itself (`clientInfo.name`), as an identifier.
pub fn client_name(info: Option<&Value>) -> Option<String> {
    Caller::of_info(info).name
}

/// A name from outside as an identifier: other characters become `-`.
fn identifier(text: &str) -> Option<String> {
    let visible = |c: char| if ('\x21'..='\x7e').contains(&c) { c } else { '-' };
    let id: String = text.trim().chars().map(visible).take(MOST_IDENTIFIER).collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        assert_eq!(identifier("Claude Desktop").as_deref(), Some("Claude-Desktop"));
        assert_eq!(identifier(" \u{1f600}x ").as_deref(), Some("-x"));
        assert_eq!(identifier("  "), None);
        assert_eq!(identifier(&"x".repeat(500)).map(|id| id.len()), Some(128));
    }

    #[test]
    fn an_unknown_client_is_held_shorter_than_the_shortest_known_limit() {
        assert_eq!(Caller::default().bears(true).as_secs(), 45);
        let copilot = Caller { name: Some("github-copilot-cli".into()), ..Caller::default() };
        assert_eq!(copilot.bears(false).as_secs(), 150);
    }
}
