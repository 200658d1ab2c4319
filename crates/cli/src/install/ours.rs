//! What an install has written into a file: on the next one only that is changed, and taken out of what `--undo` brings back.

use std::collections::BTreeMap;

use countersign_hook::Client;
use serde::{Deserialize, Serialize};

use super::command::{named_like_us, split};

/// Kept with the record of a file. In a project anybody may have written it, so that it only ever points at entries of the form that we
/// write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ours {
    /// The hook's command line, by event.
    #[serde(default)]
    pub(super) hooks: BTreeMap<String, String>,
    /// What stands before a server's own command up to `--`, by the server's name.
    #[serde(default)]
    pub(super) servers: BTreeMap<String, Vec<String>>,
}

/// A server that we put behind the gateway.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrapped {
    /// Options that somebody added to the gateway's.
    pub(super) added: Vec<String>,
    /// The server's own command.
    pub(super) own: Vec<String>,
}

impl Ours {
    /// Which of an event's command lines are ours. One whose options somebody changed is, and any other stands there by itself.
    pub(super) fn hooks_among(&self, client: Client, event: &str, commands: &[Option<String>]) -> Vec<usize> {
        let Some((line, start)) = self.hooks.get(event).and_then(|line| Some((line, hook_start(line, client)?))) else {
            return Vec::new();
        };
        let lines = || commands.iter().enumerate().filter_map(|(at, command)| Some((at, command.as_deref()?)));
        let exact: Vec<usize> = lines().filter(|(_, command)| command == line).map(|(at, _)| at).collect();
        if !exact.is_empty() {
            return exact;
        }
        let changed = lines().find(|(_, command)| split(command).is_some_and(|words| words.starts_with(&start)));
        changed.map(|(at, _)| at).into_iter().collect()
    }

    /// Keeps what was written for an event.
    pub(super) fn wrote(&mut self, event: &str, command: Option<&str>) {
        match command {
            Some(command) => drop(self.hooks.insert(event.to_owned(), command.to_owned())),
            None => drop(self.hooks.remove(event)),
        }
    }

    /// The server's parts, where it starts as we wrote it.
    pub(super) fn wrapped(&self, name: &str, command: &str, arguments: &[String]) -> Option<Wrapped> {
        let written = self.servers.get(name)?;
        let (program, options) = written.split_first().filter(|(program, _)| named_like_us(program))?;
        let rest = arguments.strip_prefix(options).filter(|_| options.first().is_some_and(|word| word == "mcp"))?;
        let at = rest.iter().position(|word| word == "--").filter(|_| command == program)?;
        let (added, own) = rest.split_at(at);
        let own: Vec<String> = own.iter().skip(1).cloned().collect();
        (!own.is_empty()).then(|| Wrapped { added: added.to_vec(), own })
    }
}

/// A server's command line behind the gateway, which stays as it is where it stands there so already.
pub(super) fn gateway_line(
    gateway: &[String],
    wrapped: Option<&Wrapped>,
    command: &str,
    arguments: &[String],
) -> Vec<String> {
    let mut line = gateway.to_vec();
    line.extend(wrapped.iter().flat_map(|wrapped| wrapped.added.iter().cloned()));
    line.push("--".to_owned());
    match wrapped {
        Some(wrapped) => line.extend(wrapped.own.iter().cloned()),
        None => line.extend([&[command.to_owned()], arguments].concat()),
    }
    line
}

/// The words that a hook of ours starts with: program, `hook`, client, gate, and the first option after these. A line that means
/// something else to a shell has none.
fn hook_start(line: &str, client: Client) -> Option<Vec<String>> {
    let mut words = split(line)?;
    let [program, hook, of, ..] = words.as_slice() else { return None };
    (named_like_us(program) && hook == "hook" && of == client.as_str()).then_some(())?;
    let end = words.iter().position(|word| word == "--deadline")?;
    words.truncate(end + 1);
    Some(words)
}
