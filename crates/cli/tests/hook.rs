//! A hook's no, whatever is broken around it.
#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// An allowed call's event.
const CALL: &str =
    r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{},"tool_use_id":"1"}"#;
/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

fn countersign(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.env_clear().env("HOME", home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(mut command: Command, input: &str) -> Output {
    let mut process = command.spawn().unwrap();
    // Where it ends early it reads nothing.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_hook_that_nobody_hears_says_no_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let url = ["hook", "claude", "--url", NOWHERE, "--deadline", "1"];
    for (arguments, input, log) in [
        (&["hook", "claude", "--no-such-option"][..], "{}", "warn"),
        (&["hook"], "{}", "warn"),
        (&url, "no JSON", "warn"),
        (&url, r#"{"hook_event_name":"PreToolUse"}"#, "warn"),
        (&url, CALL, "trace"),
        // What the logging says of itself is not heard either.
        (&url, CALL, "=[="),
    ] {
        let mut hook = countersign(folder.path());
        hook.args(arguments).env("COUNTERSIGN_LOG", log).stderr(full());
        let ended = said(hook, input);
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{arguments:?} {input} {log}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_no() {
    let folder = tempfile::tempdir().unwrap();
    // Not decided here, so that the client goes on; Cursor is told so on standard output.
    for (client, input) in
        [("gemini", r#"{"hook_event_name":"AfterNothing"}"#), ("cursor", r#"{"hook_event_name":"postX"}"#)]
    {
        let mut hook = countersign(folder.path());
        hook.args(["hook", client, "--url", NOWHERE]);
        let heard = said(hook, input);
        assert_eq!(heard.status.code(), Some(0), "{client}: {heard:?}");
        let mut hook = countersign(folder.path());
        hook.args(["hook", client, "--url", NOWHERE]).stdout(full());
        let expected = if heard.stdout.is_empty() { 0 } else { 2 };
        assert_eq!(said(hook, input).status.code(), Some(expected), "{client}");
    }
}

#[test]
fn a_data_folder_on_the_command_line_counts_before_an_address_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    // No data folder can be below a file: each command says so, or that nobody is at that address.
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    let below = file.join("data");
    let odd = [b"--data=".as_slice(), below.as_os_str().as_bytes(), b"\xff"].concat();
    let data = [vec![OsStr::new("--data"), below.as_os_str()], vec![OsStr::from_bytes(&odd)]];
    for words in [&["action", "list"][..], &["policy", "list"], &["hook", "claude"], &["mcp"]] {
        for data in &data {
            let mut command = countersign(folder.path());
            command.args(words).args(data).env("COUNTERSIGN_URL", NOWHERE);
            if words == ["mcp"] {
                command.args(["--", "true", "--url"]);
            }
            let ended = said(command, CALL);
            let told = String::from_utf8_lossy(&ended.stderr);
            assert!(!ended.status.success() && told.contains(&*below.to_string_lossy()), "{words:?} {data:?}: {told}");
        }
    }
}

#[test]
fn the_daemon_gets_nobodys_settings() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    // It does not start with that, and says all that it finds wrong.
    std::fs::write(data.join("countersign.toml"), "nonsense = 1\n").unwrap();
    let mut hook = countersign(folder.path());
    hook.args(["hook", "claude", "--data"]).arg(&data);
    hook.env("COUNTERSIGN_SOLO", "perhaps").env("COUNTERSIGN_CONFIG", "/dev/null").env("COUNTERSIGN_FOO", "1");
    let ended = said(hook, CALL);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{told}");
    assert!(told.contains("nonsense") && !told.contains("COUNTERSIGN_"), "{told}");
}

#[test]
fn doctor_runs_no_command_line_of_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let (data, project) = (folder.path().join("data"), folder.path().join("project"));
    std::fs::create_dir_all(project.join(".claude")).unwrap();
    let own = env!("CARGO_BIN_EXE_countersign");
    for line in [
        "touch ran; echo countersign hook claude ".to_owned(),
        format!("{own} hook claude --data ran"),
        format!("{own} hook claude --url {NOWHERE} --data '{}'", data.display()),
    ] {
        let hook =
            format!(r#"[{{"hooks":[{{"type":"command","command":"{line}","timeout":600,"onFailure":"block"}}]}}]"#);
        let text = format!(r#"{{"hooks":{{"PreToolUse":{hook},"PostToolUse":{hook},"PostToolUseFailure":{hook}}}}}"#);
        std::fs::write(project.join(".claude/settings.json"), text).unwrap();
        let mut doctor = countersign(folder.path());
        doctor.args(["doctor", "claude", "--project", "--data"]).arg(&data).current_dir(&project);
        let ended = said(doctor, "");
        let told = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(1), "{told}");
        assert!(told.contains("PostToolUse: not ours, not run") && !told.contains("ok  "), "{told}");
        assert!(!project.join("ran").exists() && !data.exists(), "{line}");
    }
}

/// A running process, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const POLICY: &str = r#"
@id("all") permit (principal, action, resource);
@id("held") @review("owners") @message("Ask.") forbid (principal, action, resource)
when { context.payload has arguments.to && context.payload.arguments.to == "held" };
"#;

#[test]
fn one_approval_is_one_call_and_what_needs_none_is_decided_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (data, policy) = (folder.path().join("data"), folder.path().join("policy"));
    let command = |words: &[&str], input: &str| {
        let mut command = countersign(folder.path());
        command.args(words).arg("--data").arg(&data);
        said(command, input)
    };
    std::fs::create_dir(&policy).unwrap();
    std::fs::write(policy.join("a.cedar"), POLICY).unwrap();
    std::fs::write(policy.join("entities.json"), r#"{"review_groups":{"owners":"Own it"}}"#).unwrap();
    for words in [&["init"][..], &["policy", "activate", policy.to_str().unwrap()]] {
        let done = command(words, "");
        assert!(done.status.success(), "{done:?}");
    }
    let mut served = countersign(folder.path());
    served.args(["serve", "--local", "--data"]).arg(&data).env("COUNTERSIGN_SOLO", "true");
    let _served = Running(served.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let there = (0..1_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        data.join("countersign.sock").exists()
    });
    assert!(there);
    let hook = |to: &str, id: &str| {
        let call = format!(
            r#"{{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"mcp__spy__send","tool_input":{{"to":"{to}"}},"tool_use_id":"{id}"}}"#
        );
        let done = command(&["hook", "claude", "--behind-gate", "spy", "--deadline", "3"], &call);
        (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let count = || {
        let listed = command(&["action", "list", "--json", "--limit", "100"], "");
        String::from_utf8(listed.stdout).unwrap().matches(r#""action":""#).count()
    };
    // Policy alone: each call is decided, and counts; the same call again is the same.
    for id in ["a", "b", "b", "c", "a"] {
        assert_eq!(hook("free", id), (0, String::new()), "{id}");
    }
    assert_eq!(count(), 3);
    // A person: nobody executes what was approved, and no other call has it.
    let (code, told) = hook("held", "d");
    assert!(code == 2 && told.contains("pending"), "{told}");
    let action = told.split_whitespace().nth(1).unwrap();
    let approved = command(&["review", "approve", action, "--yes"], "");
    assert!(approved.status.success(), "{approved:?}");
    assert_eq!(hook("held", "e"), (0, String::new()));
    assert_eq!(hook("held", "e"), (0, String::new()), "the same call again");
    for id in ["f", "g"] {
        let (code, told) = hook("held", id);
        assert!(code == 2 && told.contains("another call was let through"), "{told}");
    }
    assert_eq!(count(), 4);
}
