//! Whatever is changed in a published folder fails, and the place is named.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use countersign_evidence::key::Random;
use countersign_tlog::{Checkpoint, Signer, TrustFile, decode_bundle, encode_bundle, pack, unpack};
use countersign_verify::{Memory, Options, Question, Report, Verdict, append_vault_entry, verify_folder};
use sample::courses::log;
use sample::publish::{Entry, packed, publish, signer, trust_text, whole};
use sample::{LOG_SEED, Seeded};

const SIZES: [u64; 4] = [3, 130, 256, 300];

fn trust() -> TrustFile {
    TrustFile::parse(trust_text().as_bytes()).unwrap()
}

fn verify(folder: &Memory) -> Report {
    verify_folder(folder, Options { trust: Some(&trust()), ..Options::default() }, &mut |_| {}).unwrap()
}

/// A log whose earlier checkpoints left partial tiles behind, and which spans two bundles.
fn original() -> (Vec<Entry>, Memory) {
    let log = log(2, 75);
    let entries = log.entries[..300].to_vec();
    let folder = publish(&entries, &SIZES);
    let report = verify(&folder);
    assert!(!report.failed(), "{report:#?}");
    (entries, folder)
}

/// The same log as it may lie in a folder: its full bundles as they are, and packed.
fn both_forms() -> [Memory; 2] {
    let (_, folder) = original();
    let packed = packed(folder.clone());
    let report = verify(&packed);
    assert!(!report.failed(), "{report:#?}");
    [folder, packed]
}

/// Fails, and some finding's place starts with one of `places`.
fn assert_fails(folder: &Memory, places: &[&str], how: &str) -> Report {
    let report = verify(folder);
    assert!(report.failed(), "{how} went unnoticed");
    let failed = report.verdicts.iter().filter(|answer| answer.verdict == Verdict::Fail);
    let found: Vec<_> = failed.flat_map(|answer| &answer.findings).map(|finding| finding.place.as_str()).collect();
    let named = found.iter().any(|found| places.iter().any(|place| found == place));
    assert!(named, "{how}: expected one of {places:?} among {found:?}");
    report
}

#[test]
fn one_changed_bit_in_any_file_fails() {
    let (random, trust) = (Seeded::new(3), trust());
    let forms = both_forms();
    for (folder, (path, bytes)) in forms.iter().flat_map(|folder| folder.0.iter().map(move |file| (folder, file))) {
        // Every byte of what is short, a sample of what is long; the first and last always.
        let mut places: Vec<usize> = vec![0, bytes.len() - 1];
        if bytes.len() <= 400 {
            places = (0..bytes.len()).collect();
        }
        let mut chosen = [0; 120];
        random.fill(&mut chosen);
        places.extend(chosen.chunks(4).map(|four| u32::from_be_bytes(four.try_into().unwrap()) as usize % bytes.len()));
        for at in places {
            let mut changed = folder.clone();
            changed.0.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
            // Without completeness and conformance: they could only add findings.
            let options = Options { trust: Some(&trust), integrity_only: true, ..Options::default() };
            let report = verify_folder(&changed, options, &mut |_| {}).unwrap();
            assert!(report.failed(), "bit {} of byte {at} of {path} went unnoticed", at % 8);
            let named = report.verdicts.iter().flat_map(|answer| &answer.findings).any(|finding| {
                let record = finding.place.strip_prefix("record ").and_then(|at| at.parse::<u64>().ok());
                finding.place == *path || finding.what.contains(path.as_str()) || record.is_some()
            });
            assert!(named, "byte {at} of {path}: {report:#?}");
        }
    }
}

#[test]
fn a_file_that_is_gone_cut_emptied_or_longer_fails() {
    let forms = both_forms();
    for (folder, (path, bytes)) in forms.iter().flat_map(|folder| folder.0.iter().map(move |file| (folder, file))) {
        let partial = path.contains(".p/") && !path.ends_with(".p/44");
        // Partial tiles of earlier checkpoints may go (C2SP tlog-tiles), and so may the key that came along.
        if !partial && path != "log.vkey" && !path.ends_with(".p/1") {
            let mut changed = folder.clone();
            changed.0.remove(path);
            assert_fails(&changed, &[path.trim_end_matches(".gz")], &format!("removing {path}"));
        }
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = folder.clone();
            changed.0.get_mut(path).unwrap().truncate(length);
            assert_fails(&changed, &[path], &format!("cutting {path} to {length}"));
        }
        for tail in [&b"\0"[..], b"\n", b"{}"] {
            let mut changed = folder.clone();
            changed.0.get_mut(path).unwrap().extend_from_slice(tail);
            assert_fails(&changed, &[path], &format!("appending to {path}"));
        }
    }
    let mut without_top = forms[0].clone();
    without_top.0.remove("tile/1/000.p/1").unwrap();
    assert_fails(&without_top, &["tile/1/000.p/1"], "removing the upper tile");
}

