//! A hook's no, whatever is broken around it.
#![allow(clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn a_hook_that_nobody_hears_says_no_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let url = ["hook", "claude", "--url", "http://127.0.0.1:9", "--deadline", "1"];
    for (arguments, input) in [
        (&["hook", "claude", "--no-such-option"][..], "{}"),
        (&url, "no JSON"),
        (&url, r#"{"hook_event_name":"PreToolUse"}"#),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut hook = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(arguments)
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(full)
            .spawn()
            .unwrap();
        let _ = hook.stdin.take().unwrap().write_all(input.as_bytes());
        let ended = hook.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{arguments:?} {input}");
    }
}
