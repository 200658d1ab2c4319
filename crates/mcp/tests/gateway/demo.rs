//! The bundled server, in both eras.

use countersign_mcp::bundled_server;

use crate::rig::{at, json};

async fn ask(folder: &std::path::Path, lines: &[&str]) -> Vec<countersign_evidence::json::Value> {
    let mut out = Vec::new();
    bundled_server(folder, lines.join("\n").as_bytes(), &mut out).await.unwrap();
    String::from_utf8(out).unwrap().lines().map(json).collect()
}

#[tokio::test]
async fn it_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let call = |id: i64, tool: &str, arguments: &str| crate::rig::call(id, tool, arguments);
    let answers = ask(
        folder.path(),
        &[
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            &call(1, "write_file", r#"{"path":"a.txt","content":"hello"}"#),
            &call(2, "read_file", r#"{"path":"a.txt"}"#),
            &call(3, "list_directory", r#"{"path":"."}"#),
            &call(4, "read_file", r#"{"path":"../etc/passwd"}"#),
            &call(5, "nothing", r#"{"path":"a"}"#),
            &call(6, "delete_file", r#"{"path":"a.txt"}"#),
            r#"{"jsonrpc":"2.0","id":7,"method":"nope"}"#,
            "not json",
        ],
    )
    .await;
    assert_eq!(at(&answers[0], "result.protocolVersion"), "\"2025-11-25\"");
    assert_eq!(at(&answers[1], "result.isError"), "false");
    assert_eq!(at(&answers[2], "result.content.0.text"), "\"hello\"");
    assert_eq!(at(&answers[3], "result.content.0.text"), "\"a.txt\"");
    assert_eq!(at(&answers[4], "result.isError"), "true");
    assert_eq!(at(&answers[5], "error.code"), "-32602");
    assert_eq!(at(&answers[6], "result.isError"), "false");
    assert_eq!(at(&answers[7], "error.code"), "-32601");
    assert_eq!(at(&answers[8], "error.code"), "-32700");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn modern_requests_get_modern_results() {
    let folder = tempfile::tempdir().unwrap();
    let meta = r#""params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
    let discover = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"server/discover",{meta}}}"#);
    let list = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"tools/list",{meta}}}"#);
    let answers = ask(folder.path(), &[&discover, &list]).await;
    assert_eq!(at(&answers[0], "result.supportedVersions"), r#"["2026-07-28"]"#);
    assert_eq!(at(&answers[1], "result.resultType"), "\"complete\"");
    assert_eq!(at(&answers[1], "result.tools.1.annotations.readOnlyHint"), "true");
    assert_eq!(at(&answers[1], "result.tools.2.inputSchema.required"), r#"["path","content"]"#);
}
