//! The records of one action, as the gate's API tells its story.

use std::collections::{BTreeMap, HashMap, HashSet};

use countersign_evidence::action::Action;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::record::{Body, Envelope};
use countersign_evidence::seal::{Disclosures, read_disclosure};
use countersign_tlog::{TlogProof, TrustFile};

use crate::conformance::Matches;
use crate::proof;
use crate::report::{Answer, Findings, LogSeen, Question, Report, Verdict};
use crate::signatures::Signatures;

/// Largest story in bytes.
const MOST_STORY: usize = 256 << 20;

/// One record of a story.
struct Told {
    position: u64,
    envelope: String,
    disclosures: Vec<String>,
    leaf: Option<String>,
    proof: Option<Vec<u8>>,
}

/// Verifies the records of one action: JSON with a `records` list, each with `position`, `envelope` (its canonical text),
/// `disclosures` and, if it brings one, `proof` (the text of a `.tlog-proof`). Further proofs may be handed in apart.
///
/// The sentences around the records are a reading aid; they are not evidence and are not looked at.
pub fn verify_story(story: &[u8], proofs: &[Vec<u8>], trust: Option<&TrustFile>) -> Report {
    match read(story, proofs) {
        Ok(told) => judge(&told, trust),
        Err(what) => {
            let mut findings = Findings::default();
            findings.add("story", what);
            let answer = findings.judge(Question::Integrity, Verdict::Fail, "the story cannot be read");
            Report { verdicts: vec![answer], ..Report::default() }
        }
    }
}

fn read(story: &[u8], proofs: &[Vec<u8>]) -> Result<Vec<Told>, String> {
    let story = json::parse(story, Limits { bytes: MOST_STORY, depth: 128 }).map_err(|error| error.to_string())?;
    let records = story.get("records").and_then(Value::as_array).ok_or("it has no list \"records\"")?;
    let mut apart: HashMap<u64, &Vec<u8>> = HashMap::new();
    for proof in proofs {
        let index = TlogProof::parse(proof).map_err(|error| error.to_string())?.index;
        apart.insert(index, proof);
    }
    let mut told: Vec<Told> = records.iter().map(read_record).collect::<Result<_, _>>()?;
    for record in &mut told {
        record.proof = record.proof.take().or_else(|| apart.remove(&record.position).cloned());
    }
    match apart.keys().next() {
        Some(index) => Err(format!("a proof is for record {index}, which is not in the story")),
        None => Ok(told),
    }
}

fn read_record(value: &Value) -> Result<Told, String> {
    let member = |name: &str| value.get(name).ok_or_else(|| format!("a record has no {name:?}"));
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("a record's member is not a string".to_owned());
    let disclosures = member("disclosures")?.as_array().ok_or("disclosures is not a list")?;
    Ok(Told {
        position: member("position")?.as_number().and_then(|number| number.as_u64()).ok_or("position is no number")?,
        envelope: text(member("envelope")?)?,
        disclosures: disclosures.iter().map(text).collect::<Result<_, _>>()?,
        leaf: value.get("leaf").map(text).transpose()?,
        proof: value.get("proof").map(text).transpose()?.map(String::into_bytes),
    })
}

fn judge(told: &[Told], trust: Option<&TrustFile>) -> Report {
    let (inclusion, log) = inclusion(told, trust);
    let mut integrity = Findings::default();
    let mut conformance = Findings::default();
    let mut openings = Opened::default();
    let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
    let mut action: Option<Action> = None;
    let mut last_position = None;
    for told in told {
        if last_position.replace(told.position).is_some_and(|last| last >= told.position) {
            integrity.at(told.position, "its position is not after the previous record's");
        }
        let leaf = Digest::leaf(told.envelope.as_bytes());
        if told.leaf.as_ref().is_some_and(|claimed| *claimed != leaf.to_string()) {
            integrity.at(told.position, "it is not what the leaf hash beside it says");
        }
        let envelope = match Envelope::parse(told.envelope.as_bytes()) {
            Ok(envelope) => envelope,
            Err(error) => {
                integrity.at(told.position, error.to_string());
                continue;
            }
        };
        if let Body::Unknown { kind, .. } = &envelope.body {
            unknown.entry(kind.clone()).or_insert(told.position);
        }
        if let Err(error) = envelope.check_sealed() {
            conformance.at(told.position, error.to_string());
        }
        let applied = match action.as_mut() {
            Some(action) => action.apply(&envelope, leaf),
            None => Action::open(&envelope, leaf).map(|opened| action = Some(opened)),
        };
        if let Err(error) = applied {
            conformance.at(told.position, error.to_string());
        }
        openings.open(told, &envelope);
    }
    let mut matches = Matches::default();
    action.iter().for_each(|action| matches.count(action));
    let (any, some) = (if told.is_empty() { Verdict::NotChecked } else { Verdict::Pass }, told.len());
    let mut verdicts = inclusion;
    verdicts.push(integrity.judge(Question::Integrity, any, format!("{some} envelopes in canonical form")));
    verdicts.push(Findings::default().answer(
        Question::Completeness,
        Verdict::NotChecked,
        "no gaps up to the last step shown; whether a later one exists takes the whole log",
    ));
    verdicts.push(conformance.judge(Question::Conformance, any, format!("{some} records by the rules; {matches}")));
    verdicts.extend(unknown_types(unknown));
    let signatures = std::mem::take(&mut openings.signatures);
    verdicts.push(openings.judge());
    verdicts.extend(signatures.judge());
    Report { log, matches: Some(matches), verdicts: merge(verdicts) }
}

