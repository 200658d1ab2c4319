//! A full disk, a read-only folder, damaged files, a second process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use common::{LOG, append, check_files, entry, signer};
use countersign_journal::{
    Batch, DataFolder, Entry, Error, Head, Journal, Materializer, Priority, SqliteJournal, SqliteOptions, Store,
};
use object_store::local::LocalFileSystem;

fn open(folder: &Path, options: &SqliteOptions) -> Result<SqliteJournal, Error> {
    SqliteJournal::open(Arc::new(DataFolder::open(folder)?), options)
}

async fn new_log(folder: &Path, options: &SqliteOptions) -> (Arc<SqliteJournal>, Head) {
    let journal = Arc::new(open(folder, options).unwrap());
    journal.create(LOG).await.unwrap();
    let head = journal.open(LOG).await.unwrap();
    (journal, head)
}

async fn materializer(journal: &Arc<SqliteJournal>, folder: &Path, head: &Head) -> Result<Materializer, Error> {
    let store = Store::in_folder(&folder.join("log"))?;
    let index = Arc::new(AtomicU64::new(u64::MAX));
    Materializer::open(Arc::clone(journal) as _, store, signer(), head, index).await
}

#[test]
#[ignore = "the child of the next test"]
fn second_process() {
    let Ok(folder) = std::env::var("SHARED_FOLDER") else { return };
    println!("{}", open(Path::new(&folder), &SqliteOptions::default()).unwrap_err());
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _held = new_log(folder.path(), &SqliteOptions::default()).await;
    let mut second = Command::new(std::env::current_exe().unwrap());
    second.args(["--exact", "second_process", "--ignored", "--nocapture"]).env("SHARED_FOLDER", folder.path());
    let said = String::from_utf8(second.output().unwrap().stdout).unwrap();
    let holder = format!("in use by another process (process {})", std::process::id());
    assert!(said.contains(&holder), "{said}");
}

fn big(head: &Head, priority: Priority) -> Batch {
    let envelope = format!("{:0>60000}", head.size()).into();
    Batch { entries: vec![Entry { envelope, vault: Default::default() }], priority }
}

/// Appends until there is no room, then finishes what is open; then makes room and goes on.
async fn fill(folder: &Path, options: &SqliteOptions, finishes: usize) {
    let (journal, mut head) = new_log(folder, options).await;
    let full = loop {
        match journal.append(&head, big(&head, Priority::New)).await {
            Ok(next) => head = next,
            Err(error) => break error,
        }
        assert!(head.size() < 10_000);
    };
    assert!(matches!(full, Error::Full), "{full}");
    for _ in 0..finishes {
        head = journal.append(&head, big(&head, Priority::Finish)).await.unwrap();
        // While the reserve is given away, nothing new may eat it. (It is not, if carrying over has made room meanwhile.)
        if !folder.join("reserve").exists() {
            assert!(matches!(journal.append(&head, big(&head, Priority::New)).await, Err(Error::Full)));
        }
    }
    // Nothing is lost, and the journal opens on a full disk.
    drop(journal);
    let journal = open(folder, options).unwrap();
    let opened = journal.open(LOG).await.unwrap();
    assert_eq!((opened.size(), opened.root()), (head.size(), head.root()));
    let mut read = 0;
    while read < head.size() {
        let entries = journal.read(LOG, read, 10).await.unwrap();
        assert!(entries.iter().all(|found| found.envelope.len() == 60_000));
        read += entries.len() as u64;
    }
}

#[tokio::test]
async fn a_full_journal_keeps_room_for_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        most_bytes: Some(2 << 20),
        reserve_bytes: 1 << 20,
        carry_over_bytes: 1 << 18,
        ..Default::default()
    };
    fill(folder.path(), &options, 10).await;
    // Trimming makes room: new work is taken again, and the reserve is whole.
    let journal = Arc::new(open(folder.path(), &options).unwrap());
    let mut head = journal.open(LOG).await.unwrap();
    assert!(matches!(journal.append(&head, big(&head, Priority::New)).await, Err(Error::Full)));
    let materializer = materializer(&journal, folder.path(), &head).await.unwrap();
    materializer.publish_once().await.unwrap();
    for _ in 0..50 {
        match journal.append(&head, big(&head, Priority::New)).await {
            Ok(next) => {
                head = next;
                break;
            }
            Err(Error::Full) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    }
    journal.append(&head, big(&head, Priority::New)).await.unwrap();
}

