//! Configuration in JSON, with or without comments: what is not ours stays as it is, byte for byte.

use countersign_hook::Client;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::json;
use serde_json::Value;

use super::TOOL_TIMEOUT_S;
use super::command::{Words, has_gateway_form, unfit};
use super::ours::{Ours, gateway_line};
use super::shape;

/// Longest configuration that is read, in bytes.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// The text with our hooks in it, once for each event. `ours` tells what an earlier install wrote, and then what this one does.
pub(super) fn put_hooks(text: &str, client: Client, command: &str, ours: &mut Ours) -> Result<String, String> {
    let (tree, root) = parse(text)?;
    if matches!(client, Client::Copilot | Client::Cursor) && root.get("version").is_none() {
        root.append("version", CstInputValue::Number("1".to_owned()));
    }
    let hooks = root.object_value_or_create("hooks").ok_or("the member \"hooks\" is no object")?;
    let events = shape::deciding(client).iter().map(|event| (event, true));
    for (event, decides) in events.chain(shape::recording(client).iter().map(|event| (event, false))) {
        let list = hooks.array_value_or_create(event).ok_or_else(|| format!("\"hooks\".\"{event}\" is no array"))?;
        let wanted = shape::entry(client, command, decides);
        let known = ours_among(&list, client, event, ours);
        let alike = list.elements().iter().filter(|element| same(element, &wanted)).count();
        // What somebody else wrote to the same letter is there, and not ours to take away.
        let theirs = alike > known.iter().filter(|element| same(element, &wanted)).count();
        let mut there = theirs;
        for element in known {
            match !there && same(&element, &wanted) {
                true => there = true,
                false => element.remove(),
            }
        }
        if !there {
            list.append(wanted);
        }
        ours.wrote(event, (!theirs).then_some(command));
    }
    Ok(ended(&tree))
}

/// The text with every server that a command starts behind the gateway. `ours` tells what an earlier install wrote, and then what this
/// one does.
pub(super) fn wrap_servers(text: &str, client: Client, words: &Words, ours: &mut Ours) -> Result<String, String> {
    let (tree, root) = parse(text)?;
    let known = Ours { servers: std::mem::take(&mut ours.servers), ..Ours::default() };
    for (name, server) in servers(&root) {
        let (Some(command), arguments) = (string(&server, "command"), strings(&server, "args")) else { continue };
        let wrapped = known.wrapped(&name, &command, &arguments);
        if unfit(&name).is_some() || (wrapped.is_none() && has_gateway_form(&command, &arguments)) {
            continue;
        }
        let gateway = words.gateway(client, &name);
        let line = gateway_line(&gateway, wrapped.as_ref(), &command, &arguments);
        if let Some((program, rest)) =
            line.split_first().filter(|(program, rest)| (*program, *rest) != (&command, &arguments))
        {
            set(&server, "command", json!(program.as_str()));
            set(&server, "args", CstInputValue::Array(rest.iter().cloned().map(CstInputValue::String).collect()));
        }
        if let Some((member, units)) = shape::tool_timeout_member(client).filter(|_| wrapped.is_none()) {
            let now = server.get(member).and_then(|found| found.to_serde_value()).and_then(|value| value.as_u64());
            if now.is_none_or(|now| now < TOOL_TIMEOUT_S * units) {
                set(&server, member, CstInputValue::Number((TOOL_TIMEOUT_S * units).to_string()));
            }
        }
        ours.servers.insert(name, gateway);
    }
    Ok(tree.to_string())
}

