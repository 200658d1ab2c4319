//! Durability, seen from outside: the system calls of a child process, as strace reports them. Each check is also run
//! against a child that does not sync, and must fail there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{LOG, append, check_files, signer};
use countersign_journal::{DataFolder, Error, Journal, Materializer, SqliteJournal, SqliteOptions, Store};
use object_store::local::LocalFileSystem;

/// Not a test of its own: what the traced child does.
#[tokio::test]
#[ignore = "the child of the other tests"]
async fn child() {
    let Ok(folder) = std::env::var("TRACED_FOLDER") else { return };
    let sync = std::env::var("TRACED_SYNC").unwrap() == "on";
    // Where a sync is made to fail, the upkeep stays away: its syncs would be mistaken for second tries.
    let carry_over_bytes = if std::env::var_os("TRACED_FAULT").is_some() { u64::MAX } else { 2000 };
    let options = SqliteOptions { loses_data_without_sync: !sync, carry_over_bytes, ..SqliteOptions::default() };
    let data = Arc::new(DataFolder::open(Path::new(&folder)).unwrap());
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(data, &options).unwrap());
    journal.create(LOG).await.unwrap();
    let mut head = journal.open(LOG).await.unwrap();
    eprintln!("answered");
    for _ in 0..8 {
        let entries = (head.size()..head.size() + 40).map(common::entry).collect();
        let batch = countersign_journal::Batch { entries, ..Default::default() };
        match journal.append(&head, batch.clone()).await {
            Ok(next) => head = next,
            Err(error) => {
                // A sync failed: not a word more is written, although the disk works again.
                assert!(matches!(error, Error::Ambiguous { .. } | Error::Poisoned), "{error}");
                assert!(matches!(journal.append(&head, batch).await, Err(Error::Poisoned)));
                assert!(matches!(journal.head(LOG).await, Err(Error::Poisoned)));
                eprintln!("poisoned");
                return;
            }
        }
        eprintln!("answered");
    }
    let files = Path::new(&folder).join("log");
    std::fs::create_dir(&files).unwrap();
    let store = if sync {
        Store::in_folder(&files).unwrap()
    } else {
        Store::new(Arc::new(LocalFileSystem::new_with_prefix(&files).unwrap()))
    };
    let materializer = Materializer::open(Arc::clone(&journal), store, signer(), &head, Arc::default()).await.unwrap();
    materializer.publish_once().await.unwrap();
    append(&*journal, &head, 300).await;
    materializer.publish_once().await.unwrap();
}

