//! What `install` and `doctor` know of the clients' configuration: where it lies, what is written into it, and what stands there.

mod command;
mod file;
mod found;
mod json;
mod ours;
mod shape;
#[cfg(test)]
mod tests;
mod toml;
#[cfg(test)]
mod whose_tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use countersign_hook::Client;

pub(crate) use command::{Words, gate_words, own_words, rooted, text};
pub(crate) use file::{Change, Installed, missing};
pub(crate) use found::{Found, Stands, look};
pub(crate) use shape::{deciding, fail_closed, recording};

use crate::error::Failure;
use ours::Ours;

/// Seconds that a client waits for a hook. Below it the hook answers.
pub(crate) const HOOK_TIMEOUT_S: u64 = 600;
/// Seconds after which a hook answers by itself.
pub(crate) const HOOK_DEADLINE_S: u64 = 570;
/// Seconds that a client waits for an MCP tool.
pub(crate) const TOOL_TIMEOUT_S: u64 = 900;
/// Seconds that the MCP gateway holds a call: below what the client waits, by what the tool itself may take.
pub(crate) const HOLD_S: u64 = 540;

/// The files of a client.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Whose.
    pub(crate) client: Client,
    /// The client's folder; what `install` keeps for `--undo` lies there.
    pub(crate) folder: PathBuf,
    /// Where hooks are configured.
    pub(crate) hooks: PathBuf,
    /// Where MCP servers are configured.
    pub(crate) servers: PathBuf,
    /// The project, or the folder that was named: others may have written there, so nothing outside of it is touched.
    pub(crate) within: Option<PathBuf>,
}

impl Place {
    /// The user's files, those of the project in `project`, or those in the folder that the client was told to use.
    ///
    /// # Errors
    /// [`Failure::Usage`] where there is no home folder.
    pub(crate) fn find(client: Client, named: Option<&Path>, project: Option<&Path>) -> Result<Self, Failure> {
        let folder_name = match client {
            Client::Claude => ".claude",
            Client::Codex => ".codex",
            Client::Copilot if project.is_some() => ".github",
            Client::Copilot => ".copilot",
            Client::Cursor => ".cursor",
            Client::Gemini => ".gemini",
        };
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let named = named.map(rooted);
        let named = named.as_deref();
        let folder = match (named, project, &home) {
            (Some(folder), _, _) => folder.to_owned(),
            (None, Some(project), _) => project.join(folder_name),
            (None, None, Some(home)) => own_variable(client).unwrap_or_else(|| home.join(folder_name)),
            (None, None, None) => return Err(Failure::Usage("there is no home folder: name --config-dir".to_owned())),
        };
        let in_folder = |name: &str| folder.join(name);
        let (hooks, servers) = match client {
            Client::Claude => {
                let servers = match (named, project, own_variable(client), home) {
                    (None, Some(project), _, _) => project.join(".mcp.json"),
                    (None, None, None, Some(home)) => home.join(".claude.json"),
                    _ => in_folder(".claude.json"),
                };
                (in_folder("settings.json"), servers)
            }
            Client::Codex => (in_folder("config.toml"), in_folder("config.toml")),
            Client::Copilot => (in_folder("hooks").join("countersign.json"), in_folder("mcp-config.json")),
            Client::Cursor => (in_folder("hooks.json"), in_folder("mcp.json")),
            Client::Gemini => (in_folder("settings.json"), in_folder("settings.json")),
        };
        let within = named.or(project).map(Path::to_owned);
        Ok(Place { client, folder, hooks, servers, within })
    }

    /// Refuses files of a project, or of a folder that was named, that are links or lie elsewhere: links are whoever's who wrote it.
    ///
    /// # Errors
    /// [`Failure::No`], and [`Failure::File`] where a folder cannot be read.
    pub(crate) fn must_be_inside(&self) -> Result<(), Failure> {
        let Some(within) = self.within.as_ref().filter(|within| within.symlink_metadata().is_ok()) else {
            return Ok(());
        };
        let root = within.canonicalize().map_err(Failure::file(within))?;
        self.files().into_iter().try_for_each(|path| file::no_link(path).map(drop))?;
        for path in self.files().into_iter().chain([self.folder.as_path()]) {
            // What is not there yet lies where the nearest folder above it does.
            let there = path.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(path);
            let real = there.canonicalize().map_err(Failure::file(there))?;
            if !real.starts_with(&root) {
                return Err(Failure::No(format!(
                    "{} leads out of {}, to {}: nothing was touched",
                    path.display(),
                    root.display(),
                    real.display()
                )));
            }
        }
        Ok(())
    }

