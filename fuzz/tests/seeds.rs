//! The good seeds are good: otherwise the properties would only see what is refused at once.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Limits, from_value, parse};
use countersign_evidence::record::Envelope;
use countersign_evidence::seal::read_disclosure;
use countersign_evidence::vault;
use countersign_fuzz::{TARGETS, framed};
use countersign_policy::{PolicySet, PolicyText};
use countersign_tlog::{Checkpoint, Note, Tile, TlogProof, TrustFile, decode_bundle, unpack};
use countersign_verify::{Question, Verdict, decode_vault_bundle, verify_story};
use countersign_wire::{DecideRequest, FinishRequest, ProposeRequest, StartRequest};
use serde::de::DeserializeOwned;

fn seed(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(path)).unwrap()
}

fn text(path: &str) -> String {
    String::from_utf8(seed(path)).unwrap()
}

#[test]
fn every_target_has_seeds_that_pass() {
    for target in &TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let seeds: Vec<_> = fs::read_dir(folder).unwrap().collect();
        assert!(seeds.len() >= 2, "{}", target.name);
        seeds.into_iter().for_each(|seed| (target.run)(&fs::read(seed.unwrap().path()).unwrap()));
    }
}

#[test]
fn what_should_be_read_is_read() {
    parse(&seed("json/accepted"), Limits::default()).unwrap();
    parse(&seed("json/object"), Limits::default()).unwrap();
    for line in ["system", "life", "other"].map(|name| text(&format!("envelope/{name}"))).join("\n").lines() {
        assert!(line.is_empty() || Envelope::parse(line.as_bytes()).is_ok(), "{line}");
    }
    for line in ["nested", "partial"].map(|name| text(&format!("disclosure/{name}"))).join("\n").lines() {
        assert!(line.is_empty() || read_disclosure(line).is_ok(), "{line}");
    }
    vault::sections(&seed("vault/wrapped")).unwrap();
    vault::sections(&seed("vault/plain")).unwrap();
    Note::parse(&seed("note/checkpoint")).unwrap();
    Note::parse(&seed("note/two")).unwrap();
    Checkpoint::parse(&text("checkpoint/text")).unwrap();
    Checkpoint::parse(&text("checkpoint/empty")).unwrap();
    for name in ["7", "325", "extra"] {
        TlogProof::parse(&seed(&format!("tlog_proof/{name}"))).unwrap();
    }
    TrustFile::parse(&seed("trust_file/published")).unwrap();
    TrustFile::parse(&seed("trust_file/groups")).unwrap();
    for name in ["level1", "large", "full"] {
        let seed = seed(&format!("tile/{name}"));
        let path = seed.split(|byte| *byte == b'\n').next().unwrap();
        Tile::from_path(std::str::from_utf8(path).unwrap()).unwrap();
    }
    decode_bundle(&seed("bundle/entries")[1..], 2).unwrap();
    decode_bundle(&seed("bundle/full")[1..], 256).unwrap();
    for name in ["stored", "zlib", "entries"] {
        let packed = framed(&seed(&format!("packed/{name}")));
        assert!(unpack(&packed).unwrap().len() >= 40, "{name}");
    }
    decode_vault_bundle(&seed("bundle/vault")[1..], 3).unwrap();
}

#[test]
fn the_trust_file_of_the_log_proves_its_records() {
    let trust = TrustFile::parse(&seed("trust_file/published")).unwrap();
    Checkpoint::open(&seed("checkpoint/signed"), trust.logs()).unwrap();
    let report = verify_story(&seed("story/proven"), &[], Some(&trust));
    assert_eq!(report.verdict(Question::Authenticity), Some(Verdict::Pass), "{report:?}");
    assert_eq!(report.verdict(Question::Integrity), Some(Verdict::Pass), "{report:?}");
    let report = verify_story(&seed("story/action"), &[], Some(&trust));
    assert_eq!(report.verdict(Question::Conformance), Some(Verdict::Pass), "{report:?}");
}

#[test]
fn the_bodies_have_their_form() {
    fn reads<T: DeserializeOwned>(name: &str) {
        let text = text(&format!("http/{name}")).replace("PAYLOAD-DIGEST", &Digest([0; 32]).to_string());
        let body = parse(text.split_once('\n').unwrap().1.as_bytes(), Limits::default()).unwrap();
        from_value::<T>(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    ["propose", "review"].map(reads::<ProposeRequest>);
    ["start", "mismatch"].map(reads::<StartRequest>);
    reads::<FinishRequest>("finish");
    ["approve", "edit", "deny"].map(reads::<DecideRequest>);
}

#[test]
fn the_policies_load() {
    for name in ["files", "small", "cases"] {
        let text = text(&format!("policy/{name}"));
        let files = text.split("=== ").skip(1).map(|part| part.split_once('\n').unwrap());
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let set = PolicySet::from_text(PolicyText(files)).unwrap_or_else(|errors| panic!("{name}: {errors}"));
        assert!(!set.is_empty());
    }
}
