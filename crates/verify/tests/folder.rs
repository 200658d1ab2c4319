//! What passes, and what is not checked.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use countersign_evidence::open::{KeyRing, KeyState, RingError};
use countersign_evidence::record::{Body, Envelope};
use countersign_tlog::TrustFile;
use countersign_verify::{Answer, Directory, Memory, Options, Question, Report, Verdict, verify_folder};
use sample::Ring;
use sample::courses::log;
use sample::publish::{publish, trust_text, whole};

fn verify_with(folder: &Memory, change: impl Fn(&mut Options<'_>)) -> Report {
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let mut options = Options { trust: Some(&trust), ..Options::default() };
    change(&mut options);
    verify_folder(folder, options, &mut |_| {}).unwrap()
}

fn verify(folder: &Memory, ring: &Ring) -> Report {
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let options = Options { trust: Some(&trust), keys: Some(ring as &dyn KeyRing), ..Options::default() };
    verify_folder(folder, options, &mut |_| {}).unwrap()
}

fn answer(report: &Report, question: Question) -> &Answer {
    report.answer(question).unwrap()
}

#[test]
fn a_whole_log_passes() {
    let log = log(1, 90);
    let size = log.entries.len() as u64;
    for folder in [whole(&log.entries), publish(&log.entries, &[1, 9, 200, 256, 257, size])] {
        let report = verify(&folder, &log.ring);
        for answer in &report.verdicts {
            let unknown = answer.question == Question::UnknownTypes;
            let expected = if unknown { Verdict::NotChecked } else { Verdict::Pass };
            assert_eq!(answer.verdict, expected, "{answer:#?}");
        }
        let matches = report.matches.unwrap();
        assert_eq!((matches.exact, matches.edited, matches.unknown), (35, 5, 5));
        assert_eq!((matches.executing, matches.not_executed, matches.open, matches.refused), (5, 35, 5, 20));
        assert_eq!(report.log.unwrap().size, size);
    }
}

#[test]
fn every_small_size_passes_whatever_was_published_before() {
    let log = log(4, 8);
    for size in 1..=log.entries.len() {
        let folder = publish(&log.entries[..size], &[1, (size as u64 / 2).max(1), size as u64]);
        let report = verify_with(&folder, |_| {});
        assert!(!report.failed(), "{size}: {report:#?}");
        assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
    }
}

#[test]
fn an_empty_log_is_not_checked() {
    let report = verify_with(&whole(&[]), |_| {});
    assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::Pass));
    for question in [Question::Integrity, Question::Vault, Question::Completeness, Question::Conformance] {
        assert_eq!(report.verdict(question), Some(Verdict::NotChecked), "{question:?}");
    }
    assert!(!report.passed() && !report.failed());
}

#[test]
fn a_log_without_actions_conforms_to_nothing() {
    let log = log(5, 0);
    let report = verify_with(&whole(&log.entries), |_| {});
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
    assert_eq!(report.verdict(Question::Conformance), Some(Verdict::NotChecked));
}

#[test]
fn what_was_not_asked_for_is_not_checked() {
    let log = log(6, 20);
    let folder = whole(&log.entries);
    let report = verify_with(&folder, |options| options.integrity_only = true);
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
    assert_eq!(report.verdict(Question::Completeness), Some(Verdict::NotChecked));
    assert_eq!(report.verdict(Question::Conformance), Some(Verdict::NotChecked));
    assert_eq!(report.verdict(Question::Openings), Some(Verdict::NotChecked));
    let mut without = folder;
    without.0.retain(|path, _| !path.starts_with("vault/"));
    assert!(verify_with(&without, |_| {}).failed(), "a vault that is not there is missing");
    let report = verify_with(&without, |options| options.without_vault = true);
    assert_eq!(report.verdict(Question::Vault), Some(Verdict::NotChecked));
    assert!(!report.failed());
}

#[test]
fn without_a_trust_file_nobody_vouches() {
    let log = log(6, 20);
    let mut folder = whole(&log.entries);
    let report = verify_with(&folder, |options| options.trust = None);
    assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::NotChecked));
    assert!(answer(&report, Question::Authenticity).what.contains("self-asserted"));
    folder.0.remove("log.vkey");
    let report = verify_with(&folder, |options| options.trust = None);
    assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::NotChecked));
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
}

#[test]
fn a_vault_entry_may_go_only_before_an_erasure() {
    let log = log(7, 30);
    let sealed: Vec<usize> = (0..log.entries.len()).filter(|at| !log.entries[*at].1.is_empty()).collect();
    let mut entries = log.entries.clone();
    entries[sealed[8]].1.clear();
    let report = verify(&whole(&entries), &log.ring);
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
    assert_eq!(report.verdict(Question::Vault), Some(Verdict::NotChecked), "{report:#?}");
    assert!(answer(&report, Question::Vault).findings[0].place.ends_with(&sealed[8].to_string()));
    assert_eq!(report.verdict(Question::Openings), Some(Verdict::NotChecked));
    // Without the two records of the erasure at its end, the same log has lost something.
    entries.truncate(entries.len() - 2);
    assert_eq!(verify_with(&whole(&entries), |_| {}).verdict(Question::Vault), Some(Verdict::Fail));
}