/// Runs the child under strace; `None` (with a message) where strace is not there or not allowed.
fn trace(folder: &Path, sync: &str, inject: Option<&str>) -> Option<(Vec<String>, String)> {
    let out = folder.join("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-s", "200", "-e", "trace=fsync,fdatasync,write,rename,renameat,renameat2", "-o"])
        .arg(&out);
    strace.args(inject.map(|inject| ["-e".to_owned(), format!("inject={inject}")]).into_iter().flatten());
    strace.arg(std::env::current_exe().unwrap()).args(["--exact", "child", "--ignored", "--nocapture"]);
    strace.env("TRACED_FOLDER", folder.join("data")).env("TRACED_SYNC", sync);
    if inject.is_some() {
        strace.env("TRACED_FAULT", "1");
    }
    let done = match strace.output() {
        Ok(done) => done,
        Err(cause) => {
            eprintln!("SKIPPED, nothing was checked: strace does not run here ({cause})");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if said.contains("PTRACE") || said.contains("ptrace") {
        eprintln!("SKIPPED, nothing was checked: strace may not trace here ({said})");
        return None;
    }
    assert!(done.status.success() || inject.is_some(), "{said}{}", String::from_utf8_lossy(&done.stdout));
    let lines = std::fs::read_to_string(out).unwrap();
    Some((whole_calls(&lines), said))
}

/// Joins the two halves of calls during which another thread ran, at the place where they returned.
fn whole_calls(lines: &str) -> Vec<String> {
    let mut halves = std::collections::BTreeMap::new();
    let mut calls = Vec::new();
    for line in lines.lines() {
        let (thread, call) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            halves.insert(thread.to_owned(), begun.to_owned());
        } else if let Some((_, rest)) = call.split_once(" resumed>") {
            calls.push(halves.remove(thread).unwrap_or_default() + rest);
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// The path behind the descriptor of a sync that succeeded.
fn synced(call: &str) -> Option<&str> {
    let name = call.split_once('(')?.0;
    let path = call.split_once('<')?.1.split_once('>')?.0;
    (matches!(name, "fsync" | "fdatasync") && call.trim_end().ends_with("= 0")).then_some(path)
}

/// Before each answer, and after the one before, the write-ahead log was synced.
fn check_answers(calls: &[String]) -> Result<(), String> {
    let (mut is_synced, mut answers) = (false, 0);
    for call in calls {
        is_synced |= synced(call).is_some_and(|path| path.ends_with("/journal.db-wal"));
        if call.starts_with("write(2") && call.contains("answered") {
            answers += 1;
            if !std::mem::take(&mut is_synced) {
                return Err(format!("answer {answers} came before its sync"));
            }
        }
    }
    if answers == 9 { Ok(()) } else { Err(format!("{answers} answers")) }
}

/// Every published file was synced before it got its name, its folder after; all of it, and the journal's commit, before
/// the checkpoint got its name.
fn check_files_synced(calls: &[String]) -> Result<(), String> {
    let (mut ready, mut unsynced_folders, mut committed, mut checkpoints) =
        (BTreeSet::new(), BTreeSet::new(), false, 0);
    for call in calls {
        if let Some(path) = synced(call) {
            committed |= path.ends_with("/journal.db-wal");
            unsynced_folders.remove(path);
            ready.insert(path.to_owned());
        }
        if !call.starts_with("rename") || !call.trim_end().ends_with("= 0") {
            continue;
        }
        let mut quoted = call.split('"').skip(1).step_by(2);
        let (from, to) = (quoted.next().unwrap(), quoted.next().unwrap());
        if !ready.remove(from) {
            return Err(format!("{to} was not synced before it got its name"));
        }
        if to.ends_with("/checkpoint") {
            checkpoints += 1;
            if !unsynced_folders.is_empty() || !committed {
                return Err(format!("checkpoint before {unsynced_folders:?}, journal committed: {committed}"));
            }
        } else {
            committed = false;
        }
        unsynced_folders.insert(Path::new(to).parent().unwrap().to_str().unwrap().to_owned());
    }
    if checkpoints == 2 && unsynced_folders.is_empty() { Ok(()) } else { Err(format!("{checkpoints} checkpoints")) }
}

#[tokio::test]
async fn what_is_answered_and_published_was_synced_before() {
    let folder = tempfile::tempdir().unwrap();
    let Some((calls, _)) = trace(folder.path(), "on", None) else { return };
    check_answers(&calls).unwrap();
    check_files_synced(&calls).unwrap();
    let files = LocalFileSystem::new_with_prefix(folder.path().join("data/log")).unwrap();
    assert_eq!(check_files(&files, &[]).await, 620);
}

#[test]
fn the_checks_notice_when_nothing_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let Some((calls, _)) = trace(folder.path(), "off", None) else { return };
    check_answers(&calls).unwrap_err();
    check_files_synced(&calls).unwrap_err();
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let mut checked = 0;
    for syscall in ["fdatasync", "fsync"] {
        for when in 4..12 {
            let folder = tempfile::tempdir().unwrap();
            let inject = format!("{syscall}:error=EIO:when={when}");
            let Some((calls, said)) = trace(folder.path(), "on", Some(&inject)) else { return };
            let hit = calls.iter().position(|call| call.contains("INJECTED") && call.contains("/journal.db"));
            let answered = |calls: &[String]| calls.iter().filter(|call| call.contains("answered")).count();
            let Some(hit) = hit.filter(|hit| (1..9).contains(&answered(&calls[..*hit]))) else { continue };
            checked += 1;
            assert!(said.contains("poisoned"), "{inject}: {said}");
            let again = calls[hit + 1..].iter().find(|call| call.contains("sync(") && call.contains("/journal.db"));
            assert_eq!((again, answered(&calls[hit..])), (None, 0), "{inject}");
        }
    }
    assert!(checked > 2, "no sync of a commit was hit");
}
