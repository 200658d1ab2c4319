//! Stories: the records of one action, as somebody hands them to a verifier.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Limits, Object, Value, parse};
use countersign_evidence::record::Envelope;
use countersign_tlog::TlogProof;
use countersign_verify::{Question, Report, Verdict, verify_story};

use crate::published::TRUST;

/// Spelling and what stands around the records do not matter, every question is asked once, and what passes holds by a
/// second way of looking.
pub fn story(data: &[u8]) {
    let report = verify_story(data, &[], Some(&TRUST));
    assert!(!report.passed(), "a story alone never shows that nothing is missing");
    let once = report.verdicts.windows(2).all(|pair| pair[0].question < pair[1].question);
    assert!(once, "a question with two answers: {report:?}");
    let Ok(story) = parse(data, Limits { depth: 128, ..Limits::default() }) else {
        return assert!(report.failed(), "not JSON, yet nothing failed");
    };
    assert_eq!(verify(&story), report, "spelled differently, judged differently");
    let mut bare = Object::new();
    if let Some(records) = story.get("records") {
        bare.insert("records", records.clone());
    }
    assert_eq!(verify(&Value::Object(bare)), report, "judged by what stands around the records");
    let Some(records) = story.get("records").and_then(Value::as_array) else { return assert!(report.failed()) };
    if report.verdict(Question::Integrity) == Some(Verdict::Pass) {
        assert!(records.iter().all(is_intact), "integrity passes, but not all records are intact");
    }
    if report.verdict(Question::Authenticity) == Some(Verdict::Pass) && !report.failed() {
        assert!(records.iter().all(is_proven), "authenticity passes, but not all records are proven");
    }
}

fn verify(story: &Value) -> Report {
    verify_story(story.to_canonical().as_bytes(), &[], Some(&TRUST))
}

fn text<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    record.get(name).and_then(Value::as_str)
}

fn is_intact(record: &Value) -> bool {
    let envelope = text(record, "envelope").unwrap_or_default().as_bytes();
    let leaf = text(record, "leaf").is_none_or(|leaf| leaf == Digest::leaf(envelope).to_string());
    leaf && Envelope::parse(envelope).is_ok()
}

fn is_proven(record: &Value) -> bool {
    let envelope = text(record, "envelope").unwrap_or_default().as_bytes();
    let proof = text(record, "proof").and_then(|proof| TlogProof::parse(proof.as_bytes()).ok());
    let position = record.get("position").and_then(Value::as_number).and_then(|number| number.as_u64());
    proof.is_some_and(|proof| proof.verify(envelope, &TRUST).is_ok() && Some(proof.index) == position)
}
