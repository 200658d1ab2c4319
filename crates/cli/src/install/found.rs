//! What stands in a client's configuration.

use std::collections::BTreeMap;

use countersign_hook::Client;
use serde_json::Value;

use super::command::{behind_gateway, is_hook};
use super::{Change, Place, json, shape};
use crate::error::Failure;

/// A client's configuration, as far as it concerns us.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Our hooks, by event.
    pub(crate) hooks: BTreeMap<String, Hook>,
    /// MCP servers, by name.
    pub(crate) servers: Vec<Server>,
    /// What switches hooks off, or narrows them.
    pub(crate) off: Vec<String>,
}

/// One hook of ours.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    /// Its command line, for a shell.
    pub(crate) command: String,
    /// Seconds that the client waits for it.
    pub(crate) timeout_s: Option<u64>,
    /// Whether the client takes its failure for a no.
    pub(crate) fails_closed: bool,
}

/// An MCP server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Its name.
    pub(crate) name: String,
    /// Whether it runs behind the gateway.
    pub(crate) behind_gate: bool,
    /// Whether a command starts it; others are reached by a URL.
    pub(crate) command: bool,
}

/// Reads a client's configuration. A file that is not there says nothing.
///
/// # Errors
/// [`Failure`] where one cannot be read or understood.
pub(crate) fn look(place: &Place) -> Result<Found, Failure> {
    let mut found = Found::default();
    for path in place.files() {
        let change = Change::read(path)?;
        let Some(text) = change.before else { continue };
        let bad = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let value = match place.client {
            Client::Codex => {
                serde_json::to_value(::toml::from_str::<::toml::Table>(&text).map_err(|e| bad(e.to_string()))?)
                    .map_err(|e| bad(e.to_string()))?
            }
            _ => json::parse(&text).map_err(bad)?.0.to_serde_value().unwrap_or_default(),
        };
        read(place.client, &value, &mut found);
    }
    Ok(found)
}

fn read(client: Client, value: &Value, found: &mut Found) {
    for event in shape::deciding(client).iter().chain(shape::recording(client)) {
        let groups = value.get("hooks").and_then(|hooks| hooks.get(event)).and_then(Value::as_array);
        for group in groups.into_iter().flatten() {
            let alone = std::slice::from_ref(group);
            let hooks = group.get("hooks").and_then(Value::as_array).map_or(alone, Vec::as_slice);
            for hook in hooks {
                let Some(command) = hook.get(shape::command_member(client)).and_then(Value::as_str) else { continue };
                if is_hook(command, client) {
                    let matcher = group.get("matcher").and_then(Value::as_str).unwrap_or_default();
                    if !["", "*", ".*"].contains(&matcher) {
                        found.off.push(format!("{event} comes only for tools that match {matcher:?}"));
                    }
                    found.hooks.insert((*event).to_owned(), hook_of(client, command, hook));
                }
            }
        }
    }
    found.servers.extend(servers_of(value, ""));
    // Claude Code keeps servers of single projects beside the user's own.
    for (path, project) in value.get("projects").and_then(Value::as_object).into_iter().flatten() {
        found.servers.extend(servers_of(project, &format!(" (of the project {path})")));
    }
    let off = [
        ("disableAllHooks", value.get("disableAllHooks") == Some(&Value::Bool(true))),
        ("features.hooks = false", value.get("features").and_then(|one| one.get("hooks")) == Some(&Value::Bool(false))),
        (
            "hooksConfig.enabled = false",
            value.get("hooksConfig").and_then(|one| one.get("enabled")) == Some(&Value::Bool(false)),
        ),
    ];
    found.off.extend(off.into_iter().filter(|(_, off)| *off).map(|(name, _)| name.to_owned()));
}

fn servers_of(value: &Value, whose: &str) -> Vec<Server> {
    let servers = value.get("mcpServers").or_else(|| value.get("mcp_servers")).and_then(Value::as_object);
    let server = |(name, server): (&String, &Value)| {
        let command = server.get("command").and_then(Value::as_str);
        let words = server.get("args").and_then(Value::as_array).into_iter().flatten();
        let words: Vec<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
        let behind_gate = command.is_some_and(|command| behind_gateway(command, &words).is_some());
        Server { name: format!("{name}{whose}"), behind_gate, command: command.is_some() }
    };
    servers.into_iter().flatten().map(server).collect()
}

fn hook_of(client: Client, command: &str, hook: &Value) -> Hook {
    let (timeout, units) = shape::timeout_member(client);
    let fails_closed = shape::fail_closed(client).is_some_and(|(name, wanted)| match hook.get(name) {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Bool(on)) => on.to_string() == wanted,
        _ => false,
    });
    Hook {
        command: command.to_owned(),
        timeout_s: hook.get(timeout).and_then(Value::as_u64).map(|timeout| timeout / units),
        fails_closed,
    }
}
