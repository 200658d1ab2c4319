//! Each dialect, with events as the real clients write them, and answers to the byte.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use countersign_evidence::json::{Limits, Value, parse};

use crate::{Answer, Client, Event, Hints, Memory, Verdict, read};

const CLAUDE: &str = r#"{"session_id":"s1","transcript_path":"/t.jsonl","cwd":"/work","prompt_id":"p1","permission_mode":"default",
"effort":{"level":"medium"},"hook_event_name":"PreToolUse","tool_name":"mcp__spy__send_email","tool_input":{"to":"a@example.com"},
"tool_use_id":"toolu_1","mcp_server":{"name":"spy","source":"dynamic"}}"#;
const CODEX: &str = r#"{"session_id":"s1","turn_id":"t1","transcript_path":"/t.jsonl","cwd":"/work","hook_event_name":"PreToolUse",
"model":"gpt-5","permission_mode":"bypassPermissions","tool_name":"Bash","tool_input":{"command":"ls"},"tool_use_id":"call_1"}"#;
const COPILOT: &str =
    r#"{"sessionId":"s1","timestamp":1795474092700,"cwd":"/work","toolName":"spy-send_email","toolArgs":{"to":"a"}}"#;
const CURSOR: &str = r#"{"conversation_id":"c1","generation_id":"g1","model":"m","tool_name":"Shell","tool_input":{"command":"ls"},
"tool_use_id":"u1","cwd":"/work","session_id":"s1","hook_event_name":"preToolUse","cursor_version":"2","workspace_roots":["/work"],
"user_email":"alice@example.com","transcript_path":null}"#;
const CURSOR_MCP: &str = r#"{"conversation_id":"c1","generation_id":"g1","hook_event_name":"beforeMCPExecution","tool_name":"send_email",
"tool_input":"{\"to\":\"a\"}","mcp_server_name":"spy","command":"node"}"#;
const GEMINI: &str = r#"{"session_id":"s1","transcript_path":"/t","cwd":"/work","hook_event_name":"BeforeTool",
"timestamp":"2026-11-23T10:00:00.000Z","tool_name":"mcp_spy_send_email","tool_input":{"to":"a"},
"mcp_context":{"server_name":"spy","tool_name":"send_email","command":"node"}}"#;

const BEFORE: [(Client, &str); 6] = [
    (Client::Claude, CLAUDE),
    (Client::Codex, CODEX),
    (Client::Copilot, COPILOT),
    (Client::Cursor, CURSOR),
    (Client::Cursor, CURSOR_MCP),
    (Client::Gemini, GEMINI),
];

fn json(text: &str) -> Value {
    parse(text.as_bytes(), Limits::default()).unwrap()
}

fn event(client: Client, text: &str) -> Event {
    read(client, text.as_bytes(), &Hints::default()).unwrap()
}