/// Whether the records are in a log that is trusted, as far as proofs say so. All must be of one log.
fn inclusion(told: &[Told], trust: Option<&TrustFile>) -> (Vec<Answer>, Option<LogSeen>) {
    let mut log: Option<LogSeen> = None;
    let mut answers = Vec::new();
    let mut missing = Findings::default();
    for told in told {
        let Some(bytes) = &told.proof else {
            missing.at(told.position, "no proof came with it");
            continue;
        };
        let (authenticity, mut integrity, seen) = proof::check(bytes, told.envelope.as_bytes(), trust);
        let index = TlogProof::parse(bytes).map(|proof| proof.index);
        let other = seen.as_ref().zip(log.as_ref()).is_some_and(|(seen, log)| seen.origin != log.origin);
        if index.is_ok_and(|index| index != told.position) || other {
            let mut wrong = Findings::default();
            wrong.at(told.position, "its proof is for another position or another log");
            integrity = wrong.judge(Question::Integrity, Verdict::Fail, "a proof does not belong to its record");
        }
        if seen.as_ref().is_some_and(|seen| log.as_ref().is_none_or(|log| seen.size > log.size)) {
            log = seen;
        }
        answers.extend([authenticity, integrity]);
    }
    if !missing.is_empty() || told.is_empty() {
        let what = "not every record came with a proof: that the log holds them is not shown";
        answers.push(missing.answer(Question::Authenticity, Verdict::NotChecked, what));
    }
    (answers, log)
}

fn unknown_types(unknown: BTreeMap<String, u64>) -> Option<Answer> {
    let mut findings = Findings::default();
    for (kind, position) in &unknown {
        findings.at(*position, kind.as_str());
    }
    let what = "records of types that this version does not know: they chain, their conformance is not checked";
    (!unknown.is_empty()).then(|| findings.answer(Question::UnknownTypes, Verdict::NotChecked, what))
}

/// One answer per question: the worst verdict, with the findings of all.
fn merge(answers: Vec<Answer>) -> Vec<Answer> {
    let mut merged: BTreeMap<Question, Answer> = BTreeMap::new();
    for answer in answers {
        match merged.get_mut(&answer.question) {
            None => {
                merged.insert(answer.question, answer);
            }
            Some(held) => {
                if answer.verdict > held.verdict {
                    held.verdict = answer.verdict;
                    held.what = answer.what;
                }
                held.findings.extend(answer.findings);
            }
        }
    }
    merged.into_values().collect()
}

/// The digest of a disclosure that neither the envelope nor another disclosure names.
fn stray(disclosures: &[String], envelope: &Envelope) -> Option<Digest> {
    let mut named: HashSet<Digest> = envelope.sealed.values().copied().collect();
    for (_, value) in disclosures.iter().filter_map(|text| read_disclosure(text).ok()) {
        let digests = value.get("_sd").and_then(Value::as_array).unwrap_or_default();
        named.extend(digests.iter().filter_map(|digest| digest.as_str()?.parse::<Digest>().ok()));
    }
    disclosures.iter().map(|text| Digest::of(text.as_bytes())).find(|digest| !named.contains(digest))
}

#[derive(Default)]
struct Opened {
    findings: Findings,
    whole: u64,
    withheld: Vec<(u64, String)>,
    signatures: Signatures,
}

impl Opened {
    fn open(&mut self, told: &Told, envelope: &Envelope) {
        let disclosures: Disclosures = told.disclosures.iter().cloned().collect();
        let mut signature = None;
        for (name, digest) in &envelope.sealed {
            match disclosures.open(name, *digest) {
                Ok(Some(opened)) if opened.withheld == 0 => {
                    self.whole += 1;
                    if name == "signature" {
                        signature = Some(opened.value);
                    }
                }
                Ok(opened) => {
                    let how = if opened.is_some() { "in part" } else { "wholly" };
                    self.withheld.push((told.position, format!("{name} is withheld {how}")));
                }
                Err(error) => self.findings.at(told.position, format!("{name}: {error}")),
            }
        }
        self.signatures.take(told.position, envelope, signature.as_ref());
        if let Some(stray) = stray(&told.disclosures, envelope) {
            self.findings.at(told.position, format!("the disclosure {stray} opens none of its sealed fields"));
        }
    }

    fn judge(self) -> Answer {
        let (whole, withheld) = (self.whole, self.withheld.len());
        let what = format!("{whole} sealed fields open to what their envelopes commit to, {withheld} are withheld");
        let verdict = if withheld > 0 || whole == 0 { Verdict::NotChecked } else { Verdict::Pass };
        let mut findings = self.findings;
        let verdict = if findings.is_empty() { verdict } else { Verdict::Fail };
        for (position, what) in self.withheld {
            findings.at(position, what);
        }
        findings.answer(Question::Openings, verdict, what)
    }
}
