//! The files of `docs/vectors` are those that a fresh run writes, and every verdict in them holds.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use countersign_evidence::json::{Limits, Value, parse};
use countersign_evidence::key::Key;
use countersign_tlog::TrustFile;
use countersign_verify::{Directory, Folder, Options, Question, Verdict, verify_folder, verify_proof};
use sample::Ring;

fn folder() -> Directory {
    Directory::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors"))
}

fn read(path: &str) -> Vec<u8> {
    folder().read(path).unwrap().unwrap()
}

#[test]
fn the_files_are_what_a_fresh_run_writes() {
    let mut stored: BTreeMap<String, Vec<u8>> =
        folder().list().unwrap().into_iter().map(|path| (path.clone(), read(&path))).collect();
    stored.remove("README.md");
    let fresh = sample::vectors::files();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&stored), names(&fresh));
    for (path, bytes) in fresh {
        assert!(stored[&path] == bytes, "{path} differs from a fresh run");
    }
}

#[test]
fn the_log_gives_the_stored_report() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors");
    let trust = TrustFile::parse(&read("trust")).unwrap();
    let keys = parse(&read("keys.json"), Limits::default()).unwrap();
    let mut ring = Ring::default();
    for (id, key) in keys.as_object().unwrap().iter() {
        use base64::Engine;
        let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(key.as_str().unwrap()).unwrap();
        ring.0.insert(id.parse().unwrap(), Key::from_bytes(key.try_into().unwrap()));
    }
    let options = Options { trust: Some(&trust), keys: Some(&ring), ..Options::default() };
    let report = verify_folder(&Directory::new(vectors.join("log")), options, &mut |_| {}).unwrap();
    let stored = parse(&read("report.json"), Limits::default()).unwrap();
    assert_eq!(countersign_evidence::json::to_value(&report).unwrap(), stored);
    for answer in report.verdicts {
        let unknown = answer.question == Question::UnknownTypes;
        assert_eq!(answer.verdict, if unknown { Verdict::NotChecked } else { Verdict::Pass }, "{answer:?}");
    }
}

#[test]
fn the_proofs_hold() {
    let trust = TrustFile::parse(&read("trust")).unwrap();
    let proofs: Vec<String> =
        folder().list().unwrap().into_iter().filter(|path| path.ends_with(".tlog-proof")).collect();
    assert!(proofs.len() > 3);
    for path in proofs {
        let envelope = read(&path.replace(".tlog-proof", ".json"));
        let report = verify_proof(&read(&path), &envelope, Some(&trust));
        assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::Pass));
        assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass), "{path}");
    }
}

/// The generator judges what must be refused by the code itself; here the numbers show that nothing is missing.
#[test]
fn every_list_has_its_cases() {
    for (path, list, least) in [
        ("canonical.json", "accept", 60),
        ("canonical.json", "reject", 45),
        ("envelopes.json", "accept", 25),
        ("envelopes.json", "reject", 50),
        ("conformance.json", "redeemed", 3),
        ("conformance.json", "redeemed_wrongly", 3),
        ("conformance.json", "seals_wrongly", 28),
        ("conformance.json", "unknown", 2),
        ("conformance.json", "unknown_too_soon", 1),
        ("disclosures.json", "seal", 10),
        ("disclosures.json", "open", 63),
        ("disclosures.json", "reject", 15),
        ("packed.json", "accept", 3),
        ("packed.json", "reject", 14),
        ("vault.json", "open", 4),
        ("vault.json", "reject", 8),
    ] {
        let file = parse(&read(path), Limits::default()).unwrap();
        let cases = file.get(list).and_then(Value::as_array).unwrap().len();
        assert!(cases >= least, "{path} {list}: {cases}");
    }
}
