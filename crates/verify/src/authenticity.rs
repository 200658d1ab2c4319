//! Did the log that the verifier trusts sign this?

use countersign_tlog::{Checkpoint, Evaluation, Note, Quorum, TrustFile, Verifier};

use crate::report::{Answer, Findings, Question, Verdict};
use crate::shelf::{CHECKPOINT, Shelf, VKEY};
use crate::verify::VerifyError;

const QUESTION: Question = Question::Authenticity;

/// Reads the checkpoint and judges its signatures. What it says is given back whether or not it is to be believed.
pub(crate) fn check(shelf: &Shelf<'_>, trust: Option<&TrustFile>) -> Result<(Option<Checkpoint>, Answer), VerifyError> {
    let mut findings = Findings::default();
    let Some(bytes) = shelf.read(CHECKPOINT)? else {
        findings.add(CHECKPOINT, "it is missing: a published log has a signed checkpoint");
        return Ok((None, findings.judge(QUESTION, Verdict::Fail, "there is no checkpoint")));
    };
    let note = match Note::parse(&bytes) {
        Ok(note) => note,
        Err(error) => {
            findings.add(CHECKPOINT, error.to_string());
            return Ok((None, findings.judge(QUESTION, Verdict::Fail, "the checkpoint is not a signed note")));
        }
    };
    let checkpoint = match Checkpoint::parse(note.text()) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            findings.add(CHECKPOINT, error.to_string());
            return Ok((None, findings.judge(QUESTION, Verdict::Fail, "the note is not a checkpoint")));
        }
    };
    let brought = check_brought_key(shelf, &note, &mut findings)?;
    Ok((Some(checkpoint), judge(&note, trust, brought, findings)))
}

/// The key that lies beside the evidence. It vouches for nothing, but it must fit, or somebody has changed something.
fn check_brought_key(shelf: &Shelf<'_>, note: &Note, findings: &mut Findings) -> Result<bool, VerifyError> {
    if !shelf.has_vkey() {
        return Ok(false);
    }
    let bytes = shelf.read(VKEY)?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
    match text.map(Verifier::from_vkey) {
        Some(Ok(key)) if text == Some(key.vkey().as_str()) => {
            if let Err(error) = Checkpoint::open(&note.to_bytes(), [&key]) {
                findings.add(VKEY, format!("the key that came with the folder does not vouch for it: {error}"));
            }
        }
        Some(Err(error)) => findings.add(VKEY, error.to_string()),
        _ => findings.add(VKEY, "it is not one vkey and a newline"),
    }
    Ok(true)
}

pub(crate) fn judge(note: &Note, trust: Option<&TrustFile>, brought: bool, mut findings: Findings) -> Answer {
    let Some(trust) = trust else {
        let what = match brought {
            true => "the key that came with the folder is self-asserted: give a trust file of your own",
            false => "no trust file was given: who signed is not known",
        };
        return findings.judge(QUESTION, Verdict::NotChecked, what);
    };
    match trust.require(note) {
        Ok(evaluation) => {
            let what = describe(&evaluation, note);
            findings.judge(QUESTION, Verdict::Pass, what)
        }
        Err(error) => {
            findings.add(CHECKPOINT, error.to_string());
            findings.judge(QUESTION, Verdict::Fail, "the checkpoint is not to be believed")
        }
    }
}

fn describe(evaluation: &Evaluation, note: &Note) -> String {
    let cosigned = evaluation.witnesses.iter().filter(|witness| witness.cosigned_at.is_some()).count();
    let unknown = note.signatures().len().saturating_sub(evaluation.logs.len() + cosigned);
    let mut what = format!("signed by the trusted log key {}", evaluation.logs.join(", "));
    what.push_str(&match evaluation.quorum {
        Quorum::NotRequired => "; no witnesses are required".to_owned(),
        _ => format!("; {cosigned} of {} trusted witnesses have cosigned", evaluation.witnesses.len()),
    });
    if unknown > 0 {
        what.push_str(&format!("; {unknown} signatures by keys that are not trusted were not checked"));
    }
    what
}
