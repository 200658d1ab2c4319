//! What `install` and `doctor` know of the clients' configuration: where it lies, what is written into it, and what stands there.

mod command;
mod file;
mod found;
mod json;
mod shape;
#[cfg(test)]
mod tests;
mod toml;

use std::path::{Path, PathBuf};

use countersign_hook::Client;

pub(crate) use command::{Words, gate_words, own_words, text};
pub(crate) use file::{Change, Installed, missing};
pub(crate) use found::{Found, look};
pub(crate) use shape::{deciding, fail_closed, recording};

use crate::error::Failure;

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
    let mut behind = Vec::new();
    let mut changes = Vec::new();
    // Servers first: the hook is told which ones run behind the gateway.
    for (path, servers) in [(&place.servers, true), (&place.hooks, false)] {
        let at = changes.iter().position(|change: &Change| change.path == *path);
        let change = match at {
            Some(at) => changes.swap_remove(at),
            None => Change::read(path)?,
        };
        let bad = |why: String| Failure::Usage(format!("{}: {why}; nothing was changed", path.display()));
        let text = change.after.clone();
        let toml = place.client == Client::Codex;
        let (after, names) = match (toml, servers) {
            // A file that is not there has no servers.
            (_, true) if change.before.is_none() => (text, Vec::new()),
            (true, true) => toml::wrap_servers(&text, words).map_err(bad)?,
            (true, false) => (toml::put_hooks(&text, words, &behind).map_err(bad)?, Vec::new()),
            (false, true) => json::wrap_servers(&text, place.client, words).map_err(bad)?,
            (false, false) => (json::put_hooks(&text, place.client, words, &behind).map_err(bad)?, Vec::new()),
        };
        behind.extend(names);
        changes.push(Change { after, ..change });
    }
    for change in &mut changes {
        let bad = |why: String| Failure::Usage(format!("{}: {why}; nothing was changed", change.path.display()));
        if let Some(before) = &change.before {
            let without = match place.client {
                Client::Codex => toml::strip(before),
                client => json::strip(before, client),
            };
            change.without = Some(without.map_err(bad)?);
        }
    }
    changes.retain(|change| change.before.is_some() || !change.after.is_empty());
    Ok(changes)
}
