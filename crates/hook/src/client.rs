use std::fmt;
use std::str::FromStr;

/// A client whose hooks are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// Claude Code.
    Claude,
    /// Codex CLI.
    Codex,
    /// GitHub Copilot CLI.
    Copilot,
    /// Cursor.
    Cursor,
    /// Gemini CLI.
    Gemini,
}

impl Client {
    /// Every client.
    pub const ALL: [Client; 5] = [Client::Claude, Client::Codex, Client::Copilot, Client::Cursor, Client::Gemini];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Client::Claude => "claude",
            Client::Codex => "codex",
            Client::Copilot => "copilot",
            Client::Cursor => "cursor",
            Client::Gemini => "gemini",
        }
    }

    /// The server under which its built-in tools are known to policy.
    pub const fn server(self) -> &'static str {
        match self {
            Client::Claude => "claude-code",
            Client::Codex => "codex",
            Client::Copilot => "copilot",
            Client::Cursor => "cursor",
            Client::Gemini => "gemini-cli",
        }
    }

    /// The agent's id: what the client calls itself towards MCP servers (`clientInfo.name`), so that its calls through the MCP
    /// gateway are the same agent's.
    pub const fn agent(self) -> &'static str {
        match self {
            Client::Claude => "claude-code",
            Client::Codex => "codex-mcp-client",
            Client::Copilot => "copilot-cli",
            Client::Cursor => "cursor-vscode",
            Client::Gemini => "gemini-cli-mcp-client",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Client {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Client::ALL.into_iter().find(|client| client.as_str() == text);
        known.ok_or_else(|| "name one of claude, codex, copilot, cursor, gemini".to_owned())
    }
}
