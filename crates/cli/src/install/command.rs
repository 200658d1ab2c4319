//! The command lines that are written into a client's configuration, and how they are known again.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use countersign_hook::Client;
use serde_json::Value;

use super::{HOLD_S, HOOK_DEADLINE_S};
use crate::connect::default_data;
use crate::error::Failure;
use crate::global::Global;

/// Members of a server's entry that are read here, or that say nothing of what is started.
const HARMLESS: [&str; 26] = [
    "alwaysAllow",
    "args",
    "autoApprove",
    "command",
    "cwd",
    "default_tools_approval_mode",
    "description",
    "disabled",
    "disabled_tools",
    "enabled",
    "enabled_tools",
    "env",
    "env_vars",
    "excludeTools",
    "includeTools",
    "name",
    "required",
    "startup_timeout_ms",
    "startup_timeout_sec",
    "supports_parallel_tool_calls",
    "timeout",
    "tool_timeout_sec",
    "tools",
    "trust",
    "type",
    "version",
];

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

    /// The words that put the gateway before a server's own command, up to `--`.
    pub(crate) fn gateway(&self, client: Client, server: &str) -> Vec<String> {
        let mut words = vec![self.program.clone(), "mcp".to_owned()];
        words.extend(self.gate.iter().cloned());
        words.extend(["--server".to_owned(), server.to_owned()]);
        if client != Client::Cursor {
            words.extend(["--hold".to_owned(), HOLD_S.to_string()]);
        }
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
    let path = rooted(&path);
    let text = path.into_os_string().into_string();
    text.map_err(|path| Failure::Usage(format!("{path:?} is no text that a configuration takes")))
}

/// The path from the root on, without `..`: from wherever it was written, it is the same one.
pub(crate) fn rooted(path: &Path) -> PathBuf {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    let real = if climbs { path.canonicalize().ok() } else { None };
    real.or_else(|| std::path::absolute(path).ok()).unwrap_or_else(|| path.to_owned())
}

/// Whether a command line calls a hook of ours somehow: whose it is, and whether it may be run, [`own_words`] tells.
pub(crate) fn mentions_hook(command: &str, client: Client) -> bool {
    command.contains("countersign") && format!("{command} ").contains(&format!(" hook {client} "))
}

/// Whether a server's command line has the form of a gateway, whoever's program it is: it is not put behind another one.
pub(crate) fn has_gateway_form(command: &str, arguments: &[String]) -> bool {
    let own = arguments.iter().skip_while(|word| *word != "--").nth(1);
    named_like_us(command) && arguments.first().is_some_and(|word| word == "mcp") && own.is_some()
}

/// The name under which a server is known at this gate, where this very program stands before it: `Some(None)` where the command line
/// names none. What is believed here the hook leaves to the gateway, so that all of the entry counts that decides what is started.
pub(crate) fn behind_gateway(server: &Value, gate: &[String]) -> Option<Option<String>> {
    let command = server.get("command")?.as_str()?;
    let words = server.get("args")?.as_array()?.iter().map(|word| word.as_str().map(str::to_owned));
    let arguments = words.collect::<Option<Vec<String>>>()?;
    // What else an entry says may decide what is started, by whichever client's rules (a URL, a file of variables).
    let started = server.get("type").is_none_or(|kind| kind == "stdio" || kind == "local")
        && server.as_object()?.keys().all(|member| HARMLESS.contains(&member.as_str()));
    let env = server.get("env").and_then(Value::as_object).into_iter().flatten();
    let misled = env.map(|(name, _)| name.as_str()).any(|name| misleads(name, command));
    if misled || !started || !has_gateway_form(command, &arguments) || !starts_this_program(command) {
        return None;
    }
    let options: Vec<String> = arguments.into_iter().take_while(|word| word != "--").collect();
    let named = options.iter().position(|word| word == "--server").and_then(|at| options.get(at + 1)).cloned();
    let named_gate = gate_of(&options);
    // As people write it by hand: no option, for the folder that is everybody's default.
    let is_default = named_gate.is_empty() && is_default(gate);
    (is_default || named_gate == gate).then_some(named)
}

/// Whether these options name the gate of the default data folder.
fn is_default(gate: &[String]) -> bool {
    let folder = default_data().and_then(|folder| text(folder).ok());
    folder.is_some_and(|folder| gate == ["--data".to_owned(), folder])
}

/// Whether a variable makes another program, or another gate, of the same command line.
fn misleads(name: &str, command: &str) -> bool {
    let of_the_loader = name.starts_with("LD_") || name.starts_with("DYLD_");
    // A key opens the gate that is named, and no other.
    let of_the_gate = name.starts_with("COUNTERSIGN_") && name != "COUNTERSIGN_KEY";
    of_the_loader || of_the_gate || (name == "PATH" && !command.contains('/'))
}

/// Whether a program may be ours by its name: enough to leave it alone, not to believe it.
pub(super) fn named_like_us(program: &str) -> bool {
    program.rsplit('/').next().is_some_and(|name| name.starts_with("countersign")) || starts_this_program(program)
}

/// Whether a program is this very one, wherever it is started.
fn starts_this_program(program: &str) -> bool {
    match program.contains('/') {
        true => Path::new(program).is_absolute() && is_this_program(Path::new(program)),
        false => {
            std::env::var_os("PATH").and_then(|path| in_path(program, &path)).is_some_and(|it| is_this_program(&it))
        }
    }
}

/// Where a program without a folder is found. Past a folder that depends on the working one nothing is known.
pub(super) fn in_path(program: &str, path: &OsStr) -> Option<PathBuf> {
    let folders = std::env::split_paths(path).take_while(|folder| folder.is_absolute());
    let runs = |file: &PathBuf| file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    folders.map(|folder| folder.join(program)).find(runs)
}

fn is_this_program(path: &Path) -> bool {
    let own = std::env::current_exe().and_then(|own| own.canonicalize()).ok();
    own.is_some() && path.canonicalize().ok() == own
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
    let program = words.first_mut()?;
    // Without a folder it would be looked for elsewhere than here.
    (program.contains('/') && is_this_program(Path::new(program.as_str()))).then_some(())?;
    // What is run is this program, whatever lies there by then.
    *program = std::env::current_exe().ok()?.into_os_string().into_string().ok()?;
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