/// The text without what an earlier install wrote.
pub(super) fn strip(text: &str, client: Client, ours: &Ours) -> Result<String, String> {
    let (tree, root) = parse(text)?;
    let mut found = false;
    if let Some(hooks) = root.object_value("hooks") {
        for event in shape::deciding(client).iter().chain(shape::recording(client)) {
            let Some(list) = hooks.array_value(event) else { continue };
            let known = ours_among(&list, client, event, ours);
            found |= !known.is_empty();
            let emptied = !known.is_empty() && known.len() == list.elements().len();
            known.into_iter().for_each(CstNode::remove);
            if let Some(event) = hooks.get(event).filter(|_| emptied) {
                event.remove();
            }
        }
        if let Some(property) = root.get("hooks").filter(|_| found && hooks.properties().is_empty()) {
            property.remove();
        }
    }
    for (name, server) in servers(&root) {
        let (Some(command), arguments) = (string(&server, "command"), strings(&server, "args")) else { continue };
        let Some(wrapped) = ours.wrapped(&name, &command, &arguments) else { continue };
        if let Some((member, units)) = shape::tool_timeout_member(client)
            && let Some(timeout) = server.get(member)
            && timeout.to_serde_value().and_then(|value| value.as_u64()) == Some(TOOL_TIMEOUT_S * units)
        {
            timeout.remove();
        }
        let mut own = wrapped.own.into_iter();
        set(&server, "command", json!(own.next().unwrap_or_default().as_str()));
        set(&server, "args", CstInputValue::Array(own.map(CstInputValue::String).collect()));
        found = true;
    }
    Ok(if found { tree.to_string() } else { text.to_owned() })
}

/// Every MCP server's name and object.
pub(super) fn servers(root: &CstObject) -> Vec<(String, CstObject)> {
    let all = root.object_value("mcpServers").map(|servers| servers.properties()).unwrap_or_default();
    all.into_iter().filter_map(|server| Some((server.decoded_name()?, server.object_value()?))).collect()
}

/// The root; a file that is empty or not there is an empty object.
pub(super) fn parse(text: &str) -> Result<(CstRootNode, CstObject), String> {
    if text.len() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let text = if text.trim().is_empty() { "{\n}\n" } else { text };
    let tree =
        CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| format!("it does not read: {error}"))?;
    let root = tree.object_value().ok_or("it is no JSON object")?;
    Ok((tree, root))
}

pub(super) fn string(object: &CstObject, name: &str) -> Option<String> {
    object.get(name)?.value()?.as_string_lit()?.decoded_value().ok()
}

pub(super) fn strings(object: &CstObject, name: &str) -> Vec<String> {
    let list = object.array_value(name).map(|list| list.elements()).unwrap_or_default();
    list.iter().filter_map(|word| word.as_string_lit()?.decoded_value().ok()).collect()
}

fn set(object: &CstObject, name: &str, value: CstInputValue) {
    match object.get(name) {
        Some(property) => property.set_value(value),
        None => drop(object.append(name, value)),
    }
}

/// Elements that are our hook and nothing else.
fn ours_among(list: &CstArray, client: Client, event: &str, ours: &Ours) -> Vec<CstNode> {
    let only_command = |element: &CstNode| {
        let value = element.to_serde_value().unwrap_or_default();
        let command = |hook: &Value| hook.get(shape::command_member(client)).and_then(Value::as_str).map(str::to_owned);
        match value.get("hooks").and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) if shape::grouped(client) => command(one),
            Some(_) => None,
            None => command(&value),
        }
    };
    let elements = list.elements();
    let commands: Vec<Option<String>> = elements.iter().map(only_command).collect();
    let known = ours.hooks_among(client, event, &commands);
    let elements = elements.into_iter().enumerate();
    elements.filter(|(at, _)| known.contains(at)).map(|(_, element)| element).collect()
}

fn same(element: &CstNode, wanted: &CstInputValue) -> bool {
    element.to_serde_value() == as_value(wanted)
}

fn as_value(wanted: &CstInputValue) -> Option<Value> {
    let holder = CstRootNode::parse("[]", &ParseOptions::default()).ok()?;
    holder.array_value()?.append(wanted.clone());
    holder.array_value()?.elements().first()?.to_serde_value()
}

fn ended(tree: &CstRootNode) -> String {
    let text = tree.to_string();
    if text.ends_with('\n') { text } else { format!("{text}\n") }
}
