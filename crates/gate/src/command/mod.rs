//! What the writer is asked to do, one file per verb. Each is applied to a state that includes everything ahead of it, and
//! either adds records to the turn or is refused.

mod cancel;
mod close;
mod decide;
mod finish;
mod note;
mod propose;
mod resolve;
mod standing;
mod start;
mod sweep;
mod system;

use std::sync::Arc;

use countersign_evidence::json::Value;
use countersign_policy::PolicySet;
use countersign_wire::ActionView;
use uuid::Uuid;

pub(crate) use cancel::given_up;
pub(crate) use decide::{Edit, Verdict};
pub(crate) use finish::Finish;
pub(crate) use note::Note;
pub(crate) use resolve::Resolution;
pub(crate) use standing::StandingChange;
pub(crate) use start::{Redeemer, Start};

use crate::draft::Draft;
use crate::error::GateError;
use crate::open_action::{OpenAction, Shown};
use crate::prepare::Prepared;
use crate::turn::Turn;

/// A command, with all that could be made ready before its turn.
pub(crate) enum Command {
    Propose(Box<Prepared>),
    Start(Box<Start>),
    Finish(Box<Finish>),
    /// An operator settles an unknown outcome.
    Resolve(Box<Resolution>),
    Cancel {
        action: Uuid,
        why: String,
        by: Uuid,
    },
    Present {
        action: Uuid,
        draft: Box<Draft>,
        payload_version: u32,
        shown: Shown,
    },
    Decide(Box<Verdict>),
    Note(Box<Note>),
    /// A standing approval is granted or revoked.
    Standing(Box<StandingChange>),
    /// Records about the system.
    System(Vec<Draft>),
    /// A policy set comes into force.
    Activate {
        draft: Box<Draft>,
        policy: Arc<PolicySet>,
    },
    /// A subject or a person will be erased: its open actions close, then the record.
    CloseSubject {
        /// Ids of its keys, and a person's own.
        subjects: Vec<Uuid>,
        draft: Box<Draft>,
    },
    /// A subject's keys are destroyed.
    Erased(Box<Draft>),
    /// Whatever time has ended.
    Sweep,
}

/// What a command comes to.
pub(crate) enum Answer {
    View(Box<ActionView>),
    /// Refused, and that is recorded: the answer waits for the record like any other.
    Refused(GateError),
    /// What was made ready no longer fits (another policy is in force by now): make it ready again.
    Stale,
    Position(u64),
    Closed(Vec<Uuid>),
}

impl Command {
    /// Whether it ends what has begun: such a command may use the room that is kept for that on a full disk.
    pub(crate) fn ends_something(&self) -> bool {
        matches!(
            self,
            Command::Finish(_)
                | Command::Resolve(_)
                | Command::Cancel { .. }
                | Command::Sweep
                | Command::CloseSubject { .. }
                | Command::Erased(_)
        )
    }
}

impl Turn<'_> {
    /// Applies one command. On an error nothing of it remains.
    pub(crate) fn apply(&mut self, command: &Command) -> Result<Answer, GateError> {
        let mark = self.mark();
        let result = match command {
            Command::Propose(prepared) => self.propose(prepared),
            Command::Start(start) => self.start(start),
            Command::Finish(finish) => self.finish_execution(finish),
            Command::Resolve(resolution) => self.resolve(resolution),
            Command::Cancel { action, why, by } => self.cancel(*action, why, *by),
            Command::Present { action, draft, payload_version, shown } => {
                self.present(*action, draft, *payload_version, shown)
            }
            Command::Decide(verdict) => self.decide(verdict),
            Command::Note(said) => self.note(said),
            Command::Standing(change) => self.change_standing(change),
            Command::System(drafts) => self.record_all(drafts),
            Command::Activate { draft, policy } => self.activate(draft, policy),
            Command::CloseSubject { subjects, draft } => self.close_subject(subjects, draft),
            Command::Erased(draft) => self.system(Draft::clone(draft)).map(Answer::Position),
            Command::Sweep => self.sweep(),
        };
        if result.is_err() {
            self.undo(&mark);
        }
        result
    }

    /// The action, or a loaded copy of it where the gate no longer holds it.
    fn take(&self, action: Uuid, loaded: Option<&Arc<OpenAction>>) -> Result<OpenAction, GateError> {
        if let Some(held) = self.get(action) {
            return Ok(OpenAction::clone(held));
        }
        let loaded = loaded.ok_or(GateError::NotFound("open action"))?;
        // What the gate has let go of the index has read whole. A copy from before that would fork the action.
        match self.shared.indexed_positions(action)? == Some(loaded.positions.clone()) {
            true => Ok(OpenAction::clone(loaded)),
            false => Err(GateError::Busy),
        }
    }

    fn answer(&mut self, open: OpenAction) -> Result<Answer, GateError> {
        Ok(Answer::View(Box::new(self.put(open).view())))
    }
}

/// A payload that was handed in or only its digest.
pub(crate) struct Presented {
    pub(crate) plain: countersign_evidence::digest::Digest,
    pub(crate) payload: Option<Value>,
}
