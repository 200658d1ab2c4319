//! Codex's `config.toml`: what is not ours stays as it is, byte for byte.

use countersign_hook::Client;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::command::{Words, behind_gateway, is_hook, unfit};
use super::{HOOK_TIMEOUT_S, TOOL_TIMEOUT_S, shape};

const CLIENT: Client = Client::Codex;

/// The text with our hooks in it, once for each event.
pub(super) fn put_hooks(text: &str, words: &Words, behind: &[String]) -> Result<String, String> {
    let mut document = parse(text)?;
    let command = words.hook(CLIENT, behind);
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
        if list.iter().any(|group| command_of(group) == Some(command.as_str())) {
            continue;
        }
        list.retain(|group| !is_ours(group));
        let mut hook = Table::new();
        hook.insert("type", value("command"));
        hook.insert("command", value(command.as_str()));
        hook.insert("timeout", value(i64::try_from(HOOK_TIMEOUT_S).unwrap_or(i64::MAX)));
        let mut inner = ArrayOfTables::new();
        inner.push(hook);
        let mut group = Table::new();
        group.insert("hooks", Item::ArrayOfTables(inner));
        list.push(group);
    }
    Ok(document.to_string())
}

/// The text with every server that a command starts behind the gateway, and the names of those that are.
pub(super) fn wrap_servers(text: &str, words: &Words) -> Result<(String, Vec<String>), String> {
    let mut document = parse(text)?;
    let mut names = Vec::new();
    let Some(servers) = document.get_mut("mcp_servers").and_then(Item::as_table_like_mut) else {
        return Ok((text.to_owned(), names));
    };
    for (name, server) in servers.iter_mut() {
        let (name, Some(server)) = (name.get().to_owned(), server.as_table_like_mut()) else { continue };
        let Some(command) = server.get("command").and_then(Item::as_str).map(str::to_owned) else { continue };
        let arguments = words_of(server.get("args"));
        if let Some((named, _)) = behind_gateway(&command, &arguments) {
            names.extend((named.as_ref() == Some(&name)).then_some(name));
            continue;
        }
        if unfit(&name).is_some() {
            continue;
        }
        let gateway = words.gateway(CLIENT, &name, &command, &arguments);
        server.insert("command", value(words.program.as_str()));
        server.insert("args", value(gateway.iter().collect::<Array>()));
        let timeout = i64::try_from(TOOL_TIMEOUT_S).unwrap_or(i64::MAX);
        if server.get("tool_timeout_sec").and_then(Item::as_integer).is_none_or(|now| now < timeout) {
            server.insert("tool_timeout_sec", value(timeout));
        }
        names.push(name);
    }
    Ok((document.to_string(), names))
}

/// The text without anything of ours.
pub(super) fn strip(text: &str) -> Result<String, String> {
    let mut document = parse(text)?;
    let mut found = false;
    if let Some(hooks) = document.get_mut("hooks").and_then(Item::as_table_mut) {
        for event in shape::deciding(CLIENT).iter().chain(shape::recording(CLIENT)) {
            let Some(list) = hooks.get_mut(event).and_then(Item::as_array_of_tables_mut) else { continue };
            let before = list.len();
            list.retain(|group| !is_ours(group));
            found |= list.len() < before;
            if list.is_empty() {
                hooks.remove(event);
            }
        }
        if found && hooks.is_empty() {
            document.remove("hooks");
        }
    }
    if let Some(servers) = document.get_mut("mcp_servers").and_then(Item::as_table_like_mut) {
        for (_, server) in servers.iter_mut() {
            let Some(server) = server.as_table_like_mut() else { continue };
            let Some(command) = server.get("command").and_then(Item::as_str).map(str::to_owned) else { continue };
            let Some((_, own)) = behind_gateway(&command, &words_of(server.get("args"))) else { continue };
            if server.get("tool_timeout_sec").and_then(Item::as_integer) == i64::try_from(TOOL_TIMEOUT_S).ok() {
                server.remove("tool_timeout_sec");
            }
            let mut own = own.into_iter();
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

fn is_ours(group: &Table) -> bool {
    command_of(group).is_some_and(|command| is_hook(command, CLIENT))
}