    /// Each file once.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let mut files = vec![self.hooks.as_path()];
        if self.servers != self.hooks {
            files.push(&self.servers);
        }
        files
    }
}

/// The folder that the client itself is told by its environment.
fn own_variable(client: Client) -> Option<PathBuf> {
    let name = match client {
        Client::Claude => "CLAUDE_CONFIG_DIR",
        Client::Codex => "CODEX_HOME",
        _ => return None,
    };
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// What `install` writes: the new text of each file, and what it was without us.
///
/// # Errors
/// [`Failure`] where a file cannot be read or understood; nothing was written then.
pub(crate) fn plan(place: &Place, words: &Words) -> Result<Vec<Change>, Failure> {
    let installed = Installed::read(&place.folder)?;
    let mut changes = Vec::new();
    // Servers first, also when it is written: where the hook steps back the gateway stands.
    for path in place.files().into_iter().rev() {
        let mut change = Change::read(path)?;
        let known = installed.as_ref().and_then(|installed| installed.ours(path));
        change.ours = known.cloned().unwrap_or_default();
        // What the user had, whatever it is, comes back as it was: only what an install wrote is taken out of it.
        change.without = match (&change.before, known) {
            (Some(before), Some(known)) => Some(without(place.client, before, known).map_err(bad(path))?),
            (before, _) => before.clone(),
        };
        changes.push(change);
    }
    let mut behind = Vec::new();
    // The hook is told which ones run behind the gateway. A file that is not there has no servers.
    for change in changes.iter_mut().filter(|change| change.path == place.servers && change.before.is_some()) {
        let wrapped = match place.client {
            Client::Codex => toml::wrap_servers(&change.after, words, &mut change.ours),
            client => json::wrap_servers(&change.after, client, words, &mut change.ours),
        };
        change.after = wrapped.map_err(bad(&place.servers))?;
        let servers = found::servers(place.client, &change.after, &words.gate).map_err(bad(&place.servers))?;
        behind.extend(servers.iter().filter(|server| server.is_known_by_its_name()).map(|server| server.name.clone()));
        let foreign = servers.iter().filter(|server| matches!(server.stands, Stands::BehindAnother));
        change.notes.extend(foreign.map(|server| {
            format!(
                "MCP server {}: not this program for this gate, so that the hook decides its calls too",
                server.name
            )
        }));
    }
    let command = words.hook(place.client, &behind);
    for change in changes.iter_mut().filter(|change| change.path == place.hooks) {
        let put = match place.client {
            Client::Codex => toml::put_hooks(&change.after, &command, &mut change.ours),
            client => json::put_hooks(&change.after, client, &command, &mut change.ours),
        };
        change.after = put.map_err(bad(&place.hooks))?;
        let hooks = found::hooks(place.client, &change.after).map_err(bad(&place.hooks))?;
        let others: BTreeSet<&String> = hooks.iter().filter(|line| **line != command).collect();
        change.notes.extend(others.into_iter().map(|line| {
            format!(
                "another hook stays beside this one, and only one of them can let a call through: take one out: {line}"
            )
        }));
    }
    changes.retain(|change| change.before.is_some() || !change.after.is_empty());
    Ok(changes)
}

/// A file's text without what an earlier install wrote.
fn without(client: Client, text: &str, ours: &Ours) -> Result<String, String> {
    match client {
        Client::Codex => toml::strip(text, ours),
        client => json::strip(text, client, ours),
    }
}

fn bad(path: &Path) -> impl Fn(String) -> Failure {
    move |why| Failure::Usage(format!("{}: {why}; nothing was changed", path.display()))
}