/// A small file system of its own; `None` (with a message) where mounting is not allowed.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, options: &str) -> Option<Self> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if done.as_ref().is_ok_and(|done| done.status.success()) {
            return Some(Mount(at.to_owned()));
        }
        eprintln!("SKIPPED, nothing was checked: mounting is not allowed here");
        None
    }

    fn remount(&self, options: &str) {
        assert!(
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status().unwrap().success()
        );
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_keeps_room_for_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::new(folder.path(), "size=6m") else { return };
    let options = SqliteOptions { reserve_bytes: 2 << 20, carry_over_bytes: 1 << 19, ..Default::default() };
    fill(folder.path(), &options, 10).await;
}

#[tokio::test]
async fn a_full_disk_stops_publishing_only_for_as_long_as_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::create_dir(&log).unwrap();
    let Some(mount) = Mount::new(&log, "size=128k") else { return };
    let (journal, head) = new_log(folder.path(), &SqliteOptions::default()).await;
    let materializer = materializer(&journal, folder.path(), &head).await.unwrap();
    let mut head = append(&*journal, &head, 300).await;
    materializer.publish_once().await.unwrap();
    let files = LocalFileSystem::new_with_prefix(&log).unwrap();
    while let Ok(true | false) = materializer.publish_once().await {
        head = append(&*journal, &head, 700).await;
        assert!(head.size() < 100_000);
    }
    assert!(matches!(materializer.publish_once().await, Err(Error::Full)));
    let published = check_files(&files, &[]).await;
    assert!(published >= 300 && published < head.size());
    mount.remount("size=64m");
    materializer.publish_once().await.unwrap();
    assert_eq!(check_files(&files, &[]).await, head.size());
}

#[tokio::test]
async fn a_read_only_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = |result: Result<SqliteJournal, Error>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    };
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(folder.path().join("probe"), "").is_err() {
        return sealed(open(folder.path(), &SqliteOptions::default()));
    }
    // The superuser may write anywhere, but not to a file system that is mounted read-only.
    let Some(mount) = Mount::new(folder.path(), "size=16m") else { return };
    drop(new_log(folder.path(), &SqliteOptions::default()).await);
    mount.remount("ro");
    sealed(open(folder.path(), &SqliteOptions::default()));
}

fn sql(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("journal.db")).unwrap()
}

#[tokio::test]
async fn a_changed_batch_is_neither_read_nor_signed() {
    // A flipped bit, which the checksum sees; and a forged batch with a good checksum, which only the root sees.
    for forged in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, head) = new_log(folder.path(), &SqliteOptions::default()).await;
        let materializer = materializer(&journal, folder.path(), &head).await.unwrap();
        let head = append(&*journal, &head, 10).await;
        materializer.publish_once().await.unwrap();
        let head = append(&*journal, &head, 10).await;
        let select = "SELECT key, frame FROM batch ORDER BY key DESC LIMIT 1";
        let (key, mut frame): (i64, Vec<u8>) =
            sql(folder.path()).query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let at = frame.windows(8).position(|window| window == b"\"record\"").unwrap();
        frame[at + 1] = b'R';
        if forged {
            let end = frame.len() - 4;
            let checksum = crc32fast::hash(&frame[..end]);
            frame[end..].copy_from_slice(&checksum.to_be_bytes());
        }
        sql(folder.path()).execute("UPDATE batch SET frame = ? WHERE key = ?", rusqlite::params![frame, key]).unwrap();
        assert_eq!(journal.read(LOG, 10, 10).await.is_ok(), forged);
        for _ in 0..2 {
            assert!(matches!(materializer.publish_once().await, Err(Error::Corrupt { .. })));
        }
        let files = LocalFileSystem::new_with_prefix(folder.path().join("log")).unwrap();
        assert_eq!(check_files(&files, &[]).await, 10);
        // Not after a restart either.
        drop((materializer, journal));
        let journal = Arc::new(open(folder.path(), &SqliteOptions::default()).unwrap());
        let opened = journal.open(LOG).await.unwrap();
        assert_eq!(opened.size(), head.size());
        let again = self::materializer(&journal, folder.path(), &opened).await.unwrap();
        assert!(matches!(again.publish_once().await, Err(Error::Corrupt { .. })));
    }
}

/// Copies the folder as a power cut would leave it: the write-ahead log has not been carried over.
fn copy(from: &Path, to: &Path) {
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let done = Command::new("cp").arg("-r").arg(from.join("log")).arg(to).status().unwrap();
    assert!(done.success());
}