#[test]
fn an_unexpected_file_fails() {
    let [folder, packed] = both_forms();
    for (path, beside) in [("tile/entries/000.gz", &folder), ("tile/entries/000", &packed)] {
        let mut changed = beside.clone();
        changed.0.insert(path.to_owned(), if beside == &folder { &packed } else { &folder }.0[path].clone());
        let report = assert_fails(&changed, &["tile/entries/000.gz"], "both forms");
        assert!(format!("{report:?}").contains("twice"), "{report:#?}");
    }
    for path in [
        "tile/entries/001.gz",
        "tile/entries/001.p/44.gz",
        "tile/0/000.gz",
        "vault/000.gz",
        "tile/0/002",
        "tile/0/001.p/45",
        "tile/2/000.p/1",
        "vault/002.p/1",
        "vault/0",
        "tile/0/1",
        "notes.txt",
        "tile/entries/x000/000",
    ] {
        let mut changed = folder.clone();
        changed.0.insert(path.to_owned(), folder.0["tile/0/000"].clone());
        assert_fails(&changed, &[path], path);
    }
}

/// Swaps, drops, repeats and edits records, with tiles left alone or rebuilt to match, with the old checkpoint.
#[test]
fn another_course_of_events_fails() {
    let (entries, folder) = original();
    type Change = fn(&mut Vec<Entry>);
    let changes: [(&str, Change); 6] = [
        ("swap", |entries| entries.swap(10, 11)),
        ("delete", |entries| drop(entries.remove(20))),
        ("repeat", |entries| entries.insert(30, entries[30].clone())),
        ("insert", |entries| entries.insert(40, entries[200].clone())),
        ("truncate", |entries| entries.truncate(256)),
        ("edit", |entries| {
            let text = String::from_utf8(entries[50].0.clone()).unwrap().replace("\"acme\"", "\"acmf\"");
            entries[50].0 = text.into_bytes();
        }),
    ];
    for (name, change) in changes {
        let mut changed = entries.clone();
        change(&mut changed);
        let mut rebuilt = whole(&changed);
        rebuilt.0.insert("checkpoint".to_owned(), folder.0["checkpoint"].clone());
        let report = assert_fails(&rebuilt, &["checkpoint", "tile/entries/001.p/44", "tile/entries/001"], name);
        assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Fail), "{name}");
        assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::Pass), "{name}");
    }
}

fn rewritten(folder: &Memory, change: impl Fn(&mut Vec<Vec<u8>>)) -> Memory {
    let mut changed = folder.clone();
    let bundle = changed.0.get_mut("tile/entries/000").unwrap();
    let mut entries: Vec<Vec<u8>> = decode_bundle(bundle, 256).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    change(&mut entries);
    *bundle = encode_bundle(&entries).unwrap();
    changed
}

#[test]
fn entries_changed_under_their_tiles_are_named_by_position() {
    let (_, folder) = original();
    let swapped = rewritten(&folder, |entries| entries.swap(140, 141));
    let report = assert_fails(&swapped, &["tile/0/000"], "swapping under the tile");
    let text = format!("{report:?}");
    assert!(text.contains("hash 140 is not the leaf hash of record 140"), "{text}");
}

#[test]
fn an_entry_changed_and_packed_again_is_named_with_its_file() {
    let [_, mut folder] = both_forms();
    let place = "tile/entries/000.gz";
    let mut bundle = unpack(&folder.0[place]).unwrap();
    let at = bundle.windows(5).position(|window| window == b"\"v\":1").unwrap();
    bundle[at + 4] = b'2';
    folder.0.insert(place.to_owned(), pack(&bundle).unwrap());
    let report = assert_fails(&folder, &["tile/0/000"], "an edit");
    assert!(format!("{report:?}").contains(&format!("is not the leaf hash of record 0 in {place}")), "{report:#?}");
}

#[test]
fn a_log_signed_again_by_another_key_is_not_authentic() {
    let (mut entries, _) = original();
    entries.swap(10, 11);
    let mut folder = whole(&entries);
    let checkpoint = Checkpoint::open(&folder.0["checkpoint"], [signer().verifier()]).unwrap().0;
    let thief = Signer::from_seed(checkpoint.origin(), &[1; 32]).unwrap();
    folder.0.insert("checkpoint".to_owned(), checkpoint.sign(&thief).unwrap().to_bytes());
    folder.0.insert("log.vkey".to_owned(), format!("{}\n", thief.verifier()).into_bytes());
    let report = assert_fails(&folder, &["checkpoint"], "signing with another key");
    assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::Fail));
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass), "it is whole, but not ours");
    let untrusting = verify_folder(&folder, Options::default(), &mut |_| {}).unwrap();
    assert_eq!(untrusting.verdict(Question::Authenticity), Some(Verdict::NotChecked), "self-asserted");
}

