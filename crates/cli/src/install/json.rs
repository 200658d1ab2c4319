//! Configuration in JSON, with or without comments: what is not ours stays as it is, byte for byte.

use countersign_hook::Client;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::json;
use serde_json::Value;

use super::TOOL_TIMEOUT_S;
use super::command::{Words, behind_gateway, is_hook, unfit};
use super::shape;

/// Longest configuration that is read, in bytes.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// The text with our hooks in it, once for each event.
pub(super) fn put_hooks(text: &str, client: Client, words: &Words, behind: &[String]) -> Result<String, String> {
    let (tree, root) = parse(text)?;
    if matches!(client, Client::Copilot | Client::Cursor) && root.get("version").is_none() {
        root.append("version", CstInputValue::Number("1".to_owned()));
    }
    let hooks = root.object_value_or_create("hooks").ok_or("the member \"hooks\" is no object")?;
    let command = words.hook(client, behind);
    let events = shape::deciding(client).iter().map(|event| (event, true));
    for (event, decides) in events.chain(shape::recording(client).iter().map(|event| (event, false))) {
        let list = hooks.array_value_or_create(event).ok_or_else(|| format!("\"hooks\".\"{event}\" is no array"))?;
        let wanted = shape::entry(client, &command, decides);
        let mut there = false;
        for element in ours(&list, client) {
            match !there && same(&element, &wanted) {
                true => there = true,
                false => element.remove(),
            }
        }
        if !there {
            list.append(wanted);
        }
    }
    Ok(ended(&tree))
}

/// The text with every server that a command starts behind the gateway, and the names of those that are.
pub(super) fn wrap_servers(text: &str, client: Client, words: &Words) -> Result<(String, Vec<String>), String> {
    let (tree, root) = parse(text)?;
    let mut names = Vec::new();
    for (name, server) in servers(&root) {
        let (Some(command), arguments) = (string(&server, "command"), strings(&server, "args")) else { continue };
        if let Some((named, _)) = behind_gateway(&command, &arguments) {
            names.extend((named.as_ref() == Some(&name)).then_some(name));
            continue;
        }
        if unfit(&name).is_some() {
            continue;
        }
        let gateway = words.gateway(client, &name, &command, &arguments);
        set(&server, "command", json!(words.program.as_str()));
        set(&server, "args", CstInputValue::Array(gateway.into_iter().map(CstInputValue::String).collect()));
        if let Some((member, units)) = shape::tool_timeout_member(client) {
            let now = server.get(member).and_then(|found| found.to_serde_value()).and_then(|value| value.as_u64());
            if now.is_none_or(|now| now < TOOL_TIMEOUT_S * units) {
                set(&server, member, CstInputValue::Number((TOOL_TIMEOUT_S * units).to_string()));
            }
        }
        names.push(name);
    }
    Ok((tree.to_string(), names))
}

/// The text without anything of ours.
pub(super) fn strip(text: &str, client: Client) -> Result<String, String> {
    let (tree, root) = parse(text)?;
    let mut found = false;
    if let Some(hooks) = root.object_value("hooks") {
        for event in shape::deciding(client).iter().chain(shape::recording(client)) {
            let Some(list) = hooks.array_value(event) else { continue };
            let ours = ours(&list, client);
            found |= !ours.is_empty();
            let emptied = !ours.is_empty() && ours.len() == list.elements().len();
            ours.into_iter().for_each(CstNode::remove);
            if let Some(event) = hooks.get(event).filter(|_| emptied) {
                event.remove();
            }
        }
        if let Some(property) = root.get("hooks").filter(|_| found && hooks.properties().is_empty()) {
            property.remove();
        }
    }
    for (_, server) in servers(&root) {
        let (Some(command), arguments) = (string(&server, "command"), strings(&server, "args")) else { continue };
        let Some((_, own)) = behind_gateway(&command, &arguments) else { continue };
        if let Some((member, units)) = shape::tool_timeout_member(client)
            && let Some(timeout) = server.get(member)
            && timeout.to_serde_value().and_then(|value| value.as_u64()) == Some(TOOL_TIMEOUT_S * units)
        {
            timeout.remove();
        }
        let mut own = own.into_iter();
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
fn ours(list: &CstArray, client: Client) -> Vec<CstNode> {
    let is_ours = |element: &CstNode| {
        let value = element.to_serde_value().unwrap_or_default();
        let command = |hook: &Value| hook.get(shape::command_member(client)).and_then(Value::as_str).map(str::to_owned);
        let hook = match value.get("hooks").and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) if shape::grouped(client) => command(one),
            Some(_) => None,
            None => command(&value),
        };
        hook.is_some_and(|command| is_hook(&command, client))
    };
    list.elements().into_iter().filter(is_ours).collect()
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
