//! Single records with their proofs, and the story of one action.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod sample;

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{ActionClosed, ActorKind, Closing, Envelope};
use countersign_tlog::TrustFile;
use countersign_verify::{Memory, Question, Report, Verdict, verify_proof, verify_story};
use sample::courses::{log, propose_and_allow};
use sample::publish::{prove, trust_text, whole};
use sample::{Writer, actor, fields};

fn trust() -> TrustFile {
    TrustFile::parse(trust_text().as_bytes()).unwrap()
}

/// Positions of the records of the `number`th action.
fn of_action(log: &Writer, number: usize) -> Vec<usize> {
    let link = |at: &usize| Envelope::parse(&log.entries[*at].0).unwrap().link;
    let first = (0..log.entries.len()).filter(|at| link(at).is_some_and(|link| link.step == 0)).nth(number).unwrap();
    let action = link(&first).unwrap().action;
    (0..log.entries.len()).filter(|at| link(at).is_some_and(|link| link.action == action)).collect()
}

fn story(log: &Writer, folder: Option<&Memory>, positions: &[usize]) -> Value {
    let mut pool = Vec::new();
    let record = |at: &usize| {
        let envelope = Envelope::parse(&log.entries[*at].0).unwrap();
        let mut disclosures = log.disclosures.get(at).cloned().unwrap_or_default();
        pool.extend(disclosures.iter().cloned());
        // The payload's disclosures come again where it was executed, and only those.
        if envelope.body.kind() == "execution.started" {
            disclosures = payload_only(&pool, &envelope);
        }
        let mut record = Object::new();
        record.insert("position", *at as u64);
        record.insert("envelope", String::from_utf8(log.entries[*at].0.clone()).unwrap());
        record.insert("disclosures", disclosures.into_iter().map(Value::from).collect::<Vec<_>>());
        record.insert("leaf", countersign_evidence::digest::Digest::leaf(&log.entries[*at].0).to_string());
        if let Some(folder) = folder {
            record.insert("proof", prove(folder, *at as u64).to_string());
        }
        Value::from(record)
    };
    let records: Vec<Value> = positions.iter().map(record).collect();
    Value::from(Object::from_iter([("records", records)]))
}

fn payload_only(disclosures: &[String], envelope: &Envelope) -> Vec<String> {
    use countersign_evidence::digest::Digest;
    use countersign_evidence::seal::read_disclosure;
    let mut wanted = vec![envelope.sealed["payload"]];
    let mut found = Vec::new();
    while let Some(digest) = wanted.pop() {
        let text = disclosures.iter().find(|text| Digest::of(text.as_bytes()) == digest).unwrap();
        let (_, value) = read_disclosure(text).unwrap();
        let digests = value.get("_sd").and_then(Value::as_array).unwrap_or_default();
        wanted.extend(digests.iter().map(|digest| digest.as_str().unwrap().parse::<Digest>().unwrap()));
        found.push(text.clone());
    }
    found
}

fn verify(story: &Value) -> Report {
    verify_story(story.to_canonical().as_bytes(), &[], Some(&trust()))
}

fn verdict(report: &Report, question: Question) -> Verdict {
    report.verdict(question).unwrap()
}

#[test]
fn a_proof_passes_and_any_change_in_it_fails() {
    let log = log(21, 30);
    let folder = whole(&log.entries);
    for index in [0, 1, 63, 64, log.entries.len() as u64 - 1] {
        let (proof, envelope) = (prove(&folder, index).to_bytes(), &log.entries[index as usize].0);
        let report = verify_proof(&proof, envelope, Some(&trust()));
        assert_eq!(verdict(&report, Question::Authenticity), Verdict::Pass);
        assert_eq!(verdict(&report, Question::Integrity), Verdict::Pass);
        assert_eq!(verdict(&report, Question::Completeness), Verdict::NotChecked);
        assert_eq!(verdict(&verify_proof(&proof, envelope, None), Question::Authenticity), Verdict::NotChecked);
        assert!(verify_proof(&proof, &log.entries[2].0, Some(&trust())).failed());
        for at in 0..proof.len() {
            let mut changed = proof.clone();
            changed[at] ^= 1;
            assert!(verify_proof(&changed, envelope, Some(&trust())).failed(), "byte {at}");
        }
    }
}