#[tokio::test]
async fn a_damaged_last_page_is_never_signed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, head) = new_log(folder.path(), &SqliteOptions::default()).await;
    let materializer = materializer(&journal, folder.path(), &head).await.unwrap();
    let head = append(&*journal, &head, 10).await;
    materializer.publish_once().await.unwrap();
    let unpublished = tempfile::tempdir().unwrap();
    append(&*journal, &head, 5).await;
    copy(folder.path(), unpublished.path());
    materializer.publish_once().await.unwrap();
    let published = tempfile::tempdir().unwrap();
    copy(folder.path(), published.path());
    for (folder, is_published) in [(unpublished.path(), false), (published.path(), true)] {
        let wal = folder.join("journal.db-wal");
        let mut bytes = std::fs::read(&wal).unwrap();
        // From some frame near the end on, nothing can be read any more.
        let at = if is_published { bytes.len() / 2 } else { bytes.len() - 100 };
        bytes[at..].iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(&wal, bytes).unwrap();
        let journal = Arc::new(open(folder, &SqliteOptions::default()).unwrap());
        let opened = match journal.open(LOG).await {
            Ok(opened) => opened,
            Err(error) => panic!("{error}"),
        };
        let opened_again = self::materializer(&journal, folder, &opened).await;
        if is_published {
            // The folder knows more than the journal: refuse, rather than sign another history.
            let error = opened_again.err().unwrap().to_string();
            assert!(error.contains("old copy"), "{error}");
        } else {
            // SQLite stops at the first bad frame: the unpublished end is lost, what is published holds.
            assert_eq!(opened.size(), 10);
            opened_again.unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, mut head) = new_log(folder.path(), &SqliteOptions::default()).await;
    for _ in 0..50 {
        head = append(&*journal, &head, 100).await;
    }
    drop(journal); // the last connection carries the log over
    let path = folder.path().join("journal.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(15).rposition(|window| window == b"{\"record\":4321}").unwrap();
    bytes[at + 3] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let journal = open(folder.path(), &SqliteOptions::default()).unwrap();
    let error = journal.read(LOG, 4321, 1).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }) && error.to_string().contains("position 4300"), "{error}");
    assert_eq!(journal.read(LOG, 0, 1).await.unwrap(), [entry(0)]);
    drop(journal);
    std::fs::write(&path, &bytes[..4096]).unwrap();
    let opened = open(folder.path(), &SqliteOptions::default());
    let error = match opened {
        Err(error) => error,
        Ok(journal) => journal.open(LOG).await.unwrap_err(),
    };
    assert!(!error.is_certain() || matches!(error, Error::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_batch_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, mut head) = new_log(folder.path(), &SqliteOptions::default()).await;
    for _ in 0..3 {
        head = append(&*journal, &head, 10).await;
    }
    for (lost, position) in [("max", 25), ("min", 5)] {
        let delete = format!("DELETE FROM batch WHERE key = (SELECT {lost}(key) FROM batch)");
        sql(folder.path()).execute(&delete, []).unwrap();
        let error = journal.read(LOG, position, 30).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(journal.read(LOG, 15, 30).await.is_err());
    }
    assert_eq!(journal.read(LOG, 15, 5).await.unwrap().len(), 5);
}

#[tokio::test]
async fn erased_bytes_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, head) = new_log(folder.path(), &SqliteOptions::default()).await;
    let materializer = materializer(&journal, folder.path(), &head).await.unwrap();
    let secret = |position: u64| format!("<the secret number {position}>");
    let batch = |from: u64| {
        let entries = (from..from + 300).map(|position| Entry {
            envelope: format!("record {position}").into(),
            vault: secret(position).repeat(20).into(),
        });
        Batch { entries: entries.collect(), ..Default::default() }
    };
    let head = journal.append(&head, batch(0)).await.unwrap();
    materializer.publish_once().await.unwrap();
    journal.append(&head, batch(300)).await.unwrap();
    let found = |position: u64| holds(folder.path(), secret(position).as_bytes());
    let erased = [3, 290, 299, 300, 599];
    assert!(erased.iter().all(|position| found(*position)));
    materializer.erase(&erased).await.unwrap();
    assert!(!erased.iter().any(|position| found(*position)));
    assert!([2, 291, 301, 598].iter().all(|position| found(*position)));
    materializer.publish_once().await.unwrap();
    assert!(!erased.iter().any(|position| found(*position)));
    assert!([2, 291, 301, 598].iter().all(|position| found(*position)));
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let path = file.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    })
}
