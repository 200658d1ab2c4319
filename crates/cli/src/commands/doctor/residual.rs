//! What hooks cannot stop, client by client: measured with the real clients where it says so in docs/hooks.md.

use countersign_hook::Client;

/// What stays open whatever is configured.
pub(super) const fn residual(client: Client) -> &'static [&'static str] {
    match client {
        Client::Claude => &[
            "`claude --bare` runs no hooks",
            "output that is no JSON lets the tool run, even with onFailure",
            "whoever may write the user's settings can take the hooks out: managed settings cannot be",
        ],
        Client::Codex => &[
            "`codex exec` silently skips hooks that were not trusted: run codex once and trust them, or use managed hooks",
            "a hook that times out, crashes, is missing or answers badly lets the tool run",
            "input written to a running process (write_stdin) comes to no hook",
            "hosted tools such as web search come to no hook as far as is known",
        ],
        Client::Copilot => &[
            "a hook that times out or answers badly lets the tool run",
            "its events carry no id of the call: identical calls within a millisecond are one",
        ],
        Client::Cursor => &[
            "what the client does was read from its package, not seen: it does not run without its service",
            "beforeMCPExecution cannot pass a reviewer's edits on: such calls are denied",
        ],
        Client::Gemini => &[
            "a hook that ends with another code than 2, times out or answers badly lets the tool run",
            "its events carry no id of the call: identical calls within a millisecond are one",
        ],
    }
}