#[test]
fn a_story_passes_as_far_as_it_can_be_checked() {
    let log = log(22, 36);
    let folder = whole(&log.entries);
    for number in 0..18 {
        let positions = of_action(&log, number);
        let report = verify(&story(&log, Some(&folder), &positions));
        assert!(!report.failed(), "{number}: {report:#?}");
        for question in [Question::Authenticity, Question::Integrity, Question::Conformance] {
            assert_eq!(verdict(&report, question), Verdict::Pass, "{number} {question:?}");
        }
        assert_eq!(verdict(&report, Question::Completeness), Verdict::NotChecked);
        let unproven = verify(&story(&log, None, &positions));
        assert_eq!(verdict(&unproven, Question::Authenticity), Verdict::NotChecked);
        assert!(!unproven.failed());
    }
    let whole_story = verify(&story(&log, Some(&folder), &of_action(&log, 0)));
    assert_eq!(verdict(&whole_story, Question::Openings), Verdict::Pass, "{whole_story:#?}");
}

#[test]
fn a_story_that_was_changed_fails() {
    let log = log(23, 36);
    let folder = whole(&log.entries);
    let positions = of_action(&log, 2);
    let told = story(&log, Some(&folder), &positions);
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, Question, Change); 6] = [
        ("a record less", Question::Conformance, |records| drop(records.remove(2))),
        ("two records swapped", Question::Conformance, |records| records.swap(3, 4)),
        ("another position", Question::Integrity, |records| {
            records[1].as_object_mut().unwrap().insert("position", 3u64);
        }),
        ("another envelope", Question::Integrity, |records| {
            let envelope = records[1].get("envelope").unwrap().as_str().unwrap().replace("\"review\"", "\"allow\"");
            records[1].as_object_mut().unwrap().insert("envelope", envelope);
        }),
        ("another record's disclosures", Question::Openings, |records| {
            let foreign = records[1].get("disclosures").unwrap().clone();
            records[0].as_object_mut().unwrap().insert("disclosures", foreign);
        }),
        ("another record's proof", Question::Integrity, |records| {
            let foreign = records[1].get("proof").unwrap().clone();
            records[0].as_object_mut().unwrap().insert("proof", foreign);
        }),
    ];
    for (name, question, change) in changes {
        let mut records = told.get("records").unwrap().as_array().unwrap().to_vec();
        change(&mut records);
        let report = verify(&Value::from(Object::from_iter([("records", records)])));
        assert_eq!(verdict(&report, question), Verdict::Fail, "{name}: {report:#?}");
    }
}

#[test]
fn what_is_withheld_is_said() {
    let log = log(24, 3);
    let mut told = story(&log, None, &of_action(&log, 0));
    let records = told.as_object_mut().unwrap().get_mut("records").unwrap();
    let Value::Array(records) = records else { panic!("no records") };
    let shown: Vec<Value> = records[0].get("disclosures").unwrap().as_array().unwrap()[1..].to_vec();
    records[0].as_object_mut().unwrap().insert("disclosures", shown);
    let report = verify(&told);
    // The disclosures below the one that was taken out open nothing any more.
    assert_ne!(verdict(&report, Question::Openings), Verdict::Pass);
    records_without_disclosures(&mut told);
    let report = verify(&told);
    assert_eq!(verdict(&report, Question::Openings), Verdict::NotChecked);
    assert!(report.answer(Question::Openings).unwrap().findings[0].what.contains("withheld wholly"));
}

fn records_without_disclosures(told: &mut Value) {
    let Some(Value::Array(records)) = told.as_object_mut().unwrap().get_mut("records") else { panic!("no records") };
    for record in records {
        record.as_object_mut().unwrap().insert("disclosures", Vec::<Value>::new());
    }
}

#[test]
fn proofs_may_come_apart_from_the_story() {
    let log = log(25, 4);
    let folder = whole(&log.entries);
    let positions = of_action(&log, 0);
    let told = story(&log, None, &positions).to_canonical();
    let mut proofs: Vec<Vec<u8>> = positions.iter().map(|at| prove(&folder, *at as u64).to_bytes()).collect();
    let report = verify_story(told.as_bytes(), &proofs, Some(&trust()));
    assert_eq!(verdict(&report, Question::Authenticity), Verdict::Pass);
    proofs.push(prove(&folder, 0).to_bytes());
    assert!(verify_story(told.as_bytes(), &proofs, Some(&trust())).failed(), "a proof of another record");
}

#[test]
fn a_story_seals_what_its_types_seal() {
    let mut log = log(25, 1);
    let mut act = propose_and_allow(&mut log);
    let closed = ActionClosed { how: Closing::Cancelled };
    log.step(&mut act, actor(ActorKind::System, "gate"), closed, fields(r#"{"aside":"x"}"#));
    let report = verify(&story(&log, None, &of_action(&log, 1)));
    let answer = report.answer(Question::Conformance).unwrap();
    assert_eq!(answer.verdict, Verdict::Fail);
    assert!(answer.findings[0].what.contains("it seals aside"), "{answer:?}");
}