#[test]
fn events_before_a_tool() {
    let mut told = String::new();
    for (client, text) in BEFORE {
        let Event::Before(call) = event(client, text) else { panic!("{client}: {text}") };
        writeln!(
            told,
            "{client}: {} session {:?} turn {:?} call {:?} tool {}/{} mcp {} input {} cwd {:?} model {:?} user {:?}",
            call.event,
            call.session,
            call.turn,
            call.call_id,
            call.tool.server,
            call.tool.name,
            call.tool.mcp,
            call.input.to_canonical(),
            call.cwd,
            call.model,
            call.user
        )
        .unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn events_after_a_tool() {
    let after = [
        (
            Client::Claude,
            CLAUDE
                .replace("PreToolUse", "PostToolUse")
                .replace("\"effort\"", "\"duration_ms\":17,\"tool_response\":[],\"e\""),
        ),
        (
            Client::Claude,
            CLAUDE.replace("PreToolUse", "PostToolUseFailure").replace("\"effort\"", "\"error\":\"it broke\",\"e\""),
        ),
        (
            Client::Codex,
            CODEX
                .replace("PreToolUse", "PostToolUse")
                .replace("\"turn_id\"", "\"tool_response\":\"made\\n\",\"turn_id\""),
        ),
        (
            Client::Copilot,
            COPILOT.replace("\"cwd\"", r#""toolResult":{"resultType":"success","textResultForLlm":"sent"},"cwd""#),
        ),
        (Client::Copilot, COPILOT.replace("\"cwd\"", r#""toolResult":{"resultType":"failure"},"cwd""#)),
        (
            Client::Cursor,
            CURSOR
                .replace("preToolUse", "postToolUse")
                .replace("\"cwd\"", "\"tool_output\":\"x\",\"duration\":3,\"cwd\""),
        ),
        (
            Client::Gemini,
            GEMINI.replace("BeforeTool", "AfterTool").replace("\"cwd\"", r#""tool_response":{"llmContent":"x"},"cwd""#),
        ),
        (
            Client::Gemini,
            GEMINI.replace("BeforeTool", "AfterTool").replace("\"cwd\"", r#""tool_response":{"error":{"m":1}},"cwd""#),
        ),
    ];
    let mut told = String::new();
    for (client, text) in after {
        let Event::After(ended) = event(client, &text) else { panic!("{client}: {text}") };
        writeln!(told, "{client}: {} {:?}", ended.call.event, ended.outcome).unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn answers_to_the_byte() {
    let verdicts = [
        Verdict::Allow { edited: None },
        Verdict::Allow { edited: Some(json(r#"{"command":"ls -l"}"#)) },
        Verdict::Deny("Not \u{1b}[2Jthere.".to_owned()),
        Verdict::Deny(String::new()),
        Verdict::Defer("Waits for #owners.".to_owned()),
        Verdict::Pass(None),
        Verdict::Pass(Some("not recorded".to_owned())),
    ];
    let mut told = String::new();
    for (client, text) in BEFORE {
        let Event::Before(call) = event(client, text) else { panic!("{client}") };
        for verdict in &verdicts {
            let Answer { stdout, stderr, code } = Answer::of(client, &call.event, verdict);
            writeln!(told, "{client} {} {verdict:?}\n  {code} {stdout:?} {stderr:?}", call.event).unwrap();
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn whatever_is_not_understood_is_refused() {
    for (client, text) in BEFORE {
        let bad = [
            String::new(),
            "[]".to_owned(),
            text.replace('}', ""),
            text.replacen('{', r#"{"tool_input":{},"tool_input":{},"toolArgs":{},"toolArgs":{},"#, 1),
            text.replace("tool_name", "tool").replace("toolName", "tool"),
            text.replace("tool_input", "input").replace("toolArgs", "input"),
            text.replace("PreToolUse", "SessionStart")
                .replace("BeforeTool", "BeforeModel")
                .replace("preToolUse", "beforeReadFile")
                .replace("beforeMCPExecution", "beforeShellExecution")
                .replace("\"timestamp\":1795", "\"hookName\":\"agentStop\",\"timestamp\":1795"),
        ];
        for text in bad {
            assert!(read(client, text.as_bytes(), &Hints::default()).is_err(), "{client}: {text}");
        }
    }
    let no_id = CLAUDE.replace("tool_use_id", "id");
    assert!(read(Client::Claude, no_id.as_bytes(), &Hints::default()).is_err());
}

#[test]
fn events_after_the_fact_that_nobody_knows_stop_nothing() {
    let unknown = CLAUDE.replace("PreToolUse", "PostCompact");
    assert!(matches!(event(Client::Claude, &unknown), Event::Aside(why) if why.contains("PostCompact")));
}

#[test]
fn a_server_is_told_from_its_tool_by_what_is_known() {
    let hints = Hints { servers: vec!["a".to_owned(), "a__b".to_owned(), "git-hub".to_owned()], ..Hints::default() };
    let of = |client, text: String| match read(client, text.as_bytes(), &hints).unwrap() {
        Event::Before(call) => (call.tool.server, call.tool.name),
        other => panic!("{other:?}"),
    };
    let pair = |server: &str, tool: &str| (server.to_owned(), tool.to_owned());
    let codex = |name: &str| of(Client::Codex, CODEX.replace("Bash", name));
    assert_eq!(codex("mcp__a__b__c"), pair("a__b", "c"));
    assert_eq!(codex("mcp__x__b__c"), pair("x", "b__c"));
    // What the client says itself counts more, in its tamed form too.
    let claude =
        CLAUDE.replace("mcp__spy__send_email", "mcp__a_dot__b__c").replace(r#""name":"spy""#, r#""name":"a.dot""#);
    assert_eq!(of(Client::Claude, claude), pair("a.dot", "b__c"));
    assert_eq!(of(Client::Copilot, COPILOT.replace("spy-send_email", "git-hub-search")), pair("git-hub", "search"));
    assert_eq!(of(Client::Copilot, COPILOT.replace("spy-send_email", "bash")), pair("copilot", "bash"));
}

#[test]
fn cursor_leaves_mcp_calls_to_the_event_that_names_the_server() {
    let text = CURSOR.replace("Shell", "MCP:send_email");
    let hints = Hints { mcp_before_execution: true, ..Hints::default() };
    assert!(matches!(read(Client::Cursor, text.as_bytes(), &hints).unwrap(), Event::Aside(_)));
    // Where the hook is not told that the other event comes, nothing is left undecided.
    assert!(matches!(event(Client::Cursor, &text), Event::Before(_)));
}

#[test]
fn calls_have_names_of_their_own() {
    let name = |client, text: &str| match event(client, text) {
        Event::Before(call) => crate::ids::name_of(client, &call),
        other => panic!("{other:?}"),
    };
    assert_eq!(name(Client::Codex, CODEX), name(Client::Codex, CODEX));
    for (was, is) in [("call_1", "call_2"), ("\"s1\"", "\"s2\""), ("\"t1\"", "\"t2\"")] {
        assert_ne!(name(Client::Codex, CODEX), name(Client::Codex, &CODEX.replace(was, is)));
    }
    // The same call id with another input is refused by the gate: it is the same name.
    assert_eq!(name(Client::Codex, CODEX), name(Client::Codex, &CODEX.replace("ls", "rm")));
    assert_ne!(name(Client::Copilot, COPILOT), name(Client::Copilot, &COPILOT.replace("2700", "2701")));
}

#[test]
fn running_calls_are_taken_once_and_in_order() {
    use crate::memory::Running;
    use countersign_evidence::time::Timestamp;
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path().join("hooks"));
    let running = |n: u128| Running { action: uuid::Uuid::from_u128(n), attempt: format!("attempt-{n}") };
    assert_eq!(memory.take("s", "p").unwrap(), None);
    for n in [2, 1] {
        memory.keep("s", "p", &running(n), Timestamp::from_micros(0)).unwrap();
    }
    assert_eq!(memory.take("s", "other").unwrap(), None);
    assert_eq!(memory.take("s", "p").unwrap(), Some(running(1)));
    assert_eq!(memory.take("s", "p").unwrap(), Some(running(2)));
    assert_eq!(memory.take("s", "p").unwrap(), None);
}

#[test]
fn one_approval_goes_to_the_gateway_with_one_call() {
    use countersign_evidence::time::Timestamp;
    use uuid::Uuid;
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path().join("hooks"));
    let (action, other, now) = (Uuid::from_u128(1), Uuid::from_u128(2), Timestamp::from_micros(0));
    let told = |session: &str, action, call: &str, now| memory.told(session, action, call, now).unwrap();
    assert!(told("s", action, "call-a", now) && told("s", action, "call-a", now), "the same call again");
    assert!(!told("s", action, "call-b", now) && !told("t", action, "call-b", now));
    assert!(told("s", other, "call-b", now));
    // What is older than any authorization does not pile up.
    let (files, later) = (folder.path().join("hooks/told to the gateway"), Timestamp::from_micros(i64::MAX));
    assert!(told("later", Uuid::from_u128(3), "call-c", later));
    assert_eq!(std::fs::read_dir(files).unwrap().count(), 1);
}
