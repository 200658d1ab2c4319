//! A published folder, from the checkpoint down to every byte.

use std::io;

use countersign_evidence::open::KeyRing;
use countersign_tlog::{Checkpoint, TrustFile};

use crate::authenticity;
use crate::folder::Folder;
use crate::integrity::{self, Pass, Stored};
use crate::ledger::Ledger;
use crate::openings::Openings;
use crate::report::{Answer, Findings, LogSeen, Question, Report, Verdict};
use crate::shelf::{CHECKPOINT, Shelf};
use crate::signatures::Signatures;

/// What to check, and with what.
#[derive(Default, Clone, Copy)]
pub struct Options<'a> {
    /// The verifier's own trust file; without it nobody vouches for the checkpoint.
    pub trust: Option<&'a TrustFile>,
    /// Keys to open sealed fields with.
    pub keys: Option<&'a dyn KeyRing>,
    /// Stop at integrity: completeness and conformance are not checked.
    pub integrity_only: bool,
    /// The log is being written: files may already reach beyond the checkpoint.
    pub growing: bool,
    /// The vault is not part of what is verified: an auditor may have the published log alone.
    pub without_vault: bool,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records looked at.
    pub done: u64,
    /// Records in the log.
    pub of: u64,
}

/// A file that exists but cannot be read. What can be read and is wrong is a finding, not an error.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read: {source}")]
pub struct VerifyError {
    /// Which file.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// Verifies a published log.
///
/// # Errors
/// [`VerifyError`] where a file cannot be read. Then nothing is known.
pub fn verify_folder(
    folder: &dyn Folder,
    options: Options<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, VerifyError> {
    let mut shelf = Shelf::new(folder, options.growing)?;
    let (checkpoint, authenticity) = authenticity::check(&shelf, options.trust)?;
    let Some(checkpoint) = checkpoint else { return Ok(without_checkpoint(authenticity)) };
    let without_vault = options.without_vault;
    let (origin, size) = (checkpoint.origin().to_owned(), checkpoint.size());
    let mut ledger = (!options.integrity_only).then(|| Ledger::new(&origin));
    let mut openings = options.keys.filter(|_| !without_vault).map(|ring| Openings::new(ring, &origin));
    let mut signatures = Signatures::default();
    let each = |stored: Stored<'_>| {
        let Some(envelope) = ledger.as_mut().and_then(|ledger| ledger.take(&stored)) else { return };
        let signature = openings.as_mut().and_then(|openings| openings.take(&stored, &envelope));
        signatures.take(stored.position, &envelope, signature.as_ref());
    };
    let mut pass =
        integrity::walk(&mut shelf, &checkpoint, without_vault, each, |done| progress(Progress { done, of: size }))?;
    shelf.report_left(without_vault, &mut pass.findings)?;
    let mut report = report(&checkpoint, authenticity, pass, ledger, openings, without_vault);
    report.verdicts.extend(signatures.judge());
    Ok(report)
}

fn report(
    checkpoint: &Checkpoint,
    authenticity: Answer,
    pass: Pass,
    ledger: Option<Ledger>,
    openings: Option<Openings<'_>>,
    without_vault: bool,
) -> Report {
    let size = checkpoint.size();
    let last_erasure = pass.vault.last_erasure;
    let integrity = integrity::judge(pass.findings, size, pass.vault.held);
    let vault = pass.vault.judge(without_vault);
    let erased = ledger.as_ref().map(|ledger| ledger.system().erased.clone()).unwrap_or_default();
    let (rest, matches) = match ledger.map(|ledger| ledger.judge(size, pass.lost)) {
        Some((answers, matches)) => (answers, Some(matches)),
        None => (not_asked(&[Question::Completeness, Question::Conformance], "only integrity was asked for"), None),
    };
    let openings = match openings {
        Some(openings) => vec![openings.judge(&erased, last_erasure)],
        None => not_asked(&[Question::Openings], "no keys were given: sealed fields stay closed"),
    };
    let log = LogSeen { origin: checkpoint.origin().to_owned(), size, root: checkpoint.root().to_base64() };
    let verdicts = [vec![authenticity, integrity, vault], rest, openings].concat();
    Report { log: Some(log), matches, verdicts }
}

fn not_asked(questions: &[Question], what: &str) -> Vec<Answer> {
    let answer = |question: &Question| Findings::default().answer(*question, Verdict::NotChecked, what);
    questions.iter().map(answer).collect()
}

/// Without a readable checkpoint there is nothing that the rest could be compared with.
fn without_checkpoint(authenticity: Answer) -> Report {
    let mut findings = Findings::default();
    findings.add(CHECKPOINT, "without it there is no root to compare the entries with");
    let what = "there is no readable checkpoint";
    let integrity = findings.judge(Question::Integrity, Verdict::Fail, what);
    let rest = [Question::Vault, Question::Completeness, Question::Conformance, Question::Openings];
    Report { log: None, matches: None, verdicts: [vec![authenticity, integrity], not_asked(&rest, what)].concat() }
}
