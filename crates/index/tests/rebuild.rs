//! However the index came to be, its answers are the same.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::lives::*;
use common::{Log, read_on};
use countersign_evidence::digest::Digest;
use countersign_evidence::record::PolicyActivated;
use countersign_evidence::time::Timestamp;
use countersign_index::{Index, IndexError, MOST_ROWS, Query, ReviewEnd, ReviewQuery, ReviewRow, ReviewerDid, Row};

/// Everything that an index can say.
fn everything(index: &Index) -> Vec<String> {
    let mut said = Vec::new();
    let mut query = Query { limit: MOST_ROWS, ..Query::default() };
    loop {
        let page = index.list(&query).unwrap();
        for row in &page.actions {
            said.push(format!("{row:?} {:?}", index.get(row.action).unwrap().unwrap()));
        }
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    for text in ["invoice", "beta", "zebra", "grace", "re*", "ada", "bob"] {
        let found = index.list(&Query { text: Some(text.to_owned()), limit: MOST_ROWS, ..Query::default() }).unwrap();
        said.push(format!("{text} {:?}", found.actions.iter().map(|row| row.action).collect::<Vec<_>>()));
    }
    said.push(format!("{:?}", index.policies().unwrap()));
    said.extend(reviews(index).iter().map(|review| format!("{review:?}")));
    said.push(format!("{:?}", index.tools_used().unwrap().into_iter().collect::<BTreeSet<_>>()));
    said.push(format!("{:?} {:?}", index.open_actions().unwrap(), index.position()));
    said
}

fn reviews(index: &Index) -> Vec<ReviewRow> {
    let (since, until) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let query = ReviewQuery { since, until, environments: Vec::new(), agents: Vec::new(), most: usize::MAX };
    index.reviews(&query).unwrap()
}

fn lives(seed: u64) -> Lives {
    let mut lives = Lives::new(seed);
    for round in 0..500 {
        lives.step();
        if round % 50 == 0 {
            lives.late();
        }
        if round % 120 == 60 {
            let version = format!("v{}", round % 3);
            lives.world.system(PolicyActivated { version, digest: Digest([round as u8; 32]), tests_passed: round });
        }
    }
    lives
}

#[test]
fn batches_of_any_size_give_the_same_rows() {
    let mut lives = lives(1);
    lives.erase(USERS[0]);
    (0..100).for_each(|_| lives.step());
    let folder = tempfile::tempdir().unwrap();
    let whole = lives.world.index(&folder.path().join("whole.db"));
    read_on(&whole, &lives.world.log, usize::MAX >> 1);
    let expected = everything(&whole);
    assert!(expected.len() > 100);
    for batch in [1, 2, 3, 17] {
        let index = lives.world.index(&folder.path().join(format!("{batch}.db")));
        read_on(&index, &lives.world.log, batch);
        assert!(everything(&index) == expected, "batches of {batch}");
        assert_eq!(index.root(), whole.root());
    }
}

#[test]
fn a_restart_in_the_middle_of_actions_changes_nothing() {
    let lives = lives(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let records = lives.world.log.0.lock().clone();
    let whole = lives.world.index(&folder.path().join("whole.db"));
    read_on(&whole, &lives.world.log, 100);
    let mut from = 0;
    while from < records.len() {
        let index = lives.world.index(&path);
        assert_eq!((index.position(), index.begun_anew()), (from as u64, None));
        let to = records.len().min(from + 1 + lives.world.dice.below(40));
        let batch = records[from..to].iter().map(|record| (record.envelope.as_slice(), record.vault.as_slice()));
        index.apply(from as u64, batch).unwrap();
        from = to;
    }
    assert!(everything(&lives.world.index(&path)) == everything(&whole));
}

#[test]
fn erased_as_it_happens_or_built_after_it_is_the_same() {
    let mut lives = lives(3);
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 30);
    for user in &USERS[..3] {
        lives.erase(user);
        (0..40).for_each(|_| lives.step());
        read_on(&index, &lives.world.log, 30);
    }
    let anew = lives.world.index(&folder.path().join("anew.db"));
    read_on(&anew, &lives.world.log, 1000);
    assert!(everything(&index) == everything(&anew));
    // The user came back under a new key in the meantime: only what the old key sealed is gone.
    for user in &USERS[..3] {
        let found =
            index.list(&Query { user: Some((*user).to_owned()), limit: MOST_ROWS, ..Query::default() }).unwrap();
        let truths = lives.truths();
        let left = truths.iter().filter(|truth| truth.user.as_deref() == Some(user) && !truth.erased).count();
        assert_eq!(found.actions.len(), left);
        let gone = truths.iter().find(|truth| truth.user.as_deref() == Some(user) && truth.erased).unwrap();
        let row: Row = index.get(gone.action).unwrap().unwrap();
        assert_eq!((row.user, row.resource, row.fingerprint), (None, None, None));
        assert_eq!(row.agent, gone.agent);
    }
}

/// What the key store cannot tell is not left out as if it had been erased: the index stands still, and reads on later.
#[test]
fn keys_that_cannot_be_read_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut lives = lives(6);
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 100);
    let before = index.position();
    (0..200).for_each(|_| lives.step());
    lives.world.ring.fails.store(true, std::sync::atomic::Ordering::Relaxed);
    let records = lives.world.log.0.lock().clone();
    let rest = records[before as usize..].iter().map(|one| (one.envelope.as_slice(), one.vault.as_slice()));
    assert!(matches!(index.apply(before, rest), Err(IndexError::Keys(_))));
    assert_eq!(index.position(), before);
    lives.world.ring.fails.store(false, std::sync::atomic::Ordering::Relaxed);
    read_on(&index, &lives.world.log, 100);
    let anew = lives.world.index(&folder.path().join("anew.db"));
    read_on(&anew, &lives.world.log, 100);
    assert_eq!(everything(&index), everything(&anew));
}

