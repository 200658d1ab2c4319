//! The demo server's tools.

use countersign_evidence::json::{Object, Value};

use super::folder::Folder;

/// Name, description, hints (read only, destructive, idempotent), and whether it takes `content` besides `path`.
const TOOLS: [(&str, &str, [bool; 3], bool); 4] = [
    ("list_directory", "Lists the names in a folder.", [true, false, true], false),
    ("read_file", "Reads a text file.", [true, false, true], false),
    ("write_file", "Writes a text file, whole; what was there is replaced.", [false, true, true], true),
    ("delete_file", "Removes a file for good.", [false, true, false], false),
];

/// What `tools/list` answers.
pub(super) fn definitions() -> Value {
    let definition = |(name, description, hints, content): (&str, &str, [bool; 3], bool)| {
        let [read_only, destructive, idempotent] = hints;
        let annotations = [
            ("readOnlyHint", read_only),
            ("destructiveHint", destructive),
            ("idempotentHint", idempotent),
            ("openWorldHint", false),
        ];
        let mut tool: Object = [("name", name), ("description", description)].into_iter().collect();
        tool.insert("annotations", annotations.into_iter().collect::<Object>());
        tool.insert("inputSchema", schema(if content { &["path", "content"] } else { &["path"] }));
        Value::Object(tool)
    };
    Value::Array(TOOLS.into_iter().map(definition).collect())
}

fn schema(names: &[&str]) -> Object {
    let text: Object = [("type", "string")].into_iter().collect();
    let properties: Object = names.iter().map(|name| (*name, text.clone())).collect();
    let required: Vec<Value> = names.iter().map(|name| Value::from(*name)).collect();
    let mut schema: Object = [("type", "object")].into_iter().collect();
    schema.insert("properties", properties);
    schema.insert("required", required);
    schema.insert("additionalProperties", false);
    schema
}

/// Runs a tool. `Err` is a call that is wrong in itself; a tool that fails says so in its result.
pub(super) fn call(folder: &Folder, params: Option<&Value>) -> Result<Object, String> {
    let name = params.and_then(|params| params.get("name")).and_then(Value::as_str).ok_or("a name is needed")?;
    let argument = |name: &str| {
        let value = params.and_then(|params| params.get("arguments")).and_then(|given| given.get(name));
        value.and_then(Value::as_str).ok_or_else(|| format!("the argument {name:?} must be a string"))
    };
    let path = argument("path");
    let done = match name {
        "list_directory" => folder.list(path?).map(|names| names.join("\n")),
        "read_file" => folder.read(path?),
        "write_file" => {
            let (path, content) = (path?, argument("content")?);
            folder.write(path, content).map(|()| format!("Wrote {} bytes to {path}.", content.len()))
        }
        "delete_file" => {
            let path = path?;
            folder.delete(path).map(|()| format!("Removed {path}."))
        }
        _ => return Err(format!("there is no tool {name:?}")),
    };
    let failed = done.is_err();
    let text = done.unwrap_or_else(|why| why);
    let content: Object = [("type", "text"), ("text", text.as_str())].into_iter().collect();
    let mut result: Object = [("content", vec![Value::Object(content)])].into_iter().collect();
    result.insert("isError", failed);
    Ok(result)
}
