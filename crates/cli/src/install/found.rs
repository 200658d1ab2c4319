//! What stands in a client's configuration.

use std::collections::BTreeMap;

use countersign_hook::Client;
use serde_json::Value;

use super::command::{behind_gateway, has_gateway_form, mentions_hook, own_words, unfit};
use super::{Change, Place, json, shape};
use crate::error::Failure;

/// A client's configuration, as far as it concerns us.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Hooks that are this program for this gate, by event.
    pub(crate) hooks: BTreeMap<String, Hook>,
    /// Events that have several of these.
    pub(crate) twice: Vec<String>,
    /// Events, and command lines that call a hook of ours otherwise: whoever wrote them, they are not run.
    pub(crate) foreign: Vec<(String, String)>,
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
    /// What stands before it.
    pub(crate) stands: Stands,
}

/// What stands before an MCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stands {
    /// This program, for this gate, under the name that its command line says.
    Behind(Option<String>),
    /// What has the form of a gateway, and is another program or for another gate.
    BehindAnother,
    /// Nothing: a command starts it.
    Bare,
    /// Nothing: it is reached by a URL.
    Remote,
}

impl Server {
    /// Whether hook and gateway speak of it by the same name, one that names no other server in `--behind-gate`.
    pub(super) fn is_known_by_its_name(&self) -> bool {
        matches!(&self.stands, Stands::Behind(Some(name)) if *name == self.name) && unfit(&self.name).is_none()
    }
}

/// Reads a client's configuration. A file that is not there says nothing. `gate` are the options that name the gate.
///
/// # Errors
/// [`Failure`] where one cannot be read or understood.
pub(crate) fn look(place: &Place, gate: &[String]) -> Result<Found, Failure> {
    let mut found = Found::default();
    for path in place.files() {
        let change = Change::read(path)?;
        let Some(text) = change.before else { continue };
        let value =
            value_of(place.client, &text).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))?;
        read(place.client, &value, gate, &mut found);
    }
    Ok(found)
}

/// The MCP servers in a text, but those of single projects.
pub(super) fn servers(client: Client, text: &str, gate: &[String]) -> Result<Vec<Server>, String> {
    Ok(servers_of(&value_of(client, text)?, "", gate))
}

/// The command lines in a text that call a hook of ours somehow.
pub(super) fn hooks(client: Client, text: &str) -> Result<Vec<String>, String> {
    let value = value_of(client, text)?;
    Ok(hooks_of(client, &value).into_iter().map(|(_, _, command, _)| command.to_owned()).collect())
}

fn value_of(client: Client, text: &str) -> Result<Value, String> {
    match client {
        Client::Codex => {
            let table = ::toml::from_str::<::toml::Table>(text).map_err(|error| error.to_string())?;
            serde_json::to_value(table).map_err(|error| error.to_string())
        }
        _ => Ok(json::parse(text)?.0.to_serde_value().unwrap_or_default()),
    }
}

/// Every event, group, command line and hook that calls a hook of ours somehow.
fn hooks_of(client: Client, value: &Value) -> Vec<(&'static str, &Value, &str, &Value)> {
    let mut all = Vec::new();
    for event in shape::deciding(client).iter().chain(shape::recording(client)) {
        let groups = value.get("hooks").and_then(|hooks| hooks.get(event)).and_then(Value::as_array);
        for group in groups.into_iter().flatten() {
            let alone = std::slice::from_ref(group);
            let hooks = group.get("hooks").and_then(Value::as_array).map_or(alone, Vec::as_slice);
            for hook in hooks {
                let command = hook.get(shape::command_member(client)).and_then(Value::as_str);
                let command = command.filter(|command| mentions_hook(command, client));
                all.extend(command.map(|command| (*event, group, command, hook)));
            }
        }
    }
    all
}

fn read(client: Client, value: &Value, gate: &[String], found: &mut Found) {
    for (event, group, command, hook) in hooks_of(client, value) {
        if own_words(command, client, gate).is_none() {
            found.foreign.push((event.to_owned(), command.to_owned()));
            continue;
        }
        let matcher = group.get("matcher").and_then(Value::as_str).unwrap_or_default();
        if !["", "*", ".*"].contains(&matcher) {
            found.off.push(format!("{event} comes only for tools that match {matcher:?}"));
        }
        if found.hooks.insert(event.to_owned(), hook_of(client, command, hook)).is_some() {
            found.twice.push(event.to_owned());
        }
    }
    found.servers.extend(servers_of(value, "", gate));
    // Claude Code keeps servers of single projects beside the user's own.
    for (path, project) in value.get("projects").and_then(Value::as_object).into_iter().flatten() {
        found.servers.extend(servers_of(project, &format!(" (of the project {path})"), gate));
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

fn servers_of(value: &Value, whose: &str, gate: &[String]) -> Vec<Server> {
    let servers = value.get("mcpServers").or_else(|| value.get("mcp_servers")).and_then(Value::as_object);
    let server = |(name, server): (&String, &Value)| {
        let command = server.get("command").and_then(Value::as_str);
        let words = server.get("args").and_then(Value::as_array).into_iter().flatten();
        let words: Vec<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
        let stands = match (behind_gateway(server, gate), command) {
            (Some(named), _) => Stands::Behind(named),
            (None, Some(command)) if has_gateway_form(command, &words) => Stands::BehindAnother,
            (None, Some(_)) => Stands::Bare,
            (None, None) => Stands::Remote,
        };
        Server { name: format!("{name}{whose}"), stands }
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