#[test]
fn an_index_of_another_past_begins_anew_and_says_so() {
    let lives = lives(4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    read_on(&lives.world.index(&path), &lives.world.log, 100);
    let size = lives.world.log.len();
    let setup = |log: Log| countersign_index::Setup { log: std::sync::Arc::new(log), ..lives.world.setup() };
    let records = lives.world.log.0.lock().clone();
    // The log says something else where the index stopped.
    let mut changed = records.clone();
    changed[size - 1] = changed[size - 2].clone();
    // The log is shorter than what the index has read.
    let shorter = records[..size - 1].to_vec();
    for (log, why) in [(changed, "another record"), (shorter, "more than the log")] {
        let index = Index::open(&path, setup(Log(log.into()))).unwrap();
        assert!(index.begun_anew().unwrap().contains(why));
        assert_eq!(index.position(), 0);
        read_on(&index, &lives.world.log, 100);
    }
    let other = countersign_index::Setup { origin: "test.example/other".to_owned(), ..lives.world.setup() };
    assert!(Index::open(&path, other).unwrap().begun_anew().is_some());
    // What the format before this one counted under its fingerprints is not found under these.
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.pragma_update(None, "user_version", 2).unwrap();
    drop(sql);
    assert_eq!(lives.world.index(&path).begun_anew(), Some("it is of another format"));
    std::fs::write(&path, b"this is no database at all, it is just some text that is long enough").unwrap();
    assert_eq!(lives.world.index(&path).begun_anew(), Some("it is damaged"));
}

#[test]
fn records_out_of_order_or_out_of_form_do_no_harm() {
    let lives = lives(5);
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    let records = lives.world.log.0.lock().clone();
    let pair = |at: usize| (records[at].envelope.as_slice(), records[at].vault.as_slice());
    let error = index.apply(1, [pair(1)].into_iter()).unwrap_err();
    assert!(matches!(error, IndexError::OutOfOrder { next: 0, found: 1 }));
    // Not JSON; a step without its action; the same record twice; a vault entry of another record; foreign bytes.
    let mut garbage: Vec<(&[u8], &[u8])> =
        vec![(b"", b""), (b"{}", b"x"), (b"\xff\xfe", b""), pair(5), pair(0), pair(0)];
    garbage.push((records[2].envelope.as_slice(), records[3].vault.as_slice()));
    garbage.push((b"{\"v\":1,\"type\":\"action.proposed\"}", b"\x01\xff\xff"));
    index.apply(0, garbage.into_iter()).unwrap();
    assert_eq!(index.position(), 8);
    assert!(index.list(&Query::default()).unwrap().actions.len() <= 3);
}

#[tokio::test]
async fn a_question_waits_for_what_is_not_read_yet() {
    let lives = lives(6);
    let folder = tempfile::tempdir().unwrap();
    let index = std::sync::Arc::new(lives.world.index(&folder.path().join("index.db")));
    let size = lives.world.log.len() as u64;
    assert!(!index.wait_for(size, Duration::from_millis(20)).await);
    let waiting = tokio::spawn({
        let index = index.clone();
        async move { index.wait_for(size, Duration::from_secs(20)).await }
    });
    let (reading, log) = (index.clone(), lives.world.log.clone());
    tokio::task::spawn_blocking(move || read_on(&reading, &log, 50)).await.unwrap();
    assert!(waiting.await.unwrap());
    assert_eq!(index.list(&Query::default()).unwrap().as_of, size);
}

#[test]
fn readers_see_whole_batches_while_the_writer_writes() {
    let lives = lives(7);
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    let size = lives.world.log.len() as u64;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < size {
                    let page = index.list(&Query { limit: MOST_ROWS, ..Query::default() }).unwrap();
                    assert!(page.as_of >= seen && (page.as_of.is_multiple_of(16) || page.as_of == size));
                    assert!(page.actions.iter().all(|row| row.position < page.as_of));
                    seen = page.as_of;
                }
            });
        }
        read_on(&index, &lives.world.log, 16);
    });
}

