//! Codex's `config.toml`: what is not ours stays as it is, byte for byte.

use countersign_hook::Client;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::command::{Words, has_gateway_form, unfit};
use super::ours::{Ours, gateway_line};
use super::{HOOK_TIMEOUT_S, TOOL_TIMEOUT_S, shape};

const CLIENT: Client = Client::Codex;

/// The text with our hooks in it, once for each event. `ours` tells what an earlier install wrote, and then what this one does.
pub(super) fn put_hooks(text: &str, command: &str, ours: &mut Ours) -> Result<String, String> {
    let mut document = parse(text)?;
    let hooks = document.entry("hooks").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let hooks = hooks.as_table_mut().ok_or("\"hooks\" is no table: write it as [hooks], or move it to hooks.json")?;
    for event in shape::deciding(CLIENT).iter().chain(shape::recording(CLIENT)) {
        let list = hooks.entry(event).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let list = list.as_array_of_tables_mut();
        let list =
            list.ok_or_else(|| format!("\"hooks.{event}\" is no array of tables: write it as [[hooks.{event}]]"))?;
        let mut known = ours_among(list, event, ours);
        let alike = list.iter().position(|group| command_of(group) == Some(command));
        // What somebody else wrote to the same letter is there, and not ours to take away.
        let theirs = alike.is_some_and(|at| !known.contains(&at));
        known.retain(|at| alike != Some(*at));
        remove(list, &known);
        ours.wrote(event, (!theirs).then_some(command));
        if alike.is_some() {
            continue;
        }
        let mut hook = Table::new();
        hook.insert("type", value("command"));
        hook.insert("command", value(command));
        hook.insert("timeout", value(i64::try_from(HOOK_TIMEOUT_S).unwrap_or(i64::MAX)));
        let mut inner = ArrayOfTables::new();
        inner.push(hook);
        let mut group = Table::new();
        group.insert("hooks", Item::ArrayOfTables(inner));
        list.push(group);
    }
    Ok(document.to_string())
}

/// The text with every server that a command starts behind the gateway. `ours` tells what an earlier install wrote, and then what this
/// one does.
pub(super) fn wrap_servers(text: &str, words: &Words, ours: &mut Ours) -> Result<String, String> {
    let mut document = parse(text)?;
    let known = Ours { servers: std::mem::take(&mut ours.servers), ..Ours::default() };
    let Some(servers) = document.get_mut("mcp_servers").and_then(Item::as_table_like_mut) else {
        return Ok(text.to_owned());
    };
    for (name, server) in servers.iter_mut() {
        let (name, Some(server)) = (name.get().to_owned(), server.as_table_like_mut()) else { continue };
        let Some(command) = server.get("command").and_then(Item::as_str).map(str::to_owned) else { continue };
        let arguments = words_of(server.get("args"));
        let wrapped = known.wrapped(&name, &command, &arguments);
        if unfit(&name).is_some() || (wrapped.is_none() && has_gateway_form(&command, &arguments)) {
            continue;
        }
        let gateway = words.gateway(CLIENT, &name);
        let line = gateway_line(&gateway, wrapped.as_ref(), &command, &arguments);
        if let Some((program, rest)) =
            line.split_first().filter(|(program, rest)| (*program, *rest) != (&command, &arguments))
        {
            server.insert("command", value(program));
            server.insert("args", value(rest.iter().collect::<Array>()));
        }
        let timeout = i64::try_from(TOOL_TIMEOUT_S).unwrap_or(i64::MAX);
        let now = server.get("tool_timeout_sec").and_then(Item::as_integer);
        if wrapped.is_none() && now.is_none_or(|now| now < timeout) {
            server.insert("tool_timeout_sec", value(timeout));
        }
        ours.servers.insert(name, gateway);
    }
    Ok(document.to_string())
}

/// The text without what an earlier install wrote.
pub(super) fn strip(text: &str, ours: &Ours) -> Result<String, String> {
    let mut document = parse(text)?;
    let mut found = false;
    if let Some(hooks) = document.get_mut("hooks").and_then(Item::as_table_mut) {
        for event in shape::deciding(CLIENT).iter().chain(shape::recording(CLIENT)) {
            let Some(list) = hooks.get_mut(event).and_then(Item::as_array_of_tables_mut) else { continue };
            let known = ours_among(list, event, ours);
            found |= !known.is_empty();
            remove(list, &known);
            if list.is_empty() {
                hooks.remove(event);
            }
        }
        if found && hooks.is_empty() {
            document.remove("hooks");
        }
    }
    if let Some(servers) = document.get_mut("mcp_servers").and_then(Item::as_table_like_mut) {
        for (name, server) in servers.iter_mut() {
            let Some(server) = server.as_table_like_mut() else { continue };
            let Some(command) = server.get("command").and_then(Item::as_str).map(str::to_owned) else { continue };
            let wrapped = ours.wrapped(name.get(), &command, &words_of(server.get("args")));
            let Some(wrapped) = wrapped else { continue };
            if server.get("tool_timeout_sec").and_then(Item::as_integer) == i64::try_from(TOOL_TIMEOUT_S).ok() {
                server.remove("tool_timeout_sec");
            }
            let mut own = wrapped.own.into_iter();
            server.insert("command", value(own.next().unwrap_or_default()));
            server.insert("args", value(own.collect::<Array>()));
            found = true;
        }
    }
    Ok(if found { document.to_string() } else { text.to_owned() })
}

pub(super) fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error: toml_edit::TomlError| format!("it does not read: {error}"))
}

pub(super) fn words_of(list: Option<&Item>) -> Vec<String> {
    let list = list.and_then(Item::as_array);
    list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The command of a group that has exactly one hook.
pub(super) fn command_of(group: &Table) -> Option<&str> {
    let hooks = group.get("hooks")?.as_array_of_tables()?;
    let only = hooks.get(0).filter(|_| hooks.len() == 1)?;
    only.get("command")?.as_str()
}

/// Groups that are our hook and nothing else.
fn ours_among(list: &ArrayOfTables, event: &str, ours: &Ours) -> Vec<usize> {
    let commands: Vec<Option<String>> = list.iter().map(|group| command_of(group).map(str::to_owned)).collect();
    ours.hooks_among(CLIENT, event, &commands)
}

fn remove(list: &mut ArrayOfTables, known: &[usize]) {
    known.iter().rev().for_each(|at| drop(list.remove(*at)));
}
