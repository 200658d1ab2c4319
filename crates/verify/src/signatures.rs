//! Do the signed answers bear a signature of exactly what they state? For those whose signature is open.

use std::collections::BTreeSet;

use countersign_evidence::json::{self, Value};
use countersign_evidence::record::{Assertion, Body, Envelope, Statement};

use crate::report::{Answer, Findings, Question, Verdict};

/// Signed answers as they come by.
#[derive(Default)]
pub(crate) struct Signatures {
    findings: Findings,
    good: u64,
    closed: u64,
    /// Where the signatures were made.
    origins: BTreeSet<String>,
}

impl Signatures {
    /// Takes the next record, and its signature where that is open.
    pub(crate) fn take(&mut self, position: u64, envelope: &Envelope, signature: Option<&Value>) {
        let Body::ReviewDecided(decided) = &envelope.body else { return };
        if decided.signature.is_none() {
            return;
        }
        let statement = envelope.link.and_then(|link| Statement::of(link.action, decided));
        let Some(statement) = statement else {
            return self.findings.at(position, "a signed answer lacks what it states");
        };
        let Some(signature) = signature else {
            self.closed += 1;
            return;
        };
        let assertion = json::from_value::<Assertion>(signature.clone()).map_err(|error| error.to_string());
        let checked = assertion.and_then(|assertion| {
            countersign_passkey::check(&statement, &assertion).map_err(|error| error.to_string())
        });
        match checked {
            Ok(origin) => {
                self.good += 1;
                self.origins.insert(origin);
            }
            Err(what) => self.findings.at(position, format!("the signature: {what}")),
        }
    }

    /// The verdict; `None` where nothing is signed.
    pub(crate) fn judge(self) -> Option<Answer> {
        if self.good == 0 && self.closed == 0 && self.findings.is_empty() {
            return None;
        }
        let origins = self.origins.into_iter().collect::<Vec<_>>().join(", ");
        let mut what = match self.good {
            0 => String::new(),
            good => format!("{good} answers are signed by passkeys, made at {origins}"),
        };
        if self.closed > 0 {
            let more = if what.is_empty() { "" } else { "; " };
            what.push_str(&format!("{more}{} signatures stay closed", self.closed));
        }
        let verdict = if self.closed > 0 { Verdict::NotChecked } else { Verdict::Pass };
        Some(self.findings.judge(Question::Signatures, verdict, what))
    }
}
