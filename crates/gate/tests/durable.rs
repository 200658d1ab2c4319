//! No answer before its records are durable, seen from outside: the system calls of a child process, as strace reports
//! them. The same check is run against a journal that does not sync, and must fail there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::process::Command;

use countersign_gate::testing::{Setup, TestGate, agent, pay};
use countersign_journal::SqliteOptions;

const ASKED: usize = 12;

/// Not a test of its own: what the traced child does.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test"]
async fn child() {
    let loses_data_without_sync = std::env::var_os("TRACED_WITHOUT_SYNC").is_some();
    let options = SqliteOptions { loses_data_without_sync, ..SqliteOptions::default() };
    let test = TestGate::open(Setup { on_disk: Some(options), ..Setup::default() }).await;
    for n in 0..ASKED {
        eprintln!("asked");
        // Denied, held and allowed ones in turn.
        let amount = [5_000, 200, 50][n % 3];
        test.gate.propose(&agent(1), pay(&format!("r-{n}"), "bot", amount)).await.unwrap();
        eprintln!("answered");
    }
}

/// Answers in all, and those that came before a whole sync of the journal; `None` (with a message) without strace.
fn trace(without_sync: bool) -> Option<(usize, usize)> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o"]).arg(&out);
    strace.arg(std::env::current_exe().unwrap()).args(["--exact", "child", "--ignored", "--nocapture"]);
    if without_sync {
        strace.env("TRACED_WITHOUT_SYNC", "1");
    }
    let said = match strace.output() {
        Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
        Err(cause) => cause.to_string(),
    };
    let Ok(text) = std::fs::read_to_string(&out) else {
        eprintln!("SKIPPED, nothing was checked: strace does not run here ({said})");
        return None;
    };
    Some(count(&text))
}

fn count(trace: &str) -> (usize, usize) {
    let (mut answers, mut early, mut begun, mut synced) = (0, 0, false, false);
    let mut waiting: HashMap<&str, bool> = HashMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if call.starts_with("write(") {
            if call.contains("\"asked") {
                (begun, synced) = (false, false);
            } else if call.contains("\"answered") {
                answers += 1;
                early += usize::from(!synced);
            }
            continue;
        }
        if call.starts_with("fsync(") || call.starts_with("fdatasync(") {
            let ours = call.contains("journal.db-wal>");
            waiting.insert(thread, ours);
            begun |= ours;
        }
        let done = call.ends_with("= 0") && waiting.get(thread).copied().unwrap_or_default();
        synced |= done && begun;
    }
    (answers, early)
}

#[test]
fn every_answer_follows_a_sync_of_the_journal() {
    let Some(found) = trace(false) else { return };
    assert_eq!(found, (ASKED, 0), "answers, and those that came before the sync");
    assert_eq!(trace(true), Some((ASKED, ASKED)), "without syncs the check must fail");
}
