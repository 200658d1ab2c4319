//! How the executed payloads stand to the approved ones.

use countersign_evidence::action::{Action, Stage};
use countersign_evidence::record::{Match, Outcome};
use serde::Serialize;

/// The actions of a log, each counted once by where it stands at the end; `refused` counts records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Matches {
    /// Executed exactly as proposed, outcome known.
    pub exact: u64,
    /// Executed exactly as a reviewer edited it, outcome known.
    pub edited: u64,
    /// Executed as authorized, outcome unknown.
    pub unknown: u64,
    /// Executed as authorized, outcome still open.
    pub executing: u64,
    /// Denied, expired, cancelled or closed without being executed.
    pub not_executed: u64,
    /// Not yet at an end: waiting or authorized.
    pub open: u64,
    /// Refused starts: another payload than the authorized one, or an authorization that does not hold.
    pub refused: u64,
}

impl Matches {
    pub(crate) fn count(&mut self, action: &Action) {
        self.refused += u64::from(action.refusals);
        let one = match &action.stage {
            Stage::Finished(end) if end.outcome == Outcome::Unknown => &mut self.unknown,
            Stage::Finished(end) => match end.execution.started.matches {
                Match::Exact => &mut self.exact,
                Match::Edited => &mut self.edited,
            },
            Stage::Executing(_) => &mut self.executing,
            Stage::Denied(_) | Stage::Closed(_) => &mut self.not_executed,
            _ => &mut self.open,
        };
        *one += 1;
    }

    pub(crate) fn actions(&self) -> u64 {
        self.exact + self.edited + self.unknown + self.executing + self.not_executed + self.open
    }
}

impl std::fmt::Display for Matches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} EXACT, {} EDITED, {} UNKNOWN, {} NOT EXECUTED, {} executing, {} open; {} starts REFUSED",
            self.exact, self.edited, self.unknown, self.not_executed, self.executing, self.open, self.refused
        )
    }
}