#[test]
fn policies_are_listed_as_activated_last() {
    let lives = lives(8);
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 64);
    let policies = index.policies().unwrap();
    assert!(policies.len() >= 3);
    assert!(policies.windows(2).all(|pair| pair[0].position > pair[1].position));
    assert_eq!(policies.iter().filter(|policy| policy.active).count(), 1);
    assert_eq!(index.last_policy().unwrap().unwrap(), policies[0]);
    assert_eq!(policies[0].digest, Digest([policies[0].tests_passed as u8; 32]));
}

#[test]
fn reviews_are_told_as_they_went() {
    let lives = lives(5);
    let folder = tempfile::tempdir().unwrap();
    let index = lives.world.index(&folder.path().join("index.db"));
    read_on(&index, &lives.world.log, 50);
    let told = reviews(&index);
    assert!(told.is_sorted_by_key(|review| review.asked));
    let did = |review: &ReviewRow, wanted: ReviewerDid| review.deeds.iter().filter(|deed| deed.did == wanted).count();
    for review in &told {
        assert!(!review.rules.is_empty() && review.characters.is_some() && review.fingerprint.is_some());
        assert!(review.ended.is_none_or(|(at, _)| at >= review.asked));
        assert!(did(review, ReviewerDid::Denied) <= 1);
        if matches!(review.ended, Some((_, ReviewEnd::Approved))) {
            assert!(did(review, ReviewerDid::Approved) + did(review, ReviewerDid::Edited) > 0, "{review:?}");
        }
    }
    for end in [Some(ReviewEnd::Approved), Some(ReviewEnd::Denied), Some(ReviewEnd::Cancelled), None] {
        assert!(told.iter().any(|review| review.ended.map(|(_, how)| how) == end), "{end:?} is not among them");
    }
    let (first, last) = (told.first().unwrap(), told.last().unwrap());
    let query = |agents: &[&str], most| ReviewQuery {
        since: first.asked,
        until: last.asked,
        environments: Vec::new(),
        agents: agents.iter().map(|agent| (*agent).to_owned()).collect(),
        most,
    };
    assert_eq!(index.reviews(&query(&[], usize::MAX)).unwrap().len(), told.len() - 1, "`until` itself is not meant");
    let ours = index.reviews(&query(&[&first.agent], 3)).unwrap();
    assert!(ours.len() <= 3 && ours.iter().all(|review| review.agent == first.agent));
}
