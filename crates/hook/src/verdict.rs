use countersign_evidence::json::{Object, Value};
use countersign_evidence::visible::visible_lines;

use crate::client::Client;
use crate::{claude, codex, copilot, cursor, gemini};

/// Longest reason that is told, in characters.
const MOST_REASON: usize = 2_000;

/// What the client shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Run the tool; with this input where a reviewer edited it.
    Allow {
        /// The input in place of the client's own.
        edited: Option<Value>,
    },
    /// Do not run it, and tell the model why.
    Deny(String),
    /// End the run here: it can be taken up again once people have decided.
    Defer(String),
    /// Nothing is to be decided; what is said goes to the log of the client.
    Pass(Option<String>),
}

/// What the process leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    /// The exit code.
    pub code: u8,
}

impl Answer {
    /// The one no that every client understands.
    pub fn no(reason: &str) -> Self {
        Answer { stdout: String::new(), stderr: format!("{}\n", told(reason)), code: 2 }
    }

    /// The verdict in the client's dialect.
    pub fn of(client: Client, event: &str, verdict: &Verdict) -> Self {
        let said = match verdict {
            // It does not tell the model what a failing hook said.
            Verdict::Deny(reason) if client == Client::Copilot => Some(copilot::deny(&told(reason))),
            Verdict::Deny(reason) => return Answer::no(reason),
            Verdict::Pass(said) => {
                let stderr = said.as_ref().map(|said| format!("{}\n", visible_lines(said))).unwrap_or_default();
                return Answer { stdout: passing(client), stderr, code: 0 };
            }
            Verdict::Allow { edited } => match client {
                Client::Claude => Some(claude::allow(event, edited.as_ref())),
                Client::Codex => Some(codex::allow(event, edited.as_ref())),
                Client::Copilot => Some(copilot::allow(edited.as_ref())),
                Client::Cursor => cursor::allow(event, edited.as_ref()).map(Some),
                Client::Gemini => Some(gemini::allow(event, edited.as_ref())),
            },
            Verdict::Defer(reason) => (client == Client::Claude).then(|| claude::defer(event, reason)),
        };
        match said {
            Some(said) => Answer { stdout: line(said), stderr: String::new(), code: 0 },
            None if matches!(verdict, Verdict::Defer(_)) => Answer::no("This client cannot defer a call."),
            None => Answer::no(
                "A reviewer approved this call with changes, and this event cannot pass them on. Nothing was executed.",
            ),
        }
    }
}

/// A reason as it is told. Without one some clients do not take a no for a no.
fn told(reason: &str) -> String {
    let text: String = visible_lines(reason).chars().take(MOST_REASON).collect();
    if text.trim().is_empty() { "This call was denied.".to_owned() } else { text }
}

/// Whether the event's answer can hold another input.
pub(crate) fn passes_edits(client: Client, event: &str) -> bool {
    client != Client::Cursor || cursor::allow(event, Some(&Value::Object(Object::new()))).is_some()
}

/// Cursor takes silence for a no where it was told to fail closed.
fn passing(client: Client) -> String {
    match client {
        Client::Cursor => line(cursor::allow("", None)),
        _ => String::new(),
    }
}

fn line(said: Option<Object>) -> String {
    said.map(|said| format!("{}\n", Value::Object(said).to_canonical())).unwrap_or_default()
}
