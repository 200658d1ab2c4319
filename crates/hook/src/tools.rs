//! What kind of side effect a client's built-in tool has. The policy's catalogue wins over it.

use countersign_evidence::record::Category;

use Category::{Delete, Execute, Export, Read, Write};

/// By name, without regard to case. What is not listed might do anything.
///
/// Fetching a page lets data out: an address can carry anything. A list of what is left to do is the agent's own.
const TOOLS: &[(Category, &[&str])] = &[
    (
        Read,
        &[
            "read",
            "grep",
            "glob",
            "ls",
            "list",
            "view",
            "rg",
            "notebookread",
            "bashoutput",
            "taskoutput",
            "read_bash",
            "list_bash",
            "read_powershell",
            "list_powershell",
            "read_file",
            "read_many_files",
            "list_directory",
            "grep_search",
            "search_file_content",
            "view_image",
            "readlints",
            "semanticsearch",
            "todowrite",
            "taskcreate",
            "taskupdate",
            "tasklist",
            "taskget",
            "write_todos",
            "update_plan",
            "update_todo",
            "report_intent",
            "askuserquestion",
            "ask_user",
            "enterplanmode",
            "exitplanmode",
            "toolsearch",
            "listmcpresourcestool",
            "readmcpresourcetool",
        ],
    ),
    (
        Write,
        &[
            "write",
            "edit",
            "multiedit",
            "notebookedit",
            "editnotebook",
            "strreplace",
            "apply_patch",
            "write_file",
            "replace",
            "create",
            "str_replace",
            "str_replace_editor",
            "save_memory",
        ],
    ),
    (Delete, &["delete"]),
    (Export, &["webfetch", "websearch", "web_fetch", "web_search", "google_web_search", "fetch"]),
    (Execute, &["bash", "shell", "run_shell_command", "powershell", "write_bash", "task", "agent", "skill"]),
];

/// The category of a built-in tool.
pub fn category_of(tool: &str) -> Category {
    let lower = tool.to_ascii_lowercase();
    let found = TOOLS.iter().find(|(_, names)| names.contains(&lower.as_str()));
    found.map_or(Execute, |(category, _)| *category)
}
