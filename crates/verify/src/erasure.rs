//! Vault entries that are gone, and the records that may explain it.

use crate::report::{Answer, Findings, Question, Verdict};

/// What the pass over the log notes about the vault.
#[derive(Debug, Default)]
pub(crate) struct VaultSeen {
    /// Entries whose bytes match their digest.
    pub(crate) held: u64,
    /// Positions whose envelope names a vault entry that is not there.
    pub(crate) gone: Vec<u64>,
    /// Position of the last record that says that something was erased or deleted by rule.
    pub(crate) last_erasure: Option<u64>,
}

impl VaultSeen {
    pub(crate) fn note_kind(&mut self, position: u64, kind: &str) {
        if explains(kind) {
            self.last_erasure = Some(position);
        }
    }

    /// A gone entry needs a later record that says so. Which entries that record speaks of is not visible without keys, so
    /// even then the answer is not PASS.
    pub(crate) fn judge(self, without_vault: bool) -> Answer {
        let mut findings = Findings::default();
        if without_vault {
            let what = "the vault was left out of this verification";
            return findings.answer(Question::Vault, Verdict::NotChecked, what);
        }
        let mut verdict = if self.held > 0 { Verdict::Pass } else { Verdict::NotChecked };
        for position in &self.gone {
            if self.last_erasure.is_some_and(|erasure| erasure > *position) {
                verdict = verdict.max(Verdict::NotChecked);
                findings.at(*position, "its vault entry is gone; a later record of an erasure may cover it");
            } else {
                verdict = Verdict::Fail;
                findings.at(*position, "its vault entry is gone, and no later record says that anything was erased");
            }
        }
        let what = match (self.held, self.gone.len()) {
            (0, 0) => "no record has a vault entry".to_owned(),
            (held, 0) => format!("all {held} vault entries are there"),
            (held, gone) => format!("{held} vault entries are there, {gone} are gone"),
        };
        findings.answer(Question::Vault, verdict, what)
    }
}

/// Types of record that can account for a vault entry that is gone.
fn explains(kind: &str) -> bool {
    kind == "subject.erased" || kind.starts_with("evidence.")
}