#[test]
fn a_field_that_does_not_open_needs_an_erasure() {
    let log = log(8, 30);
    let mut ring = log.ring.clone();
    let lost = *ring.0.keys().find(|id| **id != log.workspace_key).unwrap();
    ring.0.remove(&lost);
    let report = verify(&whole(&log.entries), &ring);
    assert_eq!(report.verdict(Question::Openings), Some(Verdict::Fail));
    assert!(answer(&report, Question::Openings).findings[0].what.contains("does not open"));
    // A key of another subject opens nothing, and says so.
    let keys: Vec<_> = log.ring.0.iter().map(|(id, key)| (*id, key.clone())).collect();
    let mut shuffled = Ring::default();
    shuffled.0.extend(keys.iter().zip(keys.iter().rev()).map(|((id, _), (_, key))| (*id, key.clone())));
    assert_eq!(verify(&whole(&log.entries), &shuffled).verdict(Question::Openings), Some(Verdict::Fail));
}

/// Keys of which the row of this one was changed.
struct Damaged<'a>(&'a Ring, uuid::Uuid);

impl KeyRing for Damaged<'_> {
    fn key(&self, id: uuid::Uuid) -> Result<KeyState, RingError> {
        if id == self.1 { Ok(KeyState::Damaged) } else { self.0.key(id) }
    }
}

/// A damaged row is no destroyed key, also where the log says that it is destroyed: a copy of it may still open.
#[test]
fn a_damaged_key_is_not_taken_for_an_erased_one() {
    let log = log(8, 30);
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let erased = log.entries.iter().find_map(|(text, _)| match Envelope::parse(text).unwrap().body {
        Body::SubjectErased(erased) => erased.keys.first().copied(),
        _ => None,
    });
    let alive = *log.ring.0.keys().find(|id| **id != log.workspace_key).unwrap();
    for damaged in [erased.unwrap(), alive] {
        let ring = Damaged(&log.ring, damaged);
        let options = Options { trust: Some(&trust), keys: Some(&ring), ..Options::default() };
        let report = verify_folder(&whole(&log.entries), options, &mut |_| {}).unwrap();
        assert_eq!(report.verdict(Question::Openings), Some(Verdict::Fail));
        assert!(answer(&report, Question::Openings).findings[0].what.contains("does not open"), "{report:#?}");
    }
}

/// Keys of which this one cannot be read.
struct Failing<'a>(&'a Ring, uuid::Uuid);

impl KeyRing for Failing<'_> {
    fn key(&self, id: uuid::Uuid) -> Result<KeyState, RingError> {
        match id == self.1 {
            true => Err(RingError { key: id, cause: "the disk is gone".to_owned() }),
            false => self.0.key(id),
        }
    }
}

/// A key store that does not answer proves no erasure, even where the log has a record of one.
#[test]
fn a_key_that_cannot_be_read_is_not_taken_for_an_erased_one() {
    let log = log(8, 30);
    let erased = log.entries.iter().find_map(|(text, _)| match Envelope::parse(text).unwrap().body {
        Body::SubjectErased(erased) => erased.keys.first().copied(),
        _ => None,
    });
    assert_eq!(verify(&whole(&log.entries), &log.ring).verdict(Question::Openings), Some(Verdict::Pass));
    let ring = Failing(&log.ring, erased.unwrap());
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let options = Options { trust: Some(&trust), keys: Some(&ring), ..Options::default() };
    let report = verify_folder(&whole(&log.entries), options, &mut |_| {}).unwrap();
    assert_eq!(report.verdict(Question::Openings), Some(Verdict::Fail));
    assert!(answer(&report, Question::Openings).findings[0].what.contains("cannot be read"), "{report:#?}");
    assert!(!answer(&report, Question::Openings).what.contains("erasure closed"));
}

#[test]
fn a_directory_is_read_like_memory() {
    let log = log(9, 70);
    let folder = publish(&log.entries, &[100, log.entries.len() as u64]);
    let directory = tempfile::tempdir().unwrap();
    for (path, bytes) in &folder.0 {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let trust = TrustFile::parse(trust_text().as_bytes()).unwrap();
    let options = Options { trust: Some(&trust), keys: Some(&log.ring), ..Options::default() };
    let mut seen = Vec::new();
    let from_disk =
        verify_folder(&Directory::new(directory.path()), options, &mut |progress| seen.push(progress.done)).unwrap();
    assert_eq!(from_disk, verify(&folder, &log.ring));
    assert_eq!(seen.last(), Some(&(log.entries.len() as u64)));
    assert!(verify_folder(&Directory::new("/nonexistent/log"), options, &mut |_| {}).is_err());
}

/// A signed checkpoint may claim any size; the folder decides how far it is followed.
#[test]
fn a_huge_size_is_not_walked_through() {
    let signer = sample::publish::signer();
    let huge = countersign_tlog::Checkpoint::new(sample::ORIGIN, 1 << 62, countersign_tlog::Hash([7; 32])).unwrap();
    let mut folder = Memory::default();
    folder.0.insert("checkpoint".to_owned(), huge.sign(&signer).unwrap().to_bytes());
    let report = verify_with(&folder, |_| {});
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Fail));
    assert_eq!(report.verdict(Question::Completeness), Some(Verdict::Fail));
}