/// The log's own key signs another history: integrity cannot tell, conformance and completeness can.
#[test]
fn a_fork_by_the_log_itself_fails_where_the_chain_breaks() {
    let (entries, _) = original();
    let step = |at: usize| String::from_utf8_lossy(&entries[at].0).contains("\"step\":2");
    let at = (0..entries.len()).find(|at| step(*at)).unwrap();
    let mut dropped = entries.clone();
    dropped.remove(at);
    let report = verify(&whole(&dropped));
    assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::Pass));
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass));
    assert_eq!(report.verdict(Question::Completeness), Some(Verdict::Fail));
    let mut swapped = entries.clone();
    swapped.swap(at, at + 1);
    let report = verify(&whole(&swapped));
    assert!(report.verdict(Question::Completeness) == Some(Verdict::Fail), "{report:#?}");
    let mut edited = entries;
    edited[at].0 = String::from_utf8(edited[at].0.clone()).unwrap().replace("\"production\"", "\"test\"").into_bytes();
    assert!(verify(&whole(&edited)).failed());
}

#[test]
fn vault_entries_that_move_change_or_go_are_noticed() {
    let (entries, _) = original();
    let with = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut changed = entries.clone();
        change(&mut changed);
        whole(&changed)
    };
    let sealed: Vec<usize> = (0..entries.len()).filter(|at| !entries[*at].1.is_empty()).collect();
    let (one, two) = (sealed[5], sealed[6]);
    let empty = (0..entries.len()).find(|at| entries[*at].1.is_empty()).unwrap();
    let place = |at: usize| format!("record {at}");
    let swapped = with(&|entries| {
        let held = entries[one].1.clone();
        entries[one].1 = entries[two].1.clone();
        entries[two].1 = held;
    });
    assert_fails(&swapped, &[&place(one)], "swapping vault entries");
    let added = with(&|entries| entries[empty].1 = b"more".to_vec());
    assert_fails(&added, &[&place(empty)], "adding a vault entry");
    let gone = with(&|entries| entries[one].1.clear());
    let report = assert_fails(&gone, &[&place(one)], "deleting a vault entry");
    assert_eq!(report.verdict(Question::Vault), Some(Verdict::Fail));
    let mut short = Vec::new();
    append_vault_entry(&mut short, b"x");
    let mut changed = whole(&entries);
    changed.0.insert("vault/000".to_owned(), short);
    assert_fails(&changed, &["vault/000"], "a vault bundle of one");
}

#[test]
fn another_log_of_the_same_key_under_another_name_is_refused() {
    let (entries, folder) = original();
    let other = Signer::from_seed("countersign.example/other", &LOG_SEED).unwrap();
    let checkpoint = Checkpoint::open(&folder.0["checkpoint"], [signer().verifier()]).unwrap().0;
    let renamed = Checkpoint::new(other.name(), checkpoint.size(), checkpoint.root()).unwrap();
    let mut changed = whole(&entries);
    changed.0.insert("checkpoint".to_owned(), renamed.sign(&other).unwrap().to_bytes());
    assert_fails(&changed, &["checkpoint"], "another origin");
}

#[test]
fn an_older_checkpoint_of_the_same_log_is_a_rollback() {
    let (entries, folder) = original();
    let older = publish(&entries, &[130]).0.remove("checkpoint").unwrap();
    let mut rolled_back = folder.clone();
    rolled_back.0.insert("checkpoint".to_owned(), older);
    assert_fails(&rolled_back, &["tile/0/000"], "an older checkpoint");
    let options = Options { trust: Some(&trust()), growing: true, ..Options::default() };
    let report = verify_folder(&rolled_back, options, &mut |_| {}).unwrap();
    assert!(!report.failed(), "a log that is being written may be ahead of its checkpoint: {report:#?}");
    let mut changed = rolled_back.clone();
    changed.0.get_mut("tile/entries/000").unwrap()[50] ^= 1;
    assert!(verify_folder(&changed, options, &mut |_| {}).unwrap().failed());
    let plain = rolled_back.0["tile/entries/000"].clone();
    let mut packed = packed(rolled_back);
    let judge = |folder: &Memory| verify_folder(folder, options, &mut |_| {}).unwrap();
    assert!(!judge(&packed).failed(), "the bundle that the checkpoint cuts is packed: {:#?}", judge(&packed));
    // As between packing what an older version left and taking that away.
    packed.0.insert("tile/entries/000".to_owned(), plain);
    assert!(!judge(&packed).failed(), "{:#?}", judge(&packed));
    packed.0.get_mut("tile/entries/000").unwrap()[50] ^= 1;
    assert!(judge(&packed).failed(), "two that differ");
}
