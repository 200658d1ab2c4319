//! The command lines that are written into a client's configuration, and how they are known again.

use std::path::PathBuf;

use countersign_hook::Client;

use super::{HOLD_S, HOOK_DEADLINE_S};
use crate::error::Failure;
use crate::global::Global;

/// What the command lines are made of.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    /// The path of this program.
    pub(crate) program: String,
    /// The options that name the gate.
    pub(crate) gate: Vec<String>,
}

impl Words {
    /// The hook's command line, for a shell.
    pub(crate) fn hook(&self, client: Client, behind_gate: &[String]) -> String {
        let mut words = vec![self.program.clone(), "hook".to_owned(), client.to_string()];
        words.extend(self.gate.iter().cloned());
        words.extend(["--deadline".to_owned(), HOOK_DEADLINE_S.to_string()]);
        if !behind_gate.is_empty() {
            words.extend(["--behind-gate".to_owned(), behind_gate.join(",")]);
        }
        if client == Client::Cursor {
            words.push("--mcp-before-execution".to_owned());
        }
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    /// The arguments that put the gateway before a server's own command.
    pub(crate) fn gateway(&self, client: Client, server: &str, command: &str, arguments: &[String]) -> Vec<String> {
        let mut words = vec!["mcp".to_owned()];
        words.extend(self.gate.iter().cloned());
        words.extend(["--server".to_owned(), server.to_owned()]);
        if client != Client::Cursor {
            words.extend(["--hold".to_owned(), HOLD_S.to_string()]);
        }
        words.extend(["--".to_owned(), command.to_owned()]);
        words.extend(arguments.iter().cloned());
        words
    }
}

/// The options that name the gate of this command, by absolute paths: clients run command lines anywhere.
///
/// # Errors
/// [`Failure::Usage`] where a path is no text.
pub(crate) fn gate_words(global: &Global) -> Result<Vec<String>, Failure> {
    let mut gate = match &global.url {
        Some(url) => vec!["--url".to_owned(), url.clone()],
        None => vec!["--data".to_owned(), text(global.data()?)?],
    };
    if let Some(file) = &global.key_file {
        gate.extend(["--key-file".to_owned(), text(file.clone())?]);
    }
    Ok(gate)
}

/// An absolute path, as text.
///
/// # Errors
/// [`Failure::Usage`] where it is none.
pub(crate) fn text(path: PathBuf) -> Result<String, Failure> {
    let path = std::path::absolute(&path).unwrap_or(path);
    let text = path.into_os_string().into_string();
    text.map_err(|path| Failure::Usage(format!("{path:?} is no text that a configuration takes")))
}

/// Whether a command line is a hook of ours.
pub(crate) fn is_hook(command: &str, client: Client) -> bool {
    command.contains("countersign") && format!("{command} ").contains(&format!(" hook {client} "))
}

/// The server's own command behind a gateway of ours, and the name that it has there.
pub(crate) fn behind_gateway(command: &str, arguments: &[String]) -> Option<(Option<String>, Vec<String>)> {
    let ours = command.rsplit('/').next().is_some_and(|name| name.starts_with("countersign"));
    let own = arguments
        .iter()
        .position(|word| word == "--")
        .filter(|_| ours && arguments.first().is_some_and(|word| word == "mcp"))?;
    let (options, rest) = arguments.split_at(own);
    let named = options.iter().position(|word| word == "--server").and_then(|at| options.get(at + 1)).cloned();
    let own: Vec<String> = rest.iter().skip(1).cloned().collect();
    (!own.is_empty()).then_some((named, own))
}

/// Why a server cannot run behind the gateway under its name.
pub(crate) fn unfit(name: &str) -> Option<&'static str> {
    match name {
        name if !countersign_evidence::id::is_identifier(name) || name.contains(['/', ',']) => {
            Some("its name has spaces, '/', ',' or other characters that names in policies cannot have")
        }
        name if name.contains("__") => Some("its name has '__' in it, which clients put between server and tool"),
        _ => None,
    }
}

/// The words of a command line that means the same without a shell: as [`Words::hook`] writes it. `None` for any other.
pub(crate) fn split(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = command.trim();
    while !rest.is_empty() {
        let mut word = String::new();
        while let Some(next) = rest.chars().next().filter(|next| *next != ' ') {
            if let Some(quoted) = rest.strip_prefix('\'') {
                let (inner, after) = quoted.split_once('\'')?;
                word.push_str(inner);
                rest = after;
            } else if let Some(after) = rest.strip_prefix(r"\'") {
                word.push('\'');
                rest = after;
            } else if is_plain(next) {
                word.push(next);
                rest = rest.get(next.len_utf8()..)?;
            } else {
                return None;
            }
        }
        words.push(word);
        rest = rest.trim_start_matches(' ');
    }
    Some(words)
}

/// The words of a hook's command line, where the program that it runs is this very one, for this client and this gate: another one's
/// address, key or data folder would be used as whoever wrote the line wants.
pub(crate) fn own_words(command: &str, client: Client, gate: &[String]) -> Option<Vec<String>> {
    let mut words = split(command)?;
    let own = std::env::current_exe().ok()?;
    let program = words.first_mut()?;
    // Without a folder it would be looked for elsewhere than here.
    let named = std::path::Path::new(program.as_str()).canonicalize().ok().filter(|_| program.contains('/'))?;
    (named == own.canonicalize().ok()?).then_some(())?;
    // What is run is this program, whatever lies there by then.
    *program = own.into_os_string().into_string().ok()?;
    let (_, options) =
        words.split_first_chunk::<3>().filter(|(start, _)| start[1] == "hook" && start[2] == client.as_str())?;
    (gate_of(options) == gate).then_some(words)
}

/// The options that name the gate: `--option=value` is none that [`Words::hook`] writes, and so never equal to one.
fn gate_of(options: &[String]) -> Vec<String> {
    let names =
        |word: &String| ["--url", "--data", "--key-file", "--config"].iter().any(|option| word.starts_with(option));
    let starts = options.iter().enumerate().filter(|(_, word)| names(word));
    starts.flat_map(|(at, _)| options.iter().skip(at).take(2).cloned()).collect()
}

/// What needs no quotes in a POSIX shell.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c)
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
