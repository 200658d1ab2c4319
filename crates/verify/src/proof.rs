//! One record with its `.tlog-proof`.

use countersign_evidence::record::{Body, Envelope};
use countersign_tlog::{Checkpoint, TlogProof, TrustFile, leaf_hash, verify_inclusion};

use crate::authenticity;
use crate::report::{Answer, Findings, LogSeen, Question, Report, Verdict, record};

/// Verifies that an envelope is in a log, by the proof file that came with it (C2SP tlog-proof).
pub fn verify_proof(proof: &[u8], envelope: &[u8], trust: Option<&TrustFile>) -> Report {
    let (authenticity, integrity, log) = check(proof, envelope, trust);
    let alone = |question, what: &str| Findings::default().answer(question, Verdict::NotChecked, what);
    let verdicts = vec![
        authenticity,
        integrity,
        alone(Question::Completeness, "one record says nothing about others: that takes the whole log"),
        alone(Question::Conformance, "one record shows no course of events"),
    ];
    Report { log, matches: None, verdicts }
}

/// The verdicts on who signed, and on whether this record is in what was signed.
pub(crate) fn check(proof: &[u8], envelope: &[u8], trust: Option<&TrustFile>) -> (Answer, Answer, Option<LogSeen>) {
    let mut findings = Findings::default();
    let not_read = |what: String| {
        let mut unread = Findings::default();
        unread.add("proof", what);
        unread.judge(Question::Authenticity, Verdict::Fail, "the proof cannot be read")
    };
    let read = TlogProof::parse(proof).map_err(|error| error.to_string());
    let read = read.and_then(|proof| match Checkpoint::parse(proof.checkpoint.text()) {
        Ok(checkpoint) => Ok((proof, checkpoint)),
        Err(error) => Err(error.to_string()),
    });
    let (proof, checkpoint) = match read {
        Ok(read) => read,
        Err(error) => {
            findings.add("proof", error.clone());
            let integrity = findings.judge(Question::Integrity, Verdict::Fail, "the proof cannot be read");
            return (not_read(error), integrity, None);
        }
    };
    let authenticity = authenticity::judge(&proof.checkpoint, trust, false, Findings::default());
    let position = record(proof.index);
    if let Err(error) =
        verify_inclusion(&leaf_hash(envelope), proof.index, checkpoint.size(), &checkpoint.root(), &proof.hashes)
    {
        findings.add(&position, error.to_string());
    }
    let what = match Envelope::parse(envelope) {
        Ok(Envelope { body: Body::Unknown { kind, .. }, .. }) => format!("a record of the unknown type {kind}"),
        Ok(envelope) => envelope.body.kind().to_owned(),
        Err(error) => {
            findings.add(&position, error.to_string());
            "not an envelope".to_owned()
        }
    };
    let what = format!("{position} of {} in {}: {what}", checkpoint.size(), checkpoint.origin());
    let log = LogSeen {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: checkpoint.root().to_base64(),
    };
    (authenticity, findings.judge(Question::Integrity, Verdict::Pass, what), Some(log))
}
